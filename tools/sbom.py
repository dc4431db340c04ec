"""Write the bill of materials (CycloneDX) of what the image brings beside Python and Debian.

``tools/sbom.py OUTPUT`` installs the locked runtime requirements and the exporter as the image does, and
looks at that; ``tools/sbom.py OUTPUT FOLDER`` at a folder of installed packages, such as an image's.
"""

import json
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def install(folder: Path) -> Path:
    """Install what the image has into an environment; return its folder of packages."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder / "dist"],
        cwd=ROOT, check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    venv.create(folder)
    pip = (sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install", "--quiet")
    subprocess.run([*pip, "--require-hashes", "-r", ROOT / "requirements" / "runtime.txt"], check=True)
    subprocess.run([*pip, "--no-deps", *(folder / "dist").glob("*.whl")], check=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    return packages


def describe(packages: Path, output: Path, scratch: Path) -> None:
    """Write what is installed in this folder; the same for the same packages."""
    # cyclonedx-py asks an interpreter where its packages are. An image's own cannot run outside of it.
    stand_in, answer = scratch / "interpreter", scratch / "path.json"
    answer.write_text(json.dumps([str(packages)]))
    stand_in.write_text(f"#!/bin/sh\nexec cat '{answer}'\n")
    stand_in.chmod(0o700)
    subprocess.run(
        [
            Path(sys.executable).with_name("cyclonedx-py"), "environment", stand_in,
            "--pyproject", ROOT / "pyproject.toml", "--output-reproducible", "--validate",
            "--output-file", output,
        ],
        check=True,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )  # fmt: skip


def main() -> None:
    """Run as a script."""
    output, *folder = (Path(argument).resolve() for argument in sys.argv[1:])
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="sbom-") as name:
        scratch = Path(name)
        describe(folder[0] if folder else install(scratch / "environment"), output, scratch)
    print(f"{output}: {len(json.loads(output.read_text())['components'])} components")


if __name__ == "__main__":
    main()
