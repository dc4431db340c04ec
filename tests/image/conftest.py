"""Needs root, buildah, podman, runc, mmdebstrap, hadolint and trivy, and fails without them."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter import __version__
from tests.image.engine import ROOT, Engine

TOOLS = ("buildah", "podman", "runc", "mmdebstrap")
CHECKERS = ("hadolint", "trivy", "cyclonedx-py")
INPUTS = ROOT / "build" / "image"
LABELS = {
    "VERSION": __version__,
    "REVISION": "0123456789abcdef0123456789abcdef01234567",
    "CREATED": "2026-11-30T06:00:00Z",
    "SOURCE": "https://example.com/someone/glue-mv-exporter",
}
"""What a release says of itself."""


def pytest_sessionstart() -> None:
    """End at once where something is missing: a test that is left out has not passed."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    missing += [tool for tool in CHECKERS if not Path(sys.executable).with_name(tool).exists()]
    if missing:
        pytest.exit(f"missing: {', '.join(missing)}", returncode=3)
    if os.geteuid():
        pytest.exit("containers of their own storage need root here", returncode=3)


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    subprocess.run([ROOT / "tests" / "image" / "make_base.sh", INPUTS], check=True)
    engine = Engine(tmp_path_factory.mktemp("engine"), INPUTS)
    try:
        engine.import_base()
        yield engine
    finally:
        engine.close()


@pytest.fixture(scope="session")
def image(engine: Engine) -> str:
    """Return the name of the image as `docker build .` makes it: the Dockerfile's last target."""
    return engine.build("latest", *(f"--build-arg={name}={text}" for name, text in LABELS.items()))


@pytest.fixture(scope="session")
def demo_image(engine: Engine, image: str) -> str:
    """Return the name of the demo's image; built after the other one, whose layers it shares."""
    assert image
    return engine.build("demo", "--target=demo")
