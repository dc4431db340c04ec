"""Fails every test of the suite after which a secret of the tests is found in what was printed or logged.

What a test takes out of the capture to look at it is searched, too. ``tests/conftest.py`` puts it in place;
what programs of their own print is looked through by ``tests/e2e/program.py``.
"""

import re
from collections.abc import Generator
from typing import Any

import pytest

PLAIN = (
    "do-not-print",
    "s3cr3t",
    "hunter2",
    "wonderland",
    "assumed-secret",
    "assumed-token",
    "role-secret",
    "role-token",
    "wJalrXUtnFEMI",
    "IQoJb3JpZ2lu",
)
"""The secrets of the tests, or their beginnings. A new one has "do-not-print" in it, or is added here."""
SECRETS = re.compile(
    "|".join(
        [
            *map(re.escape, PLAIN),
            r"\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}",  # a bcrypt hash
            r"(?i:authorization\"?[:=] ?\"?basic )",  # a password on its way
            r"AWS4-HMAC-SHA256|Signature=[0-9a-f]{16}",  # a signed request
            r"-----BEGIN [A-Z ]*PRIVATE KEY",
        ]
    )
)
_TAKEN = pytest.StashKey[list[str]]()


@pytest.fixture
def capsys(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> pytest.CaptureFixture[str]:
    """Return pytest's own fixture, which notes what is taken out of it."""
    taken = request.node.stash.setdefault(_TAKEN, [])
    read = capsys.readouterr

    def readouterr() -> Any:  # pytest does not name its type in public
        result = read()
        taken.extend(result)
        return result

    capsys.readouterr = readouterr  # type: ignore[method-assign]  # pytest has no hook for it
    return capsys


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Search what each phase of a test has printed, and turn it into a failure."""
    report = yield
    texts = [text for _, text in report.sections] + item.stash.get(_TAKEN, [])
    found = {match.group() for text in texts for match in SECRETS.finditer(text)}
    if found and report.passed:
        report.outcome = "failed"
        report.longrepr = f"printed what nothing may print: {', '.join(sorted(found))}"
    return report
