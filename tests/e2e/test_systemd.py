"""systemd reads the unit without a complaint, and finds little that the service could do to its host."""

import subprocess
import sys
from pathlib import Path

import pytest

UNIT = Path(__file__).parents[2] / "deploy" / "systemd" / "glue-mv-exporter.service"
MOST_EXPOSED = 15
"""Tenths of systemd's measure, from 0 to 100; what is left is the network, which an exporter is for."""


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """Give the unit with the program where it is installed here: systemd looks whether it is there."""
    text = UNIT.read_text().replace("/opt/glue-mv-exporter/bin", str(Path(sys.executable).parent))
    path = tmp_path / UNIT.name
    path.write_text(text)
    return path


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, check=False)


def test_systemd_understands_the_unit(unit: Path) -> None:
    verified = analyze("verify", "--man=no", str(unit))
    assert verified.returncode == 0, verified.stderr
    complaints = [line for line in verified.stderr.splitlines() if UNIT.stem in line]
    assert complaints == []


def test_a_misspelt_directive_would_be_found(unit: Path) -> None:
    """So that the test above proves something."""
    unit.write_text(unit.read_text().replace("ProtectSystem=", "ProtectSytem="))
    verified = analyze("verify", "--man=no", str(unit))
    assert "ProtectSytem" in verified.stderr


def test_the_service_is_little_exposed(unit: Path) -> None:
    arguments = ("security", "--offline=true", "--no-pager", f"--threshold={MOST_EXPOSED}", str(unit))
    judged = analyze(*arguments)
    assert judged.returncode == 0, judged.stdout
    assert "Overall exposure level" in judged.stdout
