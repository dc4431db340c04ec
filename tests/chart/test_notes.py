"""What Helm prints after an installation."""

import shutil
from pathlib import Path

import pytest
import yaml

from tests.chart.charts import CHART, NAME, NAMESPACE, helm, value_set

APIS = ("monitoring.coreos.com/v1", "grafana.integreatly.org/v1beta1", "gateway.networking.k8s.io/v1")
SAID = {
    "minimal": [
        f"kubectl --namespace monitoring rollout status deployment/{NAME}",
        "helm test glue --namespace monitoring",
        f"port-forward service/{NAME} 10079:10079",
        "http://localhost:10079/",
        "WARNING: the image glue-mv-exporter:0.1.0 names no registry",
        "Without persistence.enabled=true counters start at 0 after each restart",
        "aws eks create-pod-identity-association --cluster-name CLUSTER --role-arn ROLE",
        f"--namespace monitoring --service-account {NAME}",
        "The cluster has the Prometheus Operator: set serviceMonitor.enabled=true",
        "The alerts are not installed: set prometheusRule.enabled=true",
    ],
    "minimal operator=no": [f"scrape http://{NAME}.monitoring.svc:10079/metrics every 30 seconds"],
    "minimal image.repository=data/glue": ["WARNING: the image data/glue:0.1.0 names no registry"],
    "minimal namespaceOverride=elsewhere": [
        "kubectl --namespace elsewhere rollout status",
        "helm test glue --namespace monitoring",
    ],
    "access-key": ["the access key in the Secret glue-mv-exporter-aws"],
    "irsa": ["have the role arn:aws:iam::123456789012:role/glue-mv-exporter"],
    "minimal persistence.enabled=true": [
        "each run that ends is counted once, even if it ends while the exporter is down"
    ],
    "minimal serviceMonitor.enabled=true": ["by the ServiceMonitor"],
    "minimal podMonitor.enabled=true": ["by the PodMonitor"],
    "minimal scrapeConfig.enabled=true": ["by the ScrapeConfig"],
    "tls": ["https://localhost:10079/"],
    "minimal prometheusRule.enabled=true": ["The alerts are in the PrometheusRule"],
    "minimal shards=3": [
        f"statefulset/{NAME} in the namespace monitoring, as 3 shards",
        f"pod/{NAME}-0 to pod/{NAME}-2",
    ],
    "minimal replicaCount=0": ["WARNING: replicaCount is 0. The exporter is paused"],
}
NOT_SAID = {
    "minimal image.registry=registry.example.org": "WARNING",
    "minimal global.imageRegistry=registry:5000": "WARNING",
    "minimal image.repository=localhost/glue": "WARNING",
    "access-key": "create-pod-identity-association",
    "minimal persistence.enabled=true": "Without",
}
ROUTE = "httpRoute.enabled=true httpRoute.parentRefs[0].name=gateway"
WARNINGS = {
    "serviceMonitor.enabled=true podMonitor.enabled=true": (
        "with ServiceMonitor and PodMonitor, Prometheus scrapes every pod 2 times"
    ),
    "serviceMonitor.enabled=true operator=no": "does not know monitoring.coreos.com/v1",
    "prometheusRule.enabled=true operator=no": "does not know monitoring.coreos.com/v1",
    "grafanaDashboard.enabled=true operator=no": "does not know grafana.integreatly.org/v1beta1",
    f"{ROUTE} operator=no": "does not know gateway.networking.k8s.io/v1",
    ROUTE: "anyone who reaches the HTTPRoute can read the names",
    "ingress.enabled=true": "anyone who reaches the Ingress can read the names",
    "ingress.enabled=true shards=2": "each request from outside may reach another shard",
}


@pytest.fixture(scope="module")
def talking_chart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the chart, and add a manifest that holds the notes: `helm template` prints none."""
    copy = tmp_path_factory.mktemp("chart") / "glue-mv-exporter"
    shutil.copytree(CHART, copy)
    manifest = 'notes: {{ include (print $.Template.BasePath "/NOTES.txt") . | toJson }}\n'
    (copy / "templates" / "spoken.yaml").write_text(manifest)
    return copy


def notes(release: str, chart: Path, values: str) -> str:
    """Return what is said; ``operator=no`` among the values: the cluster has no operators."""
    of, *settings = values.split()
    words = ["--namespace", NAMESPACE, "--values", str(value_set(of)), "--show-only", "templates/spoken.yaml"]
    if "operator=no" in settings:
        settings.remove("operator=no")
    else:
        words += [word for api in APIS for word in ("--api-versions", api)]
    words += [word for setting in settings for word in ("--set", setting)]
    done = helm(release, "template", "glue", str(chart), *words)
    assert done.returncode == 0, done.stderr
    return " ".join(yaml.safe_load(done.stdout)["notes"].split())


@pytest.mark.parametrize("values", SAID)
def test_they_say(release: str, talking_chart: Path, values: str) -> None:
    said = notes(release, talking_chart, values)
    assert [sentence for sentence in SAID[values] if sentence not in said] == []


@pytest.mark.parametrize("values", NOT_SAID)
def test_they_do_not_say(release: str, talking_chart: Path, values: str) -> None:
    assert NOT_SAID[values] not in notes(release, talking_chart, values)


@pytest.mark.parametrize("values", WARNINGS)
def test_they_warn(release: str, talking_chart: Path, values: str) -> None:
    said = notes(release, talking_chart, f"minimal image.registry=registry:5000 {values}")
    assert WARNINGS[values] in said.partition("WARNING")[2]
