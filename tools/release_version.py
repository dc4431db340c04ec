"""Print the version of a release for its workflow; fail where the tag, the program and the changelog differ.

``tools/release_version.py vX.Y.Z`` prints ``version=X.Y.Z``; with ``--notes`` the changelog's section.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def version() -> str:
    """Return the version, from the one place where it is written."""
    (found,) = re.findall(
        r'^__version__ = "(.+)"$', (ROOT / "exporter" / "__init__.py").read_text(), re.MULTILINE
    )
    return str(found)


def notes(of: str) -> str:
    """Return the section of a version in the changelog, without its heading; empty where there is none."""
    sections = re.split(r"^## \[(.+?)\].*\n", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)
    return dict(zip(sections[1::2], sections[2::2], strict=True)).get(of, "").strip()


def main(arguments: list[str]) -> int:
    """Run as a script."""
    *options, tag = arguments
    written = version()
    if tag != f"v{written}":
        print(f"the tag is {tag}, exporter/__init__.py says {written}", file=sys.stderr)
        return 1
    if not notes(written):
        print(f"CHANGELOG.md has no section [{written}]", file=sys.stderr)
        return 1
    print(notes(written) if options == ["--notes"] else f"version={written}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
