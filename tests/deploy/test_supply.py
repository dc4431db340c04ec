"""What is installed is what was looked at: every package is locked, with hashes."""

import os
import re
import subprocess
from pathlib import Path

import pytest

LOCKS = sorted((Path(__file__).parents[2] / "requirements").glob("*.txt"))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_every_locked_package_has_a_hash(lock: Path) -> None:
    """Pip refuses one without, but only where it is installed from this file with ``--require-hashes``."""
    entries = re.split(r"\n(?=\S)", lock.read_text().strip())
    packages = [entry for entry in entries if not entry.startswith("#")]
    assert packages
    for package in packages:
        assert re.match(r"[\w.-]+(\[[\w,-]+\])?==\S+", package), package
        assert "--hash=sha256:" in package, package


@pytest.mark.parametrize("lock", ["demo.txt", "runtime.txt"])
def test_the_demo_and_the_tests_share_an_environment(lock: str) -> None:
    """`make demo` and `make test` install into the same one, in either order: neither changes a version."""
    pins = {path.name: dict(re.findall(r"^(\S+)==(\S+)", path.read_text(), re.MULTILINE)) for path in LOCKS}
    assert pins[lock].items() <= pins["dev.txt"].items()


def test_the_demo_installs_what_it_needs_and_no_more(tmp_path: Path) -> None:
    """No tool of a developer's: a newcomer waits for it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    command = ["make", "--dry-run", "demo", f"VENV={tmp_path / 'venv'}"]
    planned = subprocess.run(
        command, cwd=Path(__file__).parents[2], env=environment, capture_output=True, text=True, check=True
    ).stdout
    assert re.findall(r"-r requirements/(\S+)", planned) == ["demo.txt"]


def test_the_makefile_installs_nothing_without_hashes_but_the_project_itself() -> None:
    makefile = (Path(__file__).parents[2] / "Makefile").read_text()
    installs = [line for line in makefile.splitlines() if "pip install" in line]
    assert installs
    for line in installs:
        assert "--require-hashes -r requirements/" in line or "--no-deps -e ." in line, line
