"""The exporter's configuration in its ConfigMap."""

import re
from pathlib import Path

import pytest
import yaml

from exporter import config
from tests.chart.charts import CHART, NAME, SETS, helm, read, refusal, rendered, value_set
from tests.chart.conftest import Render

WITH_CONFIG = [name for name in SETS if "config" in yaml.safe_load(value_set(name).read_text())]
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", WITH_CONFIG)
def test_the_exporter_accepts_it_without_a_warning(release: str, name: str) -> None:
    assert config.parse(rendered(release, name).configuration.encode(), name).warnings == ()


@pytest.mark.parametrize("name", WITH_CONFIG)
def test_it_stands_there_as_in_the_values(release: str, name: str) -> None:
    written = yaml.safe_load(value_set(name).read_text())["config"]
    assert yaml.safe_load(rendered(release, name).configuration) == written


def test_every_key_of_the_example_is_a_value(release: str, tmp_path: Path) -> None:
    example = yaml.safe_load((ROOT / "config.example.yaml").read_text())
    values = tmp_path / "values.yaml"
    values.write_text(yaml.safe_dump({"config": example}))
    done = helm(release, "template", "glue", str(CHART), "--values", str(values))
    assert done.status == 0, done.err
    assert yaml.safe_load(read(done.out).configuration) == example


def test_two_values_are_enough(release: str) -> None:
    chart = rendered(
        release, "minimal", "config.targets[0].aws_region=us-east-1", "config.targets[0].views[0]=sales.*"
    )
    assert yaml.safe_load(chart.configuration) == {
        "targets": [{"aws_region": "us-east-1", "views": ["sales.*"]}]
    }


def test_the_exporter_reads_the_mounted_file(render: Render) -> None:
    chart = render()
    (volume,) = [one for one in chart.pod["spec"]["volumes"] if one["name"] == "config"]
    (mount,) = [one for one in chart.container["volumeMounts"] if one["name"] == "config"]
    assert volume["configMap"]["name"] == chart.one("ConfigMap")["metadata"]["name"] == NAME
    assert f"--config.file={mount['mountPath']}/config.yaml" in chart.args


def test_a_changed_configuration_restarts_the_pod_and_is_reloaded_as_well(render: Render) -> None:
    chart = render()
    assert "--config.auto-reload-interval=30s" in chart.args
    assert re.fullmatch("[0-9a-f]{64}", chart.checksum or "")
    assert render("config.runs_per_view=2").checksum != chart.checksum


def test_nothing_else_changes_the_checksum(render: Render) -> None:
    assert render("logLevel=debug").checksum == render().checksum


def test_it_can_be_left_to_the_reload_alone(render: Render) -> None:
    chart = render("configReload.restartOnChange=false", "configReload.interval=2m")
    assert "annotations" not in chart.pod["metadata"]
    assert "--config.auto-reload-interval=2m" in chart.args


def test_or_to_the_restart_alone(render: Render) -> None:
    chart = render("configReload.interval=0s")
    assert "--config.auto-reload-interval=0s" in chart.args
    assert chart.checksum


def test_a_new_chart_alone_restarts_nothing(render: Render) -> None:
    assert "helm.sh/chart" not in render().pod["metadata"]["labels"]


def test_it_may_come_from_a_secret_of_somebody_elses(render: Render) -> None:
    chart = render(of="existing-claim")
    assert not chart.all("ConfigMap")
    (volume,) = [one for one in chart.pod["spec"]["volumes"] if one["name"] == "config"]
    assert volume["secret"]["secretName"] == "glue-mv-exporter-config"
    assert volume["secret"]["items"] == [{"key": "exporter.yaml", "path": "config.yaml"}]


def test_both_of_somebody_elses_are_refused(release: str) -> None:
    said = refusal(release, "minimal", "existingConfig.configMap=one", "existingConfig.secret=two")
    assert "existingConfig: set configMap or secret, not both" in said


def test_or_from_a_config_map_of_somebody_elses(render: Render) -> None:
    chart = render("existingConfig.configMap=other")
    assert not chart.all("ConfigMap")
    (volume,) = [one for one in chart.pod["spec"]["volumes"] if one["name"] == "config"]
    assert volume["configMap"]["name"] == "other"


def test_the_log_is_as_the_values_say(render: Render) -> None:
    chart = render(of="accounts")
    assert {"--log.level=debug", "--log.format=json"} <= set(chart.args)
