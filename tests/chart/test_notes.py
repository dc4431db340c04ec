"""What Helm prints after the installation."""

import functools
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.chart.charts import CHART, NAMESPACE, helm, value_set

APIS = ("monitoring.coreos.com/v1", "grafana.integreatly.org/v1beta1", "gateway.networking.k8s.io/v1")
OPERATOR = tuple(word for api in APIS for word in ("--api-versions", api))


@pytest.fixture(scope="module")
def talking_chart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Copy the chart, and add a manifest that holds the notes: `helm template` prints none."""
    copy = tmp_path_factory.mktemp("chart") / "glue-mv-exporter"
    shutil.copytree(CHART, copy)
    manifest = 'notes: {{ include (print $.Template.BasePath "/NOTES.txt") . | toJson }}\n'
    (copy / "templates" / "spoken.yaml").write_text(manifest)
    yield copy
    shutil.rmtree(copy)


@pytest.fixture
def notes(release: str, talking_chart: Path) -> "functools.partial[str]":
    return functools.partial(spoken, release, talking_chart)


def spoken(release: str, chart: Path, *settings: str, of: str = "minimal", operator: bool = True) -> str:
    done = helm(
        release, "template", "glue", str(chart), "--namespace", NAMESPACE, "--values", str(value_set(of)),
        *(OPERATOR if operator else ()), *(word for setting in settings for word in ("--set", setting)),
        "--show-only", "templates/spoken.yaml",
    )  # fmt: skip
    assert done.status == 0, done.err
    said = yaml.safe_load(done.out)["notes"]
    assert json.dumps(said)
    return " ".join(said.split())


def test_they_say_what_to_do_next(notes: "functools.partial[str]") -> None:
    said = notes()
    assert "kubectl --namespace monitoring rollout status deployment/glue-glue-mv-exporter" in said
    assert "helm test glue --namespace monitoring" in said
    assert "port-forward service/glue-glue-mv-exporter 10079:10079" in said
    assert "http://localhost:10079/" in said


@pytest.mark.parametrize(
    "setting",
    [
        "image.registry=registry.example.org",
        "global.imageRegistry=registry:5000",
        "image.repository=localhost/glue",
    ],
)
def test_with_a_registry_for_the_image_they_warn_of_nothing(
    notes: "functools.partial[str]", setting: str
) -> None:
    assert "WARNING" not in notes(setting)


def test_they_say_that_the_image_has_no_registry(notes: "functools.partial[str]") -> None:
    assert "the image glue-mv-exporter:0.1.0 names no registry" in notes()
    assert "the image data/glue:0.1.0 names no registry" in notes("image.repository=data/glue")


def test_they_name_both_namespaces_where_they_differ(notes: "functools.partial[str]") -> None:
    said = notes("namespaceOverride=elsewhere")
    assert "kubectl --namespace elsewhere rollout status" in said
    assert "helm test glue --namespace monitoring" in said


def test_they_name_the_secret_with_an_access_key(notes: "functools.partial[str]") -> None:
    said = notes(of="access-key")
    assert "the access key in the Secret glue-mv-exporter-aws" in said
    assert "create-pod-identity-association" not in said


def test_they_say_what_persistence_buys(notes: "functools.partial[str]") -> None:
    assert "Without persistence.enabled=true counters start at 0 after each restart" in notes()
    kept = notes("persistence.enabled=true")
    assert "each run that ends is counted once, even if it ends while the exporter is down" in kept
    assert "Without" not in kept


def test_they_say_how_the_pods_get_a_role(notes: "functools.partial[str]") -> None:
    assert (
        "aws eks create-pod-identity-association --cluster-name CLUSTER --role-arn ROLE"
        " \\ --namespace monitoring"
        " --service-account glue-glue-mv-exporter" in notes()
    )
    assert "have the role arn:aws:iam::123456789012:role/glue-mv-exporter" in notes(of="irsa")


def test_they_say_how_it_is_scraped(notes: "functools.partial[str]") -> None:
    assert "The cluster has the Prometheus Operator: set serviceMonitor.enabled=true" in notes()
    assert "scrape http://glue-glue-mv-exporter.monitoring.svc:10079/metrics every 30 seconds" in notes(
        operator=False
    )
    assert "by the ServiceMonitor" in notes("serviceMonitor.enabled=true")
    assert "by the PodMonitor" in notes("podMonitor.enabled=true")
    assert "by the ScrapeConfig" in notes("scrapeConfig.enabled=true")
    assert "https://localhost:10079/" in notes(of="tls")


def test_they_say_where_the_alerts_are(notes: "functools.partial[str]") -> None:
    assert "The alerts are not installed: set prometheusRule.enabled=true" in notes()
    assert "The alerts are in the PrometheusRule" in notes("prometheusRule.enabled=true")


def test_they_say_that_each_shard_shows_its_own_targets(notes: "functools.partial[str]") -> None:
    said = notes("shards=3")
    assert "statefulset/glue-glue-mv-exporter in the namespace monitoring, as 3 shards" in said
    assert "pod/glue-glue-mv-exporter-0 to pod/glue-glue-mv-exporter-2" in said


@pytest.mark.parametrize(
    ("settings", "operator", "warning"),
    [
        (("replicaCount=0",), "with", "replicaCount is 0. The exporter is paused"),
        (
            ("serviceMonitor.enabled=true", "podMonitor.enabled=true"),
            True,
            "with ServiceMonitor and PodMonitor, Prometheus scrapes every pod 2 times",
        ),
        (("serviceMonitor.enabled=true",), "without", "does not know monitoring.coreos.com/v1"),
        (("prometheusRule.enabled=true",), "without", "does not know monitoring.coreos.com/v1"),
        (("grafanaDashboard.enabled=true",), "without", "does not know grafana.integreatly.org/v1beta1"),
        (("ingress.enabled=true",), "with", "anyone who reaches the Ingress can read the names"),
        (
            ("ingress.enabled=true", "shards=2"),
            "with",
            "each request from outside may reach another shard",
        ),
        (
            ("httpRoute.enabled=true", "httpRoute.parentRefs[0].name=gateway"),
            "with",
            "anyone who reaches the HTTPRoute can read the names",
        ),
        (
            ("httpRoute.enabled=true", "httpRoute.parentRefs[0].name=gateway"),
            "without",
            "does not know gateway.networking.k8s.io/v1",
        ),
    ],
)
def test_they_warn(
    notes: "functools.partial[str]", settings: tuple[str, ...], operator: str, warning: str
) -> None:
    said = notes(*settings, operator=operator == "with")
    assert warning in said.partition("WARNING")[2]
