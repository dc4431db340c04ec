"""Remove from a root what the exporter never runs: shells, pip, and what would install pip again.

The image's build runs this as its last step, with the base's own Python; it fails where one of them is left.
"""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

SHELLS = ("sh", "ash", "bash", "busybox", "dash", "ksh", "rbash", "zsh")
PROGRAMS = ("bin", "sbin", "usr/bin", "usr/sbin", "usr/local/bin", "usr/local/sbin")
LIBRARIES = ("usr/lib/python3*", "usr/lib/python3*/dist-packages", "usr/local/lib/python3*")
INSTALLERS = ("ensurepip", "pip", "pip-*", "setuptools", "setuptools-*", "wheel", "wheel-*")


def unwanted(root: Path) -> Iterator[Path]:
    """Yield what has to go, below this root."""
    for folder in PROGRAMS:
        for name in (*SHELLS, "pip", "pip[0-9]*", "wheel"):
            yield from (root / folder).glob(name)
    for library in LIBRARIES:
        for name in INSTALLERS:
            yield from root.glob(f"{library}/{name}")
            yield from root.glob(f"{library}/site-packages/{name}")
    # Debian keeps the wheels that ensurepip installs beside Python.
    yield from root.glob("usr/share/python-wheels")


def strip(root: Path) -> list[Path]:
    """Remove it, and return what was removed."""
    found = list(unwanted(root))
    # Two names may lead to one file: /bin is a link to /usr/bin.
    for path in found:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    return found


def main() -> None:
    """Run as a script."""
    root = Path("/")
    print("removed:", *strip(root))
    if left := list(unwanted(root)):
        sys.exit(f"left: {left}")


if __name__ == "__main__":
    main()
