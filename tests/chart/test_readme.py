"""The chart's README explains every value, and what the pages tell to install is installed."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.chart.charts import CHART, ROOT, SETS, helm, read
from tests.chart.readme import generated

README = CHART / "README.md"
VALUES = CHART / "values.yaml"
PAGES = (ROOT / "README.md", ROOT / "docs" / "kubernetes.md", README)
INSTALLATIONS = [
    line
    for page in PAGES
    for line in re.findall(r"^helm install .*$", page.read_text().replace("\\\n", " "), re.MULTILINE)
]


def test_its_tables_are_those_of_the_values() -> None:
    """`make chart-readme` writes them."""
    assert generated(VALUES, README) == README.read_text()


def test_a_value_without_an_explanation_is_an_error(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    values = tmp_path / "values.yaml"
    values.write_text(VALUES.read_text() + "undocumented: 1\n")
    with pytest.raises(subprocess.CalledProcessError):
        generated(values, README)
    assert "undocumented" in "".join(capfd.readouterr())


def test_every_value_set_is_named_and_no_other() -> None:
    assert set(re.findall(r"`([a-z-]+)-values\.yaml`", README.read_text())) == set(SETS)


@pytest.mark.parametrize("line", INSTALLATIONS, ids=lambda line: line[:60])
def test_what_the_pages_tell_installs_it(release: str, line: str) -> None:
    assert len(INSTALLATIONS) == len(PAGES)
    _, _, name, chart, *flags = shlex.split(line)
    assert (ROOT / chart).samefile(CHART)
    done = helm(release, "template", name, str(ROOT / chart), *flags)
    assert done.returncode == 0, done.stderr
    assert read(done.stdout).container["image"].startswith("registry.example.org/")
