"""What the pages name exists: metrics, flags, variables, files, commands, dependencies, messages."""

import re
import tomllib
from pathlib import Path

import click
import pytest
from botocore import exceptions as sdk_exceptions

from exporter.cli.main import COMMANDS, load_command
from exporter.metrics.run_families import RUN_FAMILIES
from tests.docs.pages import PAGES, ROOT, anchors, commands, links, name, prose, spans
from tests.rules.shipped import exported

DECISIONS, CONTRIBUTING = ROOT / "docs" / "decisions.md", ROOT / "CONTRIBUTING.md"
CI = (ROOT / ".ci" / "run").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()
PREREQUISITES = dict(re.findall(r"^([a-z0-9-]+):([^#\n]*)", MAKEFILE, re.MULTILINE))

all_pages = pytest.mark.parametrize("page", PAGES, ids=name)


METRICS = {
    *exported(),
    *(name.removesuffix("_bucket") for name in exported()),
    *(family.name for family in RUN_FAMILIES),
}
_PARAMETERS = [parameter for name in COMMANDS for parameter in load_command(name).params]
OPTIONS = [parameter for parameter in _PARAMETERS if isinstance(parameter, click.Option)]


@all_pages
def test_metrics_exist(page: Path) -> None:
    """A query copied from a page must not select a series that does not exist."""
    assert set(re.findall(r"\bglue_mv_(?:refresh|exporter)_[a-z0-9_]+", page.read_text())) <= METRICS
    for ending in re.findall(r"`…(_[a-z_]+)`", prose(page)):
        assert any(metric.endswith(ending) for metric in METRICS), ending


@all_pages
def test_flags_and_environment_variables_exist(page: Path) -> None:
    """Those in the prose; those in examples are parsed in test_examples."""
    known = {text for option in OPTIONS for text in option.opts} | {"--version", "--help"}
    assert {span.split("=")[0] for span in spans(page) if span.startswith("--")} <= known
    named = set(re.findall(r"\bGLUE_MV_EXPORTER_[A-Z_]+", page.read_text()))
    assert named <= {option.envvar for option in OPTIONS}


@all_pages
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page):
        if link.startswith("https://"):
            continue
        path, _, fragment = link.partition("#")
        linked = page.parent / path if path else page
        assert linked.is_file(), link
        assert not fragment or fragment in anchors(linked), link


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().split()) <= 1200


def test_every_page_is_reached_from_the_readme() -> None:
    """Link by link."""
    ahead, left = [ROOT / "README.md"], set(PAGES) - {ROOT / "README.md"}
    while ahead:
        page = ahead.pop()
        linked = {(page.parent / link.partition("#")[0]).resolve() for link in links(page)}
        ahead += linked & left
        left -= linked
    assert left == set()


@all_pages
def test_files_of_the_code_exist(page: Path) -> None:
    """A path in the prose is one of the project, or of the folder of its page's subject."""
    for span in spans(page):
        if re.fullmatch(r"(exporter|tests|docs|tools|requirements)/[\w/.-]+|\.ci/\w+", span):
            assert (ROOT / span).exists(), span
        elif re.fullmatch(r"\w+\.py", span):
            assert list((ROOT / "exporter").rglob(span)), span
        elif re.fullmatch(r"exporter(\.\w+)+", span):
            path = ROOT / span.replace(".", "/")
            assert path.is_dir() or path.with_suffix(".py").is_file(), span


def test_the_table_of_the_architecture_has_every_module() -> None:
    """Of the parts that watch and count; the others are one row each."""
    page = (ROOT / "docs" / "architecture.md").read_text()
    named = set(re.findall(r"^\| `((?:model|glue|poller|store)/\w+\.py)` \|", page, re.MULTILINE))
    packages = ("model", "glue", "poller", "store")
    files = [file for package in packages for file in (ROOT / "exporter" / package).glob("[!_]*.py")]
    assert named == {str(file.relative_to(ROOT / "exporter")) for file in files}


@all_pages
def test_make_targets_exist(page: Path) -> None:
    examples = [line for block, line in commands() if block.page == page]
    for example in (*spans(page), *examples):
        if target := re.match(r"make ([a-z][a-z0-9-]*)", example):
            assert target[1] in PREREQUISITES, example


def test_contributing_names_only_what_the_ci_runs() -> None:
    """Otherwise contributors would run commands that may be broken."""
    run = set(re.findall(r"\bmake (?:--no-print-directory )?([a-z][a-z0-9-]*)", CI))
    run |= {needed for target in run for needed in PREREQUISITES[target].split()}
    named = re.findall(r"`make ([a-z][a-z0-9-]*)", CONTRIBUTING.read_text())
    assert named
    assert set(named) <= run


def test_every_dependency_has_its_reason() -> None:
    """In bold in the decisions, which name no dependency that is gone."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"]
    groups = project["dependency-groups"]
    lists = (project["project"]["dependencies"], *extras.values(), *groups.values())
    requirements = [requirement for one in lists for requirement in one]
    needed = {re.split(r"[\[<>=~! ]", requirement)[0].lower() for requirement in requirements}
    text = DECISIONS.read_text()
    explained = set(re.findall(r"\*\*([a-z0-9-]+)\*\*", text[text.index("## Dependencies at run time") :]))
    refused = {"orjson", "aiohttp", "aioboto3"}
    assert explained - refused == needed
    assert not refused & needed


def test_quoted_messages_are_those_of_the_program() -> None:
    """Users search the page for the line that they see."""
    source = "".join(path.read_text() for path in (ROOT / "exporter").rglob("*.py"))
    source += Path(str(sdk_exceptions.__file__)).read_text()
    page = (ROOT / "docs" / "troubleshooting.md").read_text()
    state = (ROOT / "docs" / "state.md").read_text()
    storage = state.split("## When the disk fails")[1].split("\n## ")[0]
    quoted = [
        text
        for text in re.findall(r"`([^`\n]+)`", page + storage)
        if " " in text and not text.startswith(("glue-mv-exporter", "config.yaml:", "--"))
    ]
    assert len(quoted) > 15
    assert [text for text in quoted if text not in source] == []
