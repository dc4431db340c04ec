"""The page about TLS, passwords and limits."""

import re
from pathlib import Path

import yaml

from exporter.config.web import load_web
from exporter.web.app import HEAD_BYTES
from exporter.web.auth import MOST_WAITING
from exporter.web.server import CONNECTIONS, Timeouts
from tests.docs.pages import ROOT, blocks

PAGE = ROOT / "docs" / "web-config.md"
KEYS = {"tls_server_config", "basic_auth_users"}
EXAMPLES = [block for block in blocks("yaml") if set(yaml.safe_load(block.text)) & KEYS]


def test_examples_are_valid(tmp_path: Path) -> None:
    assert EXAMPLES
    for block in EXAMPLES:
        file = tmp_path / "web.yml"
        file.write_text(block.text)
        assert load_web(file).settings.tls, str(block)


def test_the_limits_are_those_of_the_server() -> None:
    section = PAGE.read_text().partition("## Limits")[2]
    written = re.findall(r"^\| [^|]+ \| ([0-9]+)(?: s| KiB)? \|", section, re.MULTILINE)
    timeouts = Timeouts()
    assert [float(figure) for figure in written] == [
        CONNECTIONS,
        timeouts.handshake,
        timeouts.request,
        timeouts.answer,
        timeouts.idle,
        HEAD_BYTES / 1024,
    ]
    assert f"{MOST_WAITING} wait" in PAGE.read_text()
