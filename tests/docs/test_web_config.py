"""The page about TLS, passwords and limits."""

import re
from pathlib import Path

import pytest
import yaml

from exporter.config.web import load_web
from exporter.web.limits import KIB, Limits
from exporter.web.passwords import PasswordLimits
from tests.docs.pages import ROOT, Block, blocks

PAGE = ROOT / "docs" / "web-config.md"
KEYS = {"tls_server_config", "basic_auth_users"}
EXAMPLES = [block for block in blocks("yaml") if set(yaml.safe_load(block.text)) & KEYS]


def test_there_is_an_example() -> None:
    """Otherwise the tests below would check nothing."""
    assert EXAMPLES


@pytest.mark.parametrize("block", EXAMPLES, ids=str)
def test_examples_are_valid(tmp_path: Path, block: Block) -> None:
    file = tmp_path / "web.yml"
    file.write_text(block.text)
    assert load_web(file).settings != load_web(Path("/dev/null")).settings


def test_the_limits_are_those_of_the_server() -> None:
    section = PAGE.read_text().partition("## Limits")[2]
    written = re.findall(r"^\| [^|]+ \| ([0-9]+)(?: s| KiB)? \|", section, re.MULTILINE)
    limits = Limits()
    assert [float(figure) for figure in written] == [
        limits.connections,
        limits.handshake_seconds,
        limits.request_seconds,
        limits.idle_seconds,
        limits.answer_seconds,
        limits.clients_behind,
        limits.head_bytes / KIB,
        limits.body_bytes / KIB,
    ]


def test_the_limits_of_passwords_are_those_of_the_server() -> None:
    limits = PasswordLimits()
    sentence = f"{limits.pending} wait, at most {limits.pending_per_address} of them from one address"
    assert sentence in " ".join(PAGE.read_text().split())
