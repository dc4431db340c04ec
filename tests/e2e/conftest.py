"""Needs the tools that it looks for on the path, and fails where one is missing."""

import shutil
from collections.abc import Iterator

import pytest

from tests.e2e.program import PRINTED, SECRETS


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart() -> None:
    """End at once where a tool is missing: a test that is left out has not passed."""
    needed = (
        "promtool",
        "prometheus",
        "prometheus-alertmanager",
        "amtool",
        "curl",
        "chromium",
        "systemd-analyze",
        "unshare",
        "nsenter",
        "faketime",
    )
    missing = [tool for tool in needed if shutil.which(tool) is None]
    if missing:
        pytest.exit(f"not on the path: {', '.join(missing)}", returncode=3)


@pytest.fixture(scope="session", autouse=True)
def no_secret_was_printed() -> Iterator[None]:
    """Look through all that was printed and answered for every secret that any test has used."""
    yield
    told = {secret for secret in SECRETS for text in PRINTED if secret in text}
    assert not told, f"{len(told)} secrets were printed"
