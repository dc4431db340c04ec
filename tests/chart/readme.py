"""Write what the chart's values.yaml says of its values into the chart's README.md."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.chart.charts import CHART
from tests.chart.conftest import NODE


def generated(values: Path, readme: Path) -> str:
    """Return the README with the tables made from these values.

    Raises CalledProcessError where a value is not documented, or a documented one is not there.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "README.md"
        shutil.copyfile(readme, copy)
        generator = NODE / "node_modules" / ".bin" / "readme-generator"
        subprocess.run(
            [generator, "--values", values, "--readme", copy],
            cwd=folder, stdin=subprocess.DEVNULL, check=True, timeout=60,
        )  # fmt: skip
        return copy.read_text()


if __name__ == "__main__":
    written = generated(CHART / "values.yaml", CHART / "README.md")
    (CHART / "README.md").write_text(written)
