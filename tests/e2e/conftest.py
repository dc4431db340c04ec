"""Needs the tools that it looks for on the path, and fails where one is missing."""

import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.program import PRINTED, SECRETS, watching
from tests.support.bare_glue import BareGlue
from tests.support.bare_records import view_run

TOOLS = """
amtool chromium curl faketime nsenter prometheus prometheus-alertmanager promtool systemd-analyze unshare
vmalert
"""


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart() -> None:
    """End at once where a tool is missing: a test that is left out has not passed."""
    missing = [tool for tool in TOOLS.split() if shutil.which(tool) is None]
    if missing:
        pytest.exit(f"not on the path: {', '.join(missing)}", returncode=3)


@pytest.fixture(scope="session", autouse=True)
def no_secret_was_printed() -> Iterator[None]:
    """Look through all that was printed and answered for every secret that any test has used."""
    yield
    told = {secret for secret in SECRETS for text in PRINTED if secret in text}
    assert not told, f"{len(told)} secrets were printed"


@pytest.fixture
def glue() -> Iterator[BareGlue]:
    with BareGlue() as bare:
        yield bare


@pytest.fixture
def config(glue: BareGlue) -> dict[str, Any]:
    """Watch the view sales.orders: its runs 1, 2 and 3 go on, a hundred others have ended."""
    glue.records.put_view("sales", "orders", refresh_seconds=3600)
    for number in (1, 2, 3, *range(100, 200)):
        glue.records.put_run(view_run(number, status="RUNNING" if number < 100 else "SUCCEEDED"))
    return watching(glue, "sales.*")
