"""Find tracked files that name a package registry's host or a path of one machine.

pip finds its registry in its own configuration, and a path of one machine is wrong on every other.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Spelled so that no pattern matches itself here.
FORBIDDEN = {
    "the host of a package registry": re.compile(
        r"\b(?:pypi\.(?:org|python)|files\.python[h]osted|registry\.(?:npmjs|yarnpkg)|[q]uay\.io|"
        r"[g]hcr\.io|registry-1\.docker|index\.docker\.io|public\.[e]cr\.aws|deb\.[d]ebian\.org|"
        r"archive\.[u]buntu)\b"
    ),
    "an index for pip": re.compile(
        r"--(?:extra-)?index-[u]rl[= ]https?:|^(?:extra-)?index-[u]rl\s*=", re.MULTILINE
    ),
    "a path of one machine": re.compile(r"(?<![\w.])/(?:work|home|Users|root)/\w"),
}


def findings(path: Path) -> list[str]:
    """Return a line for people per finding."""
    try:
        text = path.read_text()
    except (UnicodeDecodeError, IsADirectoryError, FileNotFoundError):
        return []  # a picture; a link to a folder, whose files git knows; removed, and not yet committed
    return [
        f"{path.relative_to(ROOT)}:{text.count(chr(10), 0, found.start()) + 1}: {what}: {found.group()}"
        for what, pattern in FORBIDDEN.items()
        for found in pattern.finditer(text)
    ]


def main() -> int:
    """Run as a script."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout
    files = [name for name in listed.decode().split("\0") if name]
    found = [line for name in files for line in findings(ROOT / name)]
    print("\n".join(found) or f"{len(files)} files name no registry and no machine")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
