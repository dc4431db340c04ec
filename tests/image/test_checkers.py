"""The checkers of others have nothing to say about the Dockerfile."""

import json
import subprocess
import sys
from pathlib import Path

from tests.image.engine import ROOT

CARELESS = "FROM python\nRUN cd /tmp && pip install x\nADD . /\n"


def findings(checker: str, *arguments: str | Path) -> object:
    command = [Path(sys.executable).with_name(checker), *arguments]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    found = json.loads(done.stdout)
    if checker == "trivy":
        (result,) = found["Results"]
        return result.get("Misconfigurations", [])
    return found


def test_hadolint_and_trivy_find_nothing(tmp_path: Path) -> None:
    """And would find what is careless: else their silence would prove nothing."""
    careless = tmp_path / "Dockerfile"
    careless.write_text(CARELESS)
    quiet = ("--skip-check-update", "--skip-version-check", "--quiet", f"--cache-dir={tmp_path / 'cache'}")
    for dockerfile, is_careless in ((ROOT / "Dockerfile", False), (careless, True)):
        assert bool(findings("hadolint", "--format=json", dockerfile)) == is_careless
        assert bool(findings("trivy", "config", *quiet, "--format=json", dockerfile)) == is_careless
