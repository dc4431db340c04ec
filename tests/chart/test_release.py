"""The chart as it is published: with links, and with its image as the default."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter import __version__
from tests.chart.charts import CHART, ROOT, helm, rendered, value_set
from tools import chart_release

REPOSITORY = "https://forge.example.org/owner/glue-mv-exporter"
IMAGE = "registry.example.org:5000/owner/glue-mv-exporter"


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published") / "glue-mv-exporter"
    assert chart_release.main([f"{REPOSITORY}/", IMAGE, str(folder)]) == 0
    return folder


def metadata(chart: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((chart / "Chart.yaml").read_text())
    return found


def annotation(chart: Path, name: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = yaml.safe_load(metadata(chart)["annotations"][f"artifacthub.io/{name}"])
    return found


def test_helm_finds_no_fault_and_misses_nothing(release: str, published: Path) -> None:
    """Not even the icon, which it recommends."""
    done = helm(release, "lint", "--strict", str(published), "--values", str(value_set("minimal")))
    assert done.returncode == 0, done.stdout
    assert "[INFO]" not in done.stdout


def test_its_links_lead_to_this_version_of_files_that_there_are(published: Path) -> None:
    chart = metadata(published)
    assert (chart["home"], chart["sources"]) == (REPOSITORY, [REPOSITORY])
    in_readme = re.findall(r"\]\(([^)]+)\)", (published / "README.md").read_text())
    assert in_readme
    for url in [chart["icon"], *(link["url"] for link in annotation(published, "links")), *in_readme]:
        kind, _, file = url.removeprefix(f"{REPOSITORY}/").partition(f"/v{__version__}/")
        assert kind == "issues" or (kind in {"blob", "raw"} and (ROOT / file).is_file()), url


def test_its_alerts_lead_to_the_runbooks_of_this_version(release: str, published: Path) -> None:
    chart = rendered(release, "prometheusRule.enabled=true", chart=published)
    groups = chart.at("PrometheusRule spec groups")
    alerts = [rule for group in groups for rule in group["rules"] if "alert" in rule]
    assert alerts
    for alert in alerts:
        runbook = f"{REPOSITORY}/blob/v{__version__}/docs/runbooks/{alert['alert']}.md"
        assert runbook in alert["annotations"]["runbook_url"]


@pytest.mark.parametrize(
    ("setting", "image"),
    [
        ("replicaCount=1", IMAGE),
        ("image.repository=mine.example.org/glue", "mine.example.org/glue"),
        ("image.registry=mirror.example.org", "mirror.example.org/owner/glue-mv-exporter"),
        ("global.imageRegistry=mirror.example.org", "mirror.example.org/owner/glue-mv-exporter"),
    ],
)
def test_it_installs_its_image_and_a_users_own_takes_its_place(
    release: str, published: Path, setting: str, image: str
) -> None:
    chart = rendered(release, setting, chart=published)
    assert chart.at("container image") == f"{image}:{__version__}"
    named = {"name": "glue-mv-exporter", "image": f"{IMAGE}:{__version__}"}
    assert annotation(published, "images") == [named]


def test_it_says_what_the_chart_of_the_repository_says(published: Path) -> None:
    """Beside the places, nothing changes; and the changes are of kinds that Artifact Hub knows."""
    own, given = metadata(CHART), metadata(published)
    own_annotations = own.pop("annotations")
    assert given.items() >= own.items()
    assert given["annotations"].items() >= own_annotations.items()
    files, given_files = ({file.relative_to(one) for file in one.rglob("*")} for one in (CHART, published))
    assert given_files == files
    kinds = {change["kind"] for change in annotation(published, "changes")}
    assert kinds <= {"added", "changed", "deprecated", "removed", "fixed", "security"}


def test_a_default_that_has_moved_ends_the_release(tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text("image:\n  repository: elsewhere\n")
    with pytest.raises(ValueError, match=r"values\.yaml: 0 lines match"):
        chart_release.replaced(file, "^  repository: glue-mv-exporter$", "")


def test_the_chart_of_the_repository_names_no_place() -> None:
    """So it is the same in every fork."""
    assert metadata(CHART).keys().isdisjoint({"home", "sources", "icon", "maintainers"})
    assert "://" not in (CHART / "Chart.yaml").read_text()
