"""Needs promtool, Prometheus, node and npm on the path, and fails without them."""

import shutil

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart() -> None:
    """End at once where a tool is missing: a test that is left out has not passed."""
    missing = [tool for tool in ("promtool", "prometheus", "node", "npm") if shutil.which(tool) is None]
    if missing:
        pytest.exit(f"not on the path: {', '.join(missing)}", returncode=3)
