"""What publishes the project: workflows with pinned actions and few permissions, for any owner."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter import __version__
from tools import release_version

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
RELEASE = (ROOT / ".github" / "workflows" / "release.yml").read_text()

every_workflow = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)


def jobs(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text())["jobs"]
    return found


@every_workflow
def test_every_action_is_pinned_by_its_commit_and_names_its_version(path: Path) -> None:
    for action in re.findall(r"uses: (?!\./)(.+)", path.read_text()):
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action


@every_workflow
def test_permissions_are_given_job_by_job(path: Path) -> None:
    assert yaml.safe_load(path.read_text())["permissions"] == {}
    for name, job in jobs(path).items():
        given = job["permissions"]
        assert "uses" in job or "timeout-minutes" in job
        assert ("contents", "write") not in given.items() or name == "release"
        assert ("packages", "write") not in given.items() or name in {"image", "chart"}


@every_workflow
def test_no_workflow_names_an_owner_or_asks_for_a_secret(path: Path) -> None:
    text = path.read_text()
    assert "secrets." not in text
    for command in re.findall(r"(?:run|tags|subject-name|registry): (.*)", text):
        assert not re.search(r"\b[\w-]+\.(?:io|com|org)\b", command), command


def test_ci_is_what_developers_run() -> None:
    (job,) = jobs(ROOT / ".github" / "workflows" / "ci.yml").values()
    assert [step["run"] for step in job["steps"] if "run" in step] == [".ci/run </dev/null"]


def test_nothing_is_published_before_the_version_and_ci_are_right() -> None:
    release = jobs(ROOT / ".github" / "workflows" / "release.yml")

    def before(name: str) -> set[str]:
        needs = release[name].get("needs", [])
        return set(needs).union(*(before(need) for need in needs))

    for name in ("image", "chart", "release"):
        assert before(name) >= {"version", "ci"}


def test_the_image_gets_every_argument_of_its_labels() -> None:
    arguments = re.findall(r"^ARG (\w+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    given = re.findall(r"^            (\w+)=\$\{\{", RELEASE, re.MULTILINE)
    assert set(given) == set(arguments) - {"PYTHON_IMAGE"}


def test_the_tag_has_to_be_the_version_and_the_notes_are_its_section(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert release_version.main([f"v{__version__}"]) == 0
    assert capsys.readouterr().out == f"version={__version__}\n"
    assert release_version.main(["--notes", f"v{__version__}"]) == 0
    notes = capsys.readouterr().out
    assert notes.strip()
    assert notes in (ROOT / "CHANGELOG.md").read_text() + "\n"
    assert "\n## " not in notes
    assert release_version.main(["v9.9.9"]) == 1
    assert capsys.readouterr().out == ""


def test_the_chart_has_the_version() -> None:
    chart = yaml.safe_load((ROOT / "helm" / "glue-mv-exporter" / "Chart.yaml").read_text())
    assert (chart["version"], chart["appVersion"]) == (__version__, __version__)


def test_the_chart_is_published_with_its_links_and_its_image() -> None:
    """tests/chart/test_release.py shows what the tool makes of them."""
    (step,) = [step["run"] for step in jobs(WORKFLOWS[-1])["chart"]["steps"] if "run" in step]
    assert 'python3 tools/chart_release.py "$SOURCE" "$IMAGE" build/glue-mv-exporter' in step
    assert "helm package build/glue-mv-exporter\n" in step
