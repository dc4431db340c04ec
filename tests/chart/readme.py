"""Write what the chart's values.yaml says of its values into the chart's README.md.

The generator fails on a value that is not documented, and on a documented one that there is not.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm" / "glue-mv-exporter"
GENERATOR = Path(__file__).parent / "node" / "node_modules" / ".bin" / "readme-generator"


class UndocumentedError(Exception):
    """The comments of values.yaml do not fit its values."""


def generated(values: Path, readme: Path) -> str:
    """Return the README with the tables made from these values. Raises UndocumentedError."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "README.md"
        shutil.copyfile(readme, copy)
        done = subprocess.run(
            [GENERATOR, "--values", values, "--readme", copy],
            cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        if done.returncode:
            raise UndocumentedError(done.stdout + done.stderr)
        return copy.read_text()


def main() -> int:
    """Run as a script."""
    readme = CHART / "README.md"
    readme.write_text(generated(CHART / "values.yaml", readme))
    return 0


if __name__ == "__main__":
    sys.exit(main())
