"""Every claim of the page on security names a test that exists."""

import re

from tests.docs.pages import ROOT

PAGE = (ROOT / "docs" / "security.md").read_text()
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", PAGE)))


def test_what_shows_a_claim_is_there() -> None:
    assert len(NAMED) > 30
    for file, test in NAMED:
        assert (ROOT / file).is_file(), file
        assert not test or f"\ndef {test}(" in (ROOT / file).read_text(), test


def test_every_threat_has_a_defence_and_what_shows_it() -> None:
    threats = PAGE.split("## Threats")[1].split("## What remains")[0]
    rows = [line.split(" | ") for line in threats.splitlines() if line.startswith("| ") and "---" not in line]
    claims = [row for row in rows if row[0] != "| threat"]
    assert len(claims) > 20
    assert [row for row in claims if len(row) != 3 or "`tests/" not in row[2]] == []
