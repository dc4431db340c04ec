"""Import what the exporter imports, once, so that its bytecode is in the image, and see that commands start.

``compile.py COMMAND``, run by the environment's own Python while the image is built.
"""

import importlib
import subprocess
import sys
from pathlib import Path


def main(command: str) -> None:
    """Run as a script."""
    program = Path(sys.executable).with_name("glue-mv-exporter")
    for name in (command, "healthcheck"):
        subprocess.run([program, name, "--help"], check=True, stdout=subprocess.DEVNULL)
    importlib.import_module("exporter.cli.daemon")  # and with it all that serves and polls
    importlib.import_module("boto3").client("glue", region_name="eu-west-1")


if __name__ == "__main__":
    main(*sys.argv[1:])
