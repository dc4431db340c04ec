"""Build the deb and the rpm: ``tools/packages.py FOLDER [amd64|arm64]``.

Both hold the exporter and its locked packages as they come out of their wheels, in one folder for all
supported Pythons: compiled modules of different Pythons have different names. So nothing is built or
downloaded where they are installed. ``MAINTAINER`` in the environment is who publishes them, as
``Name <address>``.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from exporter import __version__  # noqa: E402 (found once the path is set)

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
"""As in deploy/packages/glue-mv-exporter."""
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
OLDEST_GLIBC = ("2_28", "2_17")
"""Of the platforms whose wheels are taken; Red Hat's 9 has 2.34, Debian 12 has 2.36."""
MAIN = """\
from exporter.cli import main

main()
"""


def download(wheels: Path, arch: str) -> None:
    """Fetch the locked wheels, each checked by its hash, and build the exporter's own."""
    platforms = [f"--platform=manylinux_{glibc}_{MACHINES[arch]}" for glibc in OLDEST_GLIBC]
    platforms.append(f"--platform=manylinux2014_{MACHINES[arch]}")
    for version in PYTHONS:
        subprocess.run(
            [
                sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
                "--require-hashes", "-r", ROOT / "requirements" / "runtime.txt", "--no-deps",
                "--only-binary=:all:", f"--python-version={version}", *platforms, "-d", wheels,
            ],
            check=True,
        )  # fmt: skip
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", wheels],
        cwd=ROOT, check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip


def unpack(wheels: Path, lib: Path) -> None:
    """Put everything that is imported into one folder, which Python can run."""
    shutil.rmtree(lib, ignore_errors=True)
    for wheel in sorted(wheels.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            # What a wheel has for bin or share is of no use here.
            archive.extractall(lib, [name for name in archive.namelist() if ".data/" not in name])
    (lib / "__main__.py").write_text(MAIN)
    subprocess.run(
        [sys.executable, "-B", ROOT / "deploy" / "image" / "trim_botocore.py"],
        check=True,
        env={**os.environ, "PYTHONPATH": str(lib)},
    )
    for path in lib.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)


def package(folder: Path, arch: str) -> None:
    """Make both packages of what is unpacked."""
    variables = {
        "ARCH": arch,
        "VERSION": __version__,
        "MAINTAINER": os.environ.get("MAINTAINER") or "nobody in particular <root@localhost>",
    }
    folder.mkdir(parents=True, exist_ok=True)
    for packager in ("deb", "rpm"):
        subprocess.run(
            [
                Path(sys.executable).with_name("nfpm"), "package", "--config", "deploy/packages/nfpm.yaml",
                "--packager", packager, "--target", folder.resolve(),
            ],
            cwd=ROOT,
            check=True,
            env={**os.environ, **variables},
        )  # fmt: skip


def main() -> None:
    """Run as a script."""
    folder, arch = Path(sys.argv[1]), (sys.argv[2:] or ["amd64"])[0]
    with tempfile.TemporaryDirectory() as wheels:
        download(Path(wheels), arch)
        unpack(Path(wheels), ROOT / "build" / "packages" / "lib")
    package(folder, arch)


if __name__ == "__main__":
    main()
