"""Scraping, alerts and dashboards, for the Prometheus and Grafana operators and for Grafana's sidecar."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.chart.charts import CHART, NAME, ROOT
from tests.chart.conftest import Render

LIMITS = {
    "sampleLimit": 1000000, "targetLimit": 10,
    "labelLimit": 30, "labelNameLengthLimit": 100, "labelValueLengthLimit": 500,
}  # fmt: skip
ENDPOINT = {
    "ServiceMonitor": "ServiceMonitor spec endpoints 0",
    "PodMonitor": "PodMonitor spec podMetricsEndpoints 0",
}
both_monitors = pytest.mark.parametrize("kind", ENDPOINT)
CREDENTIALS = {"name": "glue-mv-exporter-scrape", "key": "password"}
JOB_LABEL = "app.kubernetes.io/instance"
"""The release, so that two of them are two jobs."""

WRITTEN: dict[str, dict[str, Any]] = {
    **{
        f"minimal {kind[0].lower()}{kind[1:]}.enabled=true": {
            f"{place} path": "/metrics",
            f"{place} scheme": "http",
            f"{place} port": "http",
            "Service spec ports 0 name": "http",
            "container ports 0 name": "http",
            f"{kind} spec namespaceSelector": {"matchNames": ["monitoring"]},
            f"{kind} spec jobLabel": JOB_LABEL,
            f"Service metadata labels {JOB_LABEL}": "glue",
            f"pod metadata labels {JOB_LABEL}": "glue",
            **{f"{place} {key}": None for key in ("interval", "scrapeTimeout", "honorLabels", "proxyUrl")},
            **{f"{kind} spec {limit}": None for limit in LIMITS},
        }
        for kind, place in ENDPOINT.items()
    },
    "everything": {
        f"{kind} {place}": value
        for kind, targets in {"ServiceMonitor": "targetLabels", "PodMonitor": "podTargetLabels"}.items()
        for place, value in {
            "metadata namespace": "monitoring",
            "metadata labels release": "kube-prometheus-stack",
            "metadata annotations": {"owner": "data-platform"},
            f"spec {targets}": ["team"],
            f"{ENDPOINT[kind].partition(' ')[2]} metricRelabelings 0 regex": "python_gc_.*",
        }.items()
    },
    "headless": {
        "ServiceMonitor spec targetLabels": ["team"],
        "ServiceMonitor spec podTargetLabels": ["tier"],
    },
    "mirror": {
        "PodMonitor spec podMetricsEndpoints 0 interval": "1m30s",
        "PodMonitor spec podMetricsEndpoints 0 scrapeTimeout": "90s",
        **{f"{kind} spec {limit}": value for kind in ENDPOINT for limit, value in LIMITS.items()},
        **{f"{place} honorLabels": True for place in ENDPOINT.values()},
        **{f"{place} proxyUrl": "http://proxy.example.org:3128" for place in ENDPOINT.values()},
    },
    "tls": {
        f"{ENDPOINT['ServiceMonitor']} scheme": "https",
        f"{ENDPOINT['ServiceMonitor']} tlsConfig ca secret name": "glue-mv-exporter-tls",
    },
    "basic-auth": {
        f"{ENDPOINT['ServiceMonitor']} scheme": "http",
        f"{ENDPOINT['ServiceMonitor']} basicAuth password": CREDENTIALS,
    },
    "mutual-tls": {f"{ENDPOINT['PodMonitor']} tlsConfig keySecret name": "prometheus-client"},
    "scrape-config": {
        "ScrapeConfig metadata labels release": "kube-prometheus-stack",
        "ScrapeConfig spec jobName": "glue",
        "ScrapeConfig spec metricsPath": "/metrics",
        "ScrapeConfig spec scheme": "HTTPS",
        "ScrapeConfig spec scrapeInterval": "1m",
        "ScrapeConfig spec scrapeTimeout": "30s",
        "ScrapeConfig spec honorLabels": True,
        "ScrapeConfig spec tlsConfig ca secret key": "ca.crt",
        "ScrapeConfig spec basicAuth password": CREDENTIALS,
        "ScrapeConfig spec metricRelabelings 0 action": "drop",
        **{f"ScrapeConfig spec {key}": value for key, value in (LIMITS | {"sampleLimit": 2000000}).items()},
    },
    "grafana-operator": {
        "PrometheusRule metadata namespace": "monitoring",
        "PrometheusRule metadata labels release": "kube-prometheus-stack",
    },
}
"""A value set and more settings, to what stands where."""


@pytest.mark.parametrize("values", WRITTEN)
def test_each_value_is_found_in_its_place(render: Render, values: str) -> None:
    of, *settings = values.split()
    chart = render(*settings, of=of)
    assert {place: chart.at(place) for place in WRITTEN[values]} == WRITTEN[values]


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
    return {key: value for key, value in labels.items() if not key.startswith("__")}


@both_monitors
@pytest.mark.parametrize(
    ("more", "pod", "shard"),
    [
        (None, "7c9d8f6b5-x2kqz", 0),
        (None, "56bb7d9c4-9wzrt", 0),
        ("persistence.enabled=true", "0", 0),
        ("shards=12", "3", 3),
        ("shards=12", "11", 11),
    ],
)
def test_only_its_shard_is_in_the_labels_of_a_pod(
    render: Render, kind: str, more: str | None, pod: str, shard: int
) -> None:
    """Else counters would begin anew with each rollout, and with them the `for` of alerts."""
    settings = [f"{kind[0].lower()}{kind[1:]}.enabled=true", *([more] if more else [])]
    discovered = {
        "__meta_kubernetes_pod_name": f"{NAME}-{pod}", "pod": f"{NAME}-{pod}", "node": "node-7",
        "namespace": "monitoring", "instance": "10.1.2.3:10079",
    }  # fmt: skip
    labels = relabelled(render(*settings).at(f"{ENDPOINT[kind]} relabelings"), discovered)
    assert labels == {"instance": f"{NAME}-{shard}", "namespace": "monitoring"}


@both_monitors
def test_own_relabelings_come_last(render: Render, kind: str) -> None:
    assert render(of="everything").at(f"{ENDPOINT[kind]} relabelings")[-1]["targetLabel"] == "cluster"
    assert render(of="scrape-config").at("ScrapeConfig spec relabelings")[-1]["targetLabel"] == "cluster"


def test_the_service_monitor_selects_one_service_alone(render: Render) -> None:
    """With the headless one, too, every pod would be scraped twice."""
    chart = render(of="shards")
    wanted = chart.at("ServiceMonitor spec selector matchLabels").items()
    services = [one["metadata"] for one in chart.all("Service")]
    assert [one["name"] for one in services if wanted <= one["labels"].items()] == [NAME]


@pytest.mark.parametrize(
    ("label", "value"),
    [
        ("", ""),
        ("label_app_kubernetes_io_instance", "other"),
        ("label_app_kubernetes_io_name", "other"),
        ("container_port_name", "other"),
        ("phase", "Succeeded"),
    ],
)
def test_a_scrape_config_finds_the_pods_and_no_others(render: Render, label: str, value: str) -> None:
    chart = render("shards=2", "scrapeConfig.enabled=true")
    spec = chart.at("ScrapeConfig spec")
    assert spec["kubernetesSDConfigs"] == [{"role": "Pod", "namespaces": {"names": ["monitoring"]}}]
    meta = {
        "label_app_kubernetes_io_name": chart.at("pod metadata labels app.kubernetes.io/name"),
        "label_app_kubernetes_io_instance": chart.at("pod metadata labels app.kubernetes.io/instance"),
        "container_port_name": chart.at("container ports 0 name"),
        "phase": "Running",
        "name": f"{NAME}-1",
        label: value,
    }
    discovered = {f"__meta_kubernetes_pod_{key}": value for key, value in meta.items()}
    found = relabelled(spec["relabelings"], discovered | {"__meta_kubernetes_namespace": "monitoring"})
    assert found == ({} if label else {"instance": f"{NAME}-1", "namespace": "monitoring"})


def test_the_alerts_are_those_for_prometheus_without_the_operator(render: Render) -> None:
    shipped = yaml.safe_load((ROOT / "deploy" / "prometheus" / "rules.yaml").read_text())
    assert render("prometheusRule.enabled=true").at("PrometheusRule spec") == shipped


@pytest.mark.parametrize("of", ["everything", "grafana-operator", "own-rules"])
def test_promtool_takes_the_alerts(render: Render, of: str, tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump(render(of=of).at("PrometheusRule spec")))
    done = subprocess.run(["promtool", "check", "rules", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_thresholds_labels_and_alerts_are_as_the_values_say(render: Render) -> None:
    groups = render(of="grafana-operator").at("PrometheusRule spec groups")
    rules = [one for group in groups for one in group["rules"]]
    alerts = {one["alert"]: one for one in rules if "alert" in one}
    assert ">= 5" in alerts["GlueMVRefreshFailing"]["expr"]
    assert "12345678" in str(rules), "not 1.2345678e+07"
    assert "0.05" in str(rules)
    assert alerts["GlueMVTargetDown"]["for"] == "2h30m"
    assert "GlueMVFewerViews" not in alerts
    assert all(one["labels"]["team"] == "data-platform" for one in alerts.values())
    assert all("team" not in one.get("labels", {}) for one in rules if "record" in one)
    for name, one in alerts.items():
        runbook = f"{{{{ else }}}}https://runbooks.example.org/glue/{name}.md{{{{ end }}}}"
        assert runbook in one["annotations"]["runbook_url"]


def test_own_rules_stand_beside_the_charts(render: Render) -> None:
    groups = render(of="own-rules").at("PrometheusRule spec groups")
    shipped = render("prometheusRule.enabled=true").at("PrometheusRule spec groups")
    assert str(groups[:-1]) == str(shipped).replace("0.99", "0.995")
    (own,) = groups[-1]["rules"]
    assert own["alert"] == "GlueMVWarehouseSpend"
    assert own["annotations"]["summary"] == "{{ $value }} DPU-hours in a day."


@pytest.mark.parametrize(
    ("settings", "matchers"),
    [
        ("serviceMonitor.enabled=true", 'namespace="monitoring",job="glue",'),
        ("podMonitor.enabled=true", 'namespace="monitoring",job="glue",'),
        ("scrapeConfig.enabled=true", 'namespace="monitoring",job="glue",'),
        ("scrapeConfig.enabled=true scrapeConfig.jobName=mine", 'namespace="monitoring",job="mine",'),
        ("serviceMonitor.enabled=true namespaceOverride=other", 'namespace="other",job="glue",'),
        (
            "serviceMonitor.enabled=true serviceMonitor.jobLabel=x service.labels.x=data commonLabels.x=all",
            'namespace="monitoring",job="data",',
        ),
        (
            "podMonitor.enabled=true podMonitor.jobLabel=x podLabels.x=pods",
            'namespace="monitoring",job="pods",',
        ),
    ],
)
def test_the_rules_select_what_the_releases_own_monitor_scrapes(
    render: Render, settings: str, matchers: str
) -> None:
    """By the labels that the operator sets: the namespace, and the job that ``jobLabel`` names."""
    text = str(render("prometheusRule.enabled=true", *settings.split()).at("PrometheusRule spec"))
    assert f"glue_mv_exporter_target_up{{{matchers}}}" in text


DASHBOARDS = sorted((CHART / "files" / "dashboards").glob("*.json"))


@pytest.mark.parametrize("file", DASHBOARDS, ids=lambda file: file.stem)
def test_price_and_objective_can_be_set_and_nothing_else_of_a_dashboard(render: Render, file: Path) -> None:
    assert len(DASHBOARDS) == 3
    shipped = json.loads(file.read_text())
    name = f"{NAME}-{file.stem}"
    own = {"price": "0.52", "objective": "0.995"}
    variables = {one["name"]: one for one in shipped["templating"]["list"] if one["name"] in own}
    for of in ("everything", "own-rules"):
        chart = render("fullnameOverride=", of=of)
        written = chart.one("ConfigMap", name)["data"][file.name]
        assert chart.one("GrafanaDashboard", name)["spec"]["json"] == written
        given = json.loads(written)
        if of == "own-rules":
            found = given["templating"]["list"]
            assert all(one["query"] == own.get(one["name"], one["query"]) for one in found)
            assert all(one["current"]["value"] == one["query"] for one in found if one["name"] in own)
            given["templating"]["list"] = [variables.get(one["name"], one) for one in found]
        assert given == shipped


def test_sidecar_and_operator_find_the_dashboards(render: Render) -> None:
    chart = render(of="grafana-operator")
    maps = [one for one in chart.all("ConfigMap") if one["metadata"]["name"] != NAME]
    assert len(maps) == len(DASHBOARDS)
    for one in maps:
        assert one["metadata"]["labels"].items() >= {"grafana_dashboard": "1", "tenant": "data"}.items()
        assert one["metadata"]["annotations"] == {"grafana_folder": "Glue"}
        assert one["metadata"]["namespace"] == "monitoring"
        # Kubernetes' limit of an object is 1 MiB.
        assert len(json.dumps(one)) < 900_000
    for one in chart.all("GrafanaDashboard"):
        assert one["spec"]["instanceSelector"] == {"matchLabels": {"grafana": "main"}}
        assert one["spec"]["folder"] == "Glue"
        assert one["spec"]["allowCrossNamespaceImport"] is True
        assert one["metadata"]["namespace"] == "monitoring"
        assert one["metadata"]["labels"]["tenant"] == "data"
