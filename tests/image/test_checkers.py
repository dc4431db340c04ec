"""The checkers of others have nothing to say about the Dockerfile."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.image.engine import ROOT

HADOLINT, TRIVY = (Path(sys.executable).with_name(name) for name in ("hadolint", "trivy"))
CARELESS = "FROM python\nRUN cd /tmp && pip install x\nADD . /\n"


def hadolint(dockerfile: Path) -> list[str]:
    done = subprocess.run(
        [HADOLINT, "--format=json", dockerfile], cwd=ROOT, check=False, capture_output=True, text=True
    )
    return [found["code"] for found in json.loads(done.stdout)]


def trivy(dockerfile: Path, cache: Path) -> list[str]:
    done = subprocess.run(
        [
            TRIVY, "config", "--skip-check-update", "--skip-version-check", "--quiet", "--format=json",
            f"--cache-dir={cache}", dockerfile,
        ],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    (result,) = json.loads(done.stdout)["Results"]
    return [found["ID"] for found in result.get("Misconfigurations", [])]


def test_hadolint_finds_nothing() -> None:
    assert hadolint(ROOT / "Dockerfile") == []


def test_trivy_finds_nothing(tmp_path: Path) -> None:
    assert trivy(ROOT / "Dockerfile", tmp_path) == []


@pytest.fixture
def careless(tmp_path: Path) -> Path:
    path = tmp_path / "Dockerfile"
    path.write_text(CARELESS)
    return path


def test_both_find_what_is_careless(careless: Path, tmp_path: Path) -> None:
    """Else their silence would prove nothing."""
    assert hadolint(careless)
    assert trivy(careless, tmp_path / "cache")
