"""How Prometheus finds the exporter, and what it and Grafana get."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.chart.charts import CHART, NAME, ROOT, Rendered, refusal
from tests.chart.conftest import Render

MONITORS = {"ServiceMonitor": "endpoints", "PodMonitor": "podMetricsEndpoints"}
both_monitors = pytest.mark.parametrize("kind", MONITORS)


def setting(kind: str) -> str:
    """Return the value that a kind of monitor belongs to."""
    return kind[0].lower() + kind[1:]


def endpoint(chart: Rendered, kind: str) -> dict[str, Any]:
    (found,) = chart.one(kind)["spec"][MONITORS[kind]]
    return dict(found)


def relabelled(rules: list[dict[str, Any]], labels: dict[str, str]) -> dict[str, str]:
    """Do with a target's labels as Prometheus does, as far as the chart needs it."""
    for rule in rules:
        if rule["action"] == "labeldrop":
            labels = {key: value for key, value in labels.items() if not re.fullmatch(rule["regex"], key)}
        else:
            assert rule["action"] == "replace"
            source = ";".join(labels.get(label, "") for label in rule.get("sourceLabels", []))
            if match := re.fullmatch(rule.get("regex", "(.*)"), source):
                value = match.expand(rule.get("replacement", "$1").replace("$", "\\"))
                labels = {**labels, rule["targetLabel"]: value}
    return labels


def discovered(pod: str) -> dict[str, str]:
    return {
        "__meta_kubernetes_pod_name": pod, "pod": pod, "node": "node-7", "namespace": "monitoring",
        "instance": "10.1.2.3:10079",
    }  # fmt: skip


@both_monitors
def test_nobody_is_told_to_scrape_unless_asked_for(render: Render, kind: str) -> None:
    assert kind not in render().kinds


@both_monitors
def test_a_rollout_changes_no_label_of_any_series(render: Render, kind: str) -> None:
    """Else counters would begin anew, and with them the `for` of alerts."""
    rules = endpoint(render(f"{setting(kind)}.enabled=true"), kind)["relabelings"]
    before = relabelled(rules, discovered(f"{NAME}-7c9d8f6b5-x2kqz"))
    after = relabelled(
        rules, discovered(f"{NAME}-56bb7d9c4-9wzrt") | {"node": "node-8", "instance": "10.9.9.9:1"}
    )
    visible = {key: value for key, value in before.items() if not key.startswith("__")}
    assert visible == {key: value for key, value in after.items() if not key.startswith("__")}
    assert visible == {"instance": f"{NAME}-0", "namespace": "monitoring"}


@both_monitors
def test_each_shard_is_an_instance_of_its_own(render: Render, kind: str) -> None:
    rules = endpoint(render("shards=12", f"{setting(kind)}.enabled=true"), kind)["relabelings"]
    for number in (0, 3, 11):
        assert relabelled(rules, discovered(f"{NAME}-{number}"))["instance"] == f"{NAME}-{number}"


@both_monitors
def test_turning_on_persistence_changes_no_label(render: Render, kind: str) -> None:
    stateless = endpoint(render(f"{setting(kind)}.enabled=true"), kind)["relabelings"]
    stateful = endpoint(render("persistence.enabled=true", f"{setting(kind)}.enabled=true"), kind)[
        "relabelings"
    ]
    assert (
        relabelled(stateless, discovered(f"{NAME}-7c9d8f6b5-x2kqz"))["instance"]
        == relabelled(stateful, discovered(f"{NAME}-0"))["instance"]
    )


@both_monitors
def test_the_monitor_finds_the_exporters_port(render: Render, kind: str) -> None:
    chart = render(f"{setting(kind)}.enabled=true")
    asked = endpoint(chart, kind)
    assert (asked["path"], asked["scheme"], asked["interval"]) == ("/metrics", "http", "30s")
    ports = chart.one("Service")["spec"]["ports"] if kind == "ServiceMonitor" else chart.container["ports"]
    assert asked["port"] in {port["name"] for port in ports}
    assert chart.one(kind)["spec"]["namespaceSelector"] == {"matchNames": ["monitoring"]}


def test_the_service_monitor_selects_one_service_alone(render: Render) -> None:
    """With the headless one, too, every pod would be scraped twice."""
    chart = render(of="shards")
    wanted = chart.one("ServiceMonitor")["spec"]["selector"]["matchLabels"].items()
    selected = [
        one["metadata"]["name"] for one in chart.all("Service") if wanted <= one["metadata"]["labels"].items()
    ]
    assert selected == [NAME]
    assert wanted <= chart.pod["metadata"]["labels"].items() | {("", "")}


@both_monitors
def test_the_pods_and_the_service_have_the_label_that_becomes_the_job(render: Render, kind: str) -> None:
    chart = render(f"{setting(kind)}.enabled=true")
    label = chart.one(kind)["spec"]["jobLabel"]
    labelled = chart.one("Service") if kind == "ServiceMonitor" else chart.pod
    assert labelled["metadata"]["labels"][label] == "glue", "the release, so that two of them are two jobs"


@both_monitors
def test_a_monitor_is_as_the_values_say(render: Render, kind: str) -> None:
    chart = render(of="everything")
    monitor, asked = chart.one(kind), endpoint(chart, kind)
    assert monitor["metadata"]["namespace"] == "monitoring"
    assert monitor["metadata"]["labels"]["release"] == "kube-prometheus-stack"
    assert monitor["metadata"]["annotations"] == {"owner": "data-platform"}
    assert monitor["spec"]["sampleLimit"] == 1000000
    assert monitor["spec"]["targetLabels" if kind == "ServiceMonitor" else "podTargetLabels"] == ["team"]
    assert asked["relabelings"][-1]["targetLabel"] == "cluster"
    assert asked["metricRelabelings"][0]["regex"] == "python_gc_.*"


def test_prometheus_speaks_https_and_verifies_where_the_exporter_does(render: Render) -> None:
    asked = endpoint(render(of="tls"), "ServiceMonitor")
    assert asked["scheme"] == "https"
    assert asked["tlsConfig"]["ca"]["secret"] == {"name": "glue-mv-exporter-tls", "key": "ca.crt"}


def test_prometheus_shows_its_password(render: Render) -> None:
    asked = endpoint(render(of="basic-auth"), "ServiceMonitor")
    assert asked["scheme"] == "http"
    assert asked["basicAuth"]["password"] == {"name": "glue-mv-exporter-scrape", "key": "password"}


def test_prometheus_shows_its_certificate(render: Render) -> None:
    asked = endpoint(render(of="mutual-tls"), "PodMonitor")
    assert asked["tlsConfig"]["keySecret"] == {"name": "prometheus-client", "key": "tls.key"}


def test_the_alerts_are_those_for_prometheus_without_the_operator(render: Render) -> None:
    shipped = yaml.safe_load((ROOT / "deploy" / "prometheus" / "rules.yaml").read_text())
    assert render("prometheusRule.enabled=true").one("PrometheusRule")["spec"] == shipped


@pytest.mark.parametrize("of", ["everything", "grafana-operator"])
def test_promtool_takes_the_alerts(render: Render, of: str, tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump(render(of=of).one("PrometheusRule")["spec"]))
    done = subprocess.run(["promtool", "check", "rules", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_thresholds_labels_and_alerts_are_as_the_values_say(render: Render) -> None:
    rule = render(of="grafana-operator").one("PrometheusRule")
    rules = [one for group in rule["spec"]["groups"] for one in group["rules"]]
    alerts = {one["alert"]: one for one in rules if "alert" in one}
    text = str(rules)
    assert ">= 5" in alerts["GlueMVRefreshFailing"]["expr"]
    assert "12345678" in text, "not 1.2345678e+07"
    assert "0.05" in text
    assert alerts["GlueMVTargetDown"]["for"] == "2h30m"
    assert "GlueMVFewerViews" not in alerts
    assert all(one["labels"]["team"] == "data-platform" for one in alerts.values())
    assert all("team" not in one.get("labels", {}) for one in rules if "record" in one)
    assert all(
        f"{{{{ else }}}}https://runbooks.example.org/glue/{name}.md{{{{ end }}}}"
        in one["annotations"]["runbook_url"]
        for name, one in alerts.items()
    )
    assert (rule["metadata"]["namespace"], rule["metadata"]["labels"]["release"]) == (
        "monitoring", "kube-prometheus-stack",
    )  # fmt: skip


def test_prometheus_own_templates_are_left_alone(render: Render) -> None:
    text = str(render("prometheusRule.enabled=true").one("PrometheusRule"))
    assert "{{ $labels.database }}" in text
    assert "<<" not in text


@pytest.mark.parametrize("monitor", ["serviceMonitor", "podMonitor"])
def test_the_rules_select_what_the_release_s_own_monitor_scrapes(render: Render, monitor: str) -> None:
    """By the labels that the operator sets: the namespace, and the job that ``jobLabel`` names."""
    chart = render("prometheusRule.enabled=true", f"{monitor}.enabled=true")
    kind = monitor[0].upper() + monitor[1:]
    label = chart.one(kind)["spec"]["jobLabel"]
    service = chart.one("Service")["metadata"]
    rules = [rule for group in chart.one("PrometheusRule")["spec"]["groups"] for rule in group["rules"]]
    expected = (
        f'glue_mv_exporter_target_up{{namespace="{service["namespace"]}",job="{service["labels"][label]}",}}'
    )
    (up,) = [rule["expr"] for rule in rules if rule.get("record") == "target:glue_mv_up:max"]
    assert expected in up
    assert "glue_mv_exporter_target_up[" in str(render("prometheusRule.enabled=true").one("PrometheusRule"))


def test_a_threshold_without_a_value_is_named(release: str) -> None:
    found = refusal(
        release, "minimal", "prometheusRule.enabled=true", "prometheusRule.thresholds.costFactor=null"
    )
    assert "prometheusRule.thresholds: the alerts need a value for costFactor" in found


DASHBOARDS = sorted((CHART / "files" / "dashboards").glob("*.json"))


def test_there_are_dashboards() -> None:
    assert DASHBOARDS


@pytest.mark.parametrize("file", DASHBOARDS, ids=lambda file: file.stem)
def test_each_dashboard_reaches_grafana_unchanged(render: Render, file: Path) -> None:
    chart = render("dashboards.enabled=true", "grafanaDashboard.enabled=true")
    name = f"{NAME}-{file.stem}"
    shipped = json.loads(file.read_text())
    assert json.loads(chart.one("ConfigMap", name)["data"][file.name]) == shipped
    assert json.loads(chart.one("GrafanaDashboard", name)["spec"]["json"]) == shipped


def test_the_sidecar_finds_the_dashboards(render: Render) -> None:
    chart = render(of="grafana-operator")
    maps = [one for one in chart.all("ConfigMap") if one["metadata"]["name"] != NAME]
    assert len(maps) == len(DASHBOARDS)
    for one in maps:
        assert one["metadata"]["labels"].items() >= {"grafana_dashboard": "1", "tenant": "data"}.items()
        assert one["metadata"]["annotations"] == {"grafana_folder": "Glue"}
        assert one["metadata"]["namespace"] == "monitoring"
        # Kubernetes' limit of an object is 1 MiB.
        assert len(json.dumps(one)) < 900_000


def test_the_grafana_operator_finds_the_dashboards(render: Render) -> None:
    for one in render(of="grafana-operator").all("GrafanaDashboard"):
        assert one["spec"]["instanceSelector"] == {"matchLabels": {"grafana": "main"}}
        assert one["spec"]["folder"] == "Glue"
        assert one["spec"]["allowCrossNamespaceImport"] is True
        assert one["metadata"]["namespace"] == "monitoring"
        assert one["metadata"]["labels"]["tenant"] == "data"
