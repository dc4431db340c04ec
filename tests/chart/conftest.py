"""Needs Helm, npm's packages, trivy and promtool, and fails without them: what is left out has not passed."""

import functools
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chart.charts import RELEASES, Rendered, rendered

NODE = Path(__file__).parent / "node"


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart() -> None:
    """End at once where a tool is missing."""
    needed = {
        "node": shutil.which("node"),
        "promtool": shutil.which("promtool"),
        "trivy": Path(sys.executable).with_name("trivy").exists(),
        "npm's packages (make chart installs them)": (NODE / "node_modules" / ".package-lock.json").exists(),
    }
    if missing := [name for name, found in needed.items() if not found]:
        pytest.exit(f"missing: {', '.join(missing)}", returncode=3)


Render = Callable[..., Rendered]


@pytest.fixture(params=RELEASES, ids=lambda release: f"helm-{release}")
def release(request: pytest.FixtureRequest) -> str:
    """Each release of Helm in turn."""
    return str(request.param)


@pytest.fixture
def render(release: str) -> Render:
    """Render the two values of the README and more settings, or the value set ``of``."""
    return functools.partial(rendered, release)
