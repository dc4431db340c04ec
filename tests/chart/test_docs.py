"""What the pages tell to type installs the chart."""

import re
import shlex

import pytest

from tests.chart.charts import CHART, ROOT, helm, read

PAGES = (ROOT / "README.md", ROOT / "docs" / "kubernetes.md", CHART / "README.md")


def installations() -> list[list[str]]:
    """Return the arguments of each `helm install` of the pages."""
    texts = [page.read_text().replace("\\\n", " ") for page in PAGES]
    return [
        shlex.split(line)[2:]
        for text in texts
        for line in re.findall(r"^helm install .*$", text, re.MULTILINE)
    ]


def test_each_page_tells_how_to_install_it() -> None:
    assert len(installations()) == len(PAGES)


@pytest.mark.parametrize("arguments", installations(), ids=lambda arguments: " ".join(arguments)[:60])
def test_what_is_told_installs_it(release: str, arguments: list[str]) -> None:
    name, chart, *flags = arguments
    assert (ROOT / chart).samefile(CHART)
    done = helm(release, "template", name, str(ROOT / chart), *flags)
    assert done.status == 0, done.err
    assert read(done.out).container["image"].startswith("registry.example.org/")
