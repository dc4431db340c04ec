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
every_monitor = pytest.mark.parametrize("kind", [*MONITORS, "ScrapeConfig"])
LIMITS = {
    "sampleLimit": 1000000, "targetLimit": 10,
    "labelLimit": 30, "labelNameLengthLimit": 100, "labelValueLengthLimit": 500,
}  # fmt: skip


def setting(kind: str) -> str:
    """Return the value that a kind of monitor belongs to."""
    return kind[0].lower() + kind[1:]


def endpoint(chart: Rendered, kind: str) -> dict[str, Any]:
    (found,) = chart.one(kind)["spec"][MONITORS[kind]]
    return dict(found)


def relabelled(rules: list[dict[str, Any]], labels: dict[str, str]) -> dict[str, str]:
    """Do with a target's labels as Prometheus does, as far as the chart needs it: a dropped one has none."""
    for rule in rules:
        if rule["action"] in {"keep", "drop"}:
            source = ";".join(labels.get(label, "") for label in rule["sourceLabels"])
            if (re.fullmatch(rule["regex"], source) is None) == (rule["action"] == "keep"):
                return {}
        elif rule["action"] == "labeldrop":
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


@every_monitor
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
    assert (asked["path"], asked["scheme"]) == ("/metrics", "http")
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


def test_a_service_monitor_adds_labels_of_service_and_pods(render: Render) -> None:
    spec = render(of="headless").one("ServiceMonitor")["spec"]
    assert (spec["targetLabels"], spec["podTargetLabels"]) == (["team"], ["tier"])


@both_monitors
def test_interval_and_timeout_are_prometheus_own_unless_set(render: Render, kind: str) -> None:
    asked = endpoint(render(f"{setting(kind)}.enabled=true"), kind)
    assert asked.keys().isdisjoint({"interval", "scrapeTimeout", "honorLabels", "proxyUrl"})
    assert endpoint(render(of="mirror"), "PodMonitor")["interval"] == "1m30s"
    assert endpoint(render(of="mirror"), "PodMonitor")["scrapeTimeout"] == "90s", "as long as the interval"


@every_monitor
@pytest.mark.parametrize(
    ("interval", "timeout"), [("15s", "20s"), ("1m", "1m1s"), ("500ms", "1s"), ("59m", "1h"), ("6d23h", "1w")]
)
def test_a_timeout_longer_than_the_interval_is_refused(
    release: str, kind: str, interval: str, timeout: str
) -> None:
    """The operator would drop the monitor, and nothing would be scraped."""
    name = setting(kind)
    settings = (f"{name}.enabled=true", f"{name}.interval={interval}", f"{name}.scrapeTimeout={timeout}")
    said = refusal(release, "minimal", *settings)
    assert f"{name}: the operator drops it, because scrapeTimeout ({timeout}) is longer than" in said


@both_monitors
def test_a_monitor_has_limits_and_a_proxy(render: Render, kind: str) -> None:
    chart = render(of="mirror")
    assert chart.one(kind)["spec"].items() >= LIMITS.items()
    assert endpoint(chart, kind)["honorLabels"] is True
    assert endpoint(chart, kind)["proxyUrl"] == "http://proxy.example.org:3128"
    unlimited = render(f"{setting(kind)}.enabled=true").one(kind)["spec"]
    assert unlimited.keys().isdisjoint(LIMITS)


def test_a_scrape_config_is_as_the_values_say(render: Render) -> None:
    config = render(of="scrape-config").one("ScrapeConfig")
    spec = config["spec"]
    assert config["metadata"]["labels"]["release"] == "kube-prometheus-stack"
    assert spec.items() >= (LIMITS | {"sampleLimit": 2000000, "honorLabels": True}).items()
    assert (spec["jobName"], spec["metricsPath"], spec["scheme"]) == ("glue", "/metrics", "HTTPS")
    assert (spec["scrapeInterval"], spec["scrapeTimeout"]) == ("1m", "30s")
    assert spec["tlsConfig"]["ca"]["secret"]["key"] == "ca.crt"
    assert spec["basicAuth"]["username"]["key"] == "username"
    assert spec["relabelings"][-1]["targetLabel"] == "cluster"
    assert spec["metricRelabelings"][0]["action"] == "drop"


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"app_kubernetes_io_instance": "other"},
        {"app_kubernetes_io_name": "other"},
        {"container_port_name": "other"},
        {"phase": "Succeeded"},
    ],
)
def test_a_scrape_config_finds_the_pods_and_no_others(render: Render, changes: dict[str, str]) -> None:
    chart = render("shards=2", "scrapeConfig.enabled=true")
    spec = chart.one("ScrapeConfig")["spec"]
    assert spec["kubernetesSDConfigs"] == [{"role": "Pod", "namespaces": {"names": ["monitoring"]}}]
    labels = chart.pod["metadata"]["labels"]
    meta = {
        "label_app_kubernetes_io_name": labels["app.kubernetes.io/name"],
        "label_app_kubernetes_io_instance": labels["app.kubernetes.io/instance"],
        "container_port_name": chart.container["ports"][0]["name"],
        "phase": "Running",
        "name": f"{NAME}-1",
    }
    meta |= {f"label_{key}" if key.startswith("app_") else key: value for key, value in changes.items()}
    discovered = {f"__meta_kubernetes_pod_{key}": value for key, value in meta.items()}
    target = relabelled(spec["relabelings"], discovered | {"__meta_kubernetes_namespace": "monitoring"})
    visible = {key: value for key, value in target.items() if not key.startswith("__")}
    assert visible == ({} if changes else {"instance": f"{NAME}-1", "namespace": "monitoring"})


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


@pytest.mark.parametrize("of", ["everything", "grafana-operator", "own-rules"])
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


def test_own_rules_stand_beside_the_charts(render: Render) -> None:
    groups = render(of="own-rules").one("PrometheusRule")["spec"]["groups"]
    shipped = render("prometheusRule.enabled=true").one("PrometheusRule")["spec"]["groups"]
    assert str(groups[:-1]) == str(shipped).replace("0.99", "0.995")
    (own,) = groups[-1]["rules"]
    assert own["alert"] == "GlueMVWarehouseSpend"
    assert own["annotations"]["summary"] == "{{ $value }} DPU-hours in a day."


def test_prometheus_own_templates_are_left_alone(render: Render) -> None:
    text = str(render("prometheusRule.enabled=true").one("PrometheusRule"))
    assert "{{ $labels.database }}" in text
    assert "<<" not in text


@pytest.mark.parametrize(
    ("settings", "matchers"),
    [
        (("scrapeConfig.enabled=true",), 'namespace="monitoring",job="glue",'),
        (("scrapeConfig.enabled=true", "scrapeConfig.jobName=mine"), 'namespace="monitoring",job="mine",'),
        (("serviceMonitor.enabled=true", "namespaceOverride=other"), 'namespace="other",job="glue",'),
        (
            (
                "serviceMonitor.enabled=true", "serviceMonitor.jobLabel=team",
                "service.labels.team=data", "commonLabels.team=all",
            ),
            'namespace="monitoring",job="data",',
        ),
        (
            ("podMonitor.enabled=true", "podMonitor.jobLabel=team", "podLabels.team=pods"),
            'namespace="monitoring",job="pods",',
        ),
    ],
)  # fmt: skip
def test_the_rules_select_by_the_labels_that_the_values_give(
    render: Render, settings: tuple[str, ...], matchers: str
) -> None:
    text = str(render("prometheusRule.enabled=true", *settings).one("PrometheusRule"))
    assert f"glue_mv_exporter_target_up{{{matchers}}}" in text


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


@pytest.mark.parametrize("file", DASHBOARDS, ids=lambda file: file.stem)
def test_price_and_objective_can_be_set_and_nothing_else_changes(render: Render, file: Path) -> None:
    chart = render(of="own-rules")
    shipped = json.loads(file.read_text())
    own = {"price": "0.52", "objective": "0.995"}
    variables = {one["name"]: one for one in shipped["templating"]["list"] if one["name"] in own}
    for text in (
        chart.one("ConfigMap", f"{NAME}-{file.stem}")["data"][file.name],
        chart.one("GrafanaDashboard", f"{NAME}-{file.stem}")["spec"]["json"],
    ):
        given = json.loads(text)
        for one in given["templating"]["list"]:
            if one["name"] in own:
                assert one["query"] == one["current"]["value"] == own[one["name"]]
        given["templating"]["list"] = [variables.get(one["name"], one) for one in given["templating"]["list"]]
        assert given == shipped


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
