"""The examples of the pages do what the pages say."""

import json
import re
import shlex
from pathlib import Path

import jsonschema
import pytest
import yaml

from exporter import config
from exporter.cli.main import COMMANDS, DEFAULT_COMMAND, load_command, run
from exporter.errors import ConfigurationError
from exporter.glue.failures import STS_OPERATIONS
from exporter.metrics.run_families import RUN_FAMILIES, run_labels
from exporter.metrics.view_families import VIEW_FAMILIES, view_labels
from exporter.model.view import ViewKey
from exporter.store.counters import ViewCounters
from exporter.store.series import OPERATIONS, RunSeries, ViewFacts, ViewSeries
from tests.docs.pages import ROOT, Block, blocks, commands
from tests.support.run_series import ACCOUNT, FULL_RUN, REGION, run_series

README = ROOT / "README.md"
VALUES_SCHEMA = json.loads((ROOT / "helm" / "glue-mv-exporter" / "values.schema.json").read_text())
VALUES = [
    block for block in blocks("yaml") if set(yaml.safe_load(block.text)) <= set(VALUES_SCHEMA["properties"])
]
CONFIGURATIONS = [block for block in blocks("yaml") if "targets" in yaml.safe_load(block.text)]
OWN_COMMANDS = [
    pytest.param(line, id=f"{block} {line}")
    for block, line in commands()
    if re.search(r"^(\S*/)?glue-mv-exporter ", line)
]


def test_there_are_examples() -> None:
    """Otherwise the tests below would check nothing."""
    assert min(len(CONFIGURATIONS), len(OWN_COMMANDS), len(VALUES)) >= 4


@pytest.mark.parametrize("block", CONFIGURATIONS, ids=str)
def test_configurations_are_valid(block: Block) -> None:
    """Without so much as a warning."""
    assert config.parse(block.text.encode(), str(block)).warnings == ()


@pytest.mark.parametrize("block", blocks("yaml"), ids=str)
def test_yaml_is_a_configuration_of_the_exporter_or_of_prometheus_or_values_of_the_chart(
    block: Block,
) -> None:
    keys = set(yaml.safe_load(block.text))
    web = {"tls_server_config", "basic_auth_users"}  # tried in test_web_config
    assert "targets" in keys or keys <= {"scrape_configs", "rule_files"} or web & keys or block in VALUES


@pytest.mark.parametrize("block", VALUES, ids=str)
def test_the_chart_takes_its_values(block: Block) -> None:
    jsonschema.Draft7Validator(VALUES_SCHEMA).validate(yaml.safe_load(block.text))


def test_the_scrape_configuration_asks_the_default_port() -> None:
    (scrape,) = [yaml.safe_load(b.text) for b in blocks("yaml", README) if "scrape_configs" in b.text]
    (job,) = scrape["scrape_configs"]
    assert job["static_configs"] == [{"targets": ["localhost:10079"]}]


def test_the_policy_allows_what_the_exporter_calls_and_no_more() -> None:
    """STS is not in it: GetCallerIdentity needs no permission, and a role to assume is named by its ARN."""
    policy = json.loads((ROOT / "deploy" / "aws" / "iam-policy.json").read_text())
    allowed = [action for statement in policy["Statement"] for action in statement["Action"]]
    needed = {f"glue:{name}" for name in OPERATIONS if name not in STS_OPERATIONS}
    assert sorted(allowed) == sorted(needed)
    assert [statement["Effect"] for statement in policy["Statement"]] == ["Allow", "Allow"]
    page = (ROOT / "docs" / "aws.md").read_text()
    explained = set(re.findall(r"^\| `((?:glue|sts):\w+)` \|", page, re.MULTILINE))
    assert explained == {"sts:GetCallerIdentity", "sts:AssumeRole"} | needed


@pytest.mark.parametrize("line", OWN_COMMANDS)
def test_commands_are_understood(line: str) -> None:
    """Command and flags are parsed; nothing is carried out."""
    arguments = shlex.split(line.partition(" > ")[0], comments=True)[1:]
    named = [word for word in arguments if word in COMMANDS]
    if arguments != ["--version"]:
        command = load_command(named[0] if named else DEFAULT_COMMAND)
        command.make_context(command.name, [word for word in arguments if word not in named])


def test_the_check_prints_what_the_readme_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = [block for block in CONFIGURATIONS if block.page == README]
    file = tmp_path / "config.yaml"
    file.write_text(block.text)
    assert run(["check-config", str(file)]) == 0
    printed = capsys.readouterr().out.strip().replace(str(file), file.name)
    assert f"`{printed}`" in README.read_text()


def test_a_misspelt_key_is_reported_as_the_page_shows() -> None:
    page = ROOT / "docs" / "troubleshooting.md"
    quoted = re.search(r"`(config\.yaml:(\d+): [^`]+)`", page.read_text())
    assert quoted
    lines = ["targets:", "  - name: prod", "    aws_region: eu-west-1", "    views: ['*.*']"]
    lines += ["    # not the profile"] * (int(quoted[2]) - 1 - len(lines)) + ["    profil: x"]
    with pytest.raises(ConfigurationError) as refused:
        config.parse("\n".join(lines).encode(), "config.yaml")
    assert refused.value.lines() == (quoted[1],)


def test_the_numbers_of_series_are_right() -> None:
    """Of a view and of a run about which everything is known."""
    facts = ViewFacts(
        refresh_mode="scheduled", creation_time=1.0, expected_interval=3600.0, consecutive_failures=1,
        last_run=FULL_RUN, last_success=FULL_RUN, last_success_time=2.0, last_failure_time=1.0,
        last_failure=FULL_RUN, data_time=2.0, source_updated_time=3.0, stale_since=3.0,
        counters=ViewCounters(),
    )  # fmt: skip
    view = ViewSeries(ViewKey(REGION, ACCOUNT, "sales", "daily_orders"), "prod", up=True, facts=facts)
    listed: RunSeries = run_series(up=None)
    of_view = sum(len(list(family.samples(view, view_labels(view)))) for family in VIEW_FAMILIES)
    of_run = sum(len(list(family.samples(listed, run_labels(listed)))) for family in RUN_FAMILIES)
    text = " ".join((ROOT / "docs" / "views.md").read_text().split())
    assert f"up to {of_view} series" in text
    assert re.search(rf"\b{of_run} (series|each)", text)
