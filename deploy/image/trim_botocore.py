"""Remove from an environment the descriptions of AWS services that the exporter never calls.

botocore has more than 400 of them, most of the size of the exporter's dependencies. Glue stays, and the
services that botocore itself calls for credentials. The environment's own Python runs this.
"""

import shutil
import sys
from pathlib import Path

import botocore

KEPT = frozenset({"glue", "sts", "sso", "sso-oidc", "signin"})
"""The exporter calls Glue and STS; botocore calls SSO, its tokens and sign-in for a profile's credentials."""


def size(folder: Path) -> int:
    """Return the bytes of all files in it."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def trim(data: Path) -> None:
    """Remove the folder of every service that is not kept; the files about all of them stay."""
    missing = KEPT - {folder.name for folder in data.iterdir()}
    if missing:
        sys.exit(f"{data} lacks {', '.join(sorted(missing))}: has botocore renamed them?")
    for folder in data.iterdir():
        if folder.is_dir() and folder.name not in KEPT:
            shutil.rmtree(folder)


def main() -> None:
    """Run as a script."""
    data = Path(botocore.__file__).parent / "data"
    before = size(data)
    trim(data)
    print(f"botocore's descriptions of services: {before >> 20} MiB before, {size(data) >> 20} MiB now")


if __name__ == "__main__":
    main()
