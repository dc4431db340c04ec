"""Needs root, dpkg, rpm, unshare and nfpm, and fails without them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
IN_AN_OVERLAY = """
mount -t tmpfs tmpfs "$0" && mkdir "$0/upper" "$0/work" "$0/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$0/upper,workdir=$0/work" "$0/root"
mount --bind /proc "$0/root/proc"
mount -t tmpfs tmpfs "$0/root/tmp"
for folder in /dev "$1"; do
  mkdir -p "$0/root$folder" && mount --bind "$folder" "$0/root$folder"
  mount -o remount,bind,ro "$0/root$folder"
done
shift
exec chroot "$0/root" sh -euc "$@"
"""
"""A mount namespace of its own, in which this machine's root can be changed, and is as before afterwards.

Of what is not in the overlay, only the tests' own folder and the devices are there, and can only be read.
"""


def pytest_sessionstart() -> None:
    """End at once where something is missing: a test that is left out has not passed."""
    missing = [tool for tool in ("dpkg", "rpm", "unshare", "systemd-analyze") if shutil.which(tool) is None]
    if not Path(sys.executable).with_name("nfpm").exists():
        missing.append("nfpm")
    if missing:
        pytest.exit(f"missing: {', '.join(missing)}", returncode=3)
    if os.geteuid():
        pytest.exit("packages are installed by root", returncode=3)


class Packages(NamedTuple):
    """The packages, as they are published."""

    deb: Path
    rpm: Path


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Packages:
    folder = tmp_path_factory.mktemp("packages")
    subprocess.run([sys.executable, ROOT / "tools" / "packages.py", folder], check=True)
    (deb,), (rpm,) = folder.glob("*.deb"), folder.glob("*.rpm")
    return Packages(deb, rpm)


class Machine(NamedTuple):
    """This machine, to install packages on: each script runs on it as it is now."""

    folder: Path
    """Where it is mounted."""
    readable: Path
    """What it can read of the tests' files."""

    def command(self, script: str, *arguments: object) -> tuple[str, ...]:
        """Return the command that runs a shell script there as root; ``$0`` is the first argument."""
        shell = ("unshare", "--mount", "sh", "-euc", IN_AN_OVERLAY, str(self.folder), str(self.readable))
        return (*shell, script, *map(str, arguments))

    def run(self, script: str, *arguments: object) -> str:
        done = subprocess.run(self.command(script, *arguments), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    return Machine(tmp_path_factory.mktemp("machine"), tmp_path_factory.getbasetemp())
