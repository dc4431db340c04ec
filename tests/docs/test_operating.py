"""The operating guide says what the program does."""

import asyncio
import re
import shlex
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import click
import httpx
import pytest

from exporter import __version__
from exporter.cli.exporter_process import make_exporter
from exporter.cli.main import load_command
from exporter.cli.signals import LEAVE_WITHIN
from exporter.metrics.exposition import accepts_gzip
from exporter.model.settings import Settings
from exporter.poller.scheduler import STUCK_AFTER
from exporter.web.app import make_app
from exporter.web.pages import runbook_routes, status_routes
from exporter.web.server import GRACE_PERIOD
from exporter.web.status import read_status
from tests.docs.pages import ROOT, blocks

PAGE = ROOT / "docs" / "operating.md"


def section(heading: str) -> str:
    return PAGE.read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the table in a section, without its head."""
    lines = [line for line in section(heading).splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


def test_the_flags_are_those_of_serve() -> None:
    """Each with its variable, its default and its help."""
    options = [option for option in load_command("serve").params if isinstance(option, click.Option)]
    expected = []
    for option in options:
        default = " ".join(option.default) if isinstance(option.default, list) else option.default
        written = "" if option.is_flag or default is None else f"`{default}`"
        expected.append([f"`{option.opts[0]}`", f"`{option.envvar}`", written, option.help])
    assert rows("Flags") == expected


def ask(method: str, path: str, problems: Sequence[str] | None, trouble: str | None, *, ready: bool) -> int:
    """Return the status; ``problems``: of a reload, None where it is not allowed."""
    exporter = make_exporter(Settings(targets=()))
    read = partial(read_status, exporter.store, now=0.0)
    pages = [*status_routes(read, accepts_gzip), *runbook_routes()]
    app = make_app(
        scrape=exporter.exposition.scrape,
        trouble=lambda: trouble,
        ready=lambda: ready,
        reload=None if problems is None else lambda: problems,
        pages=pages,
    )

    async def go() -> int:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://exporter") as client:
            return (await client.request(method, path)).status_code

    try:
        return asyncio.run(go())
    finally:
        exporter.close()


@pytest.mark.parametrize(("path", "method", "told"), rows("Endpoints"))
def test_the_endpoints_answer_as_they_say(path: str, method: str, told: str) -> None:
    """Every status in the table, and no other, in every state that matters."""
    path = path.strip("`").replace("<alert>", "GlueMVRefreshFailed")
    seen = {
        ask(method, path, problems, trouble, ready=ready)
        for problems in ((), ("wrong",), None)
        for trouble, ready in ((None, True), ("stuck", False))
    }
    assert seen == {int(status) for status in re.findall(r"\b[2-5]\d\d\b", told)}
    assert ask("DELETE", path, (), None, ready=True) == 405
    assert ask("HEAD", path, (), None, ready=True) == (200 if method == "GET" else 405)


def test_the_lines_of_the_log_are_those_of_the_program() -> None:
    source = "".join(path.read_text() for path in (ROOT / "exporter").rglob("*.py"))
    table = "\n".join(line for line in section("Log").splitlines() if line.startswith("| "))
    quoted = [*re.findall(r"`([^`]+)`", table), *re.findall(r"line `([^`]+)`", section("Stop"))]
    lines = [text for text in quoted if not text.startswith("glue_mv_")]
    assert len(lines) > 8
    assert [line for line in lines if f'"{line}"' not in source] == []


def test_the_seconds_are_those_of_the_program() -> None:
    assert (LEAVE_WITHIN, GRACE_PERIOD) == (3.5, 2)
    stop = " ".join(section("Stop").split())
    assert "get two seconds" in stop
    assert "after three and a half seconds" in stop
    assert STUCK_AFTER == 60
    assert "for a minute" in section("Healthy and ready").replace("\n", " ")


LINES = [shlex.split(line) for block in blocks("sh", PAGE) for line in block.text.splitlines()]


def test_the_packages_of_the_examples_are_those_of_this_version() -> None:
    """`tests/packages` installs them."""
    assert [words[-1] for words in LINES if words[0] in {"apt-get", "dnf"}] == [
        f"./dist/glue-mv-exporter_{__version__}_amd64.deb",
        f"./dist/glue-mv-exporter-{__version__}-1.x86_64.rpm",
    ]


def test_what_is_installed_is_there(tmp_path: Path) -> None:
    """The install lines are carried out, below another root."""
    root = tmp_path / "root"
    (root / "etc" / "systemd" / "system").mkdir(parents=True)
    for words in (words for words in LINES if words[0] == "install"):
        destination = root / words[-1].lstrip("/")
        if words[1] == "-d":
            destination.mkdir(parents=True)
        else:
            source = ROOT / ("config.example.yaml" if words[-2] == "config.yaml" else words[-2])
            shutil.copy(source, destination)
            destination.chmod(int(words[2], 8))
    assert (root / "etc/glue-mv-exporter/environment").stat().st_mode & 0o777 == 0o600
    unit = (root / "etc/systemd/system/glue-mv-exporter.service").read_text()
    assert "/etc/glue-mv-exporter/config.yaml" in unit
    assert (root / "etc/glue-mv-exporter/config.yaml").is_file()
