"""All manifests of all value sets, held against Kubernetes' schemas, the operators' models and a scanner."""

import json
import subprocess
import sys
import tarfile
from collections import Counter
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from kubernetes_validate.utils import SchemaNotFoundError

from exporter import __version__
from tests.chart.charts import CHART, RELEASES, SETS, Manifest, helm, rendered, template, value_set
from tests.chart.conftest import NODE

PACKAGES = {
    "ServiceMonitor": "prometheus-operator/monitoring.coreos.com/v1",
    "PodMonitor": "prometheus-operator/monitoring.coreos.com/v1",
    "PrometheusRule": "prometheus-operator/monitoring.coreos.com/v1",
    "ScrapeConfig": "prometheus-operator/monitoring.coreos.com/v1alpha1",
    "HTTPRoute": "gateway-api/gateway.networking.k8s.io/v1",
    "GrafanaDashboard": "grafana-operator/grafana.integreatly.org/v1beta1",
}
"""The models of the chart's custom resources."""
OPERATORS = {"autoscaling.k8s.io/v1", *(path.partition("/")[2] for path in PACKAGES.values())}
"""Whose resources Kubernetes has no schema of."""
KUBERNETES = ("1.30", kubernetes_validate.latest_version())
EXCEPTIONS = CHART / ".trivyignore.yaml"

every_set = pytest.mark.parametrize("name", SETS)


@every_set
def test_helm_finds_no_fault(release: str, name: str) -> None:
    done = helm(release, "lint", "--strict", str(CHART), "--values", str(value_set(name)))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[WARNING]" not in done.stdout
    assert "[ERROR]" not in done.stdout


def test_helm_finds_no_fault_without_values(release: str) -> None:
    done = helm(release, "lint", "--strict", str(CHART))
    assert done.returncode == 0, done.stdout + done.stderr


@every_set
def test_both_releases_of_helm_make_the_same(name: str) -> None:
    first, second = (
        sorted(json.dumps(one, sort_keys=True) for one in rendered(release, of=name).manifests)
        for release in RELEASES
    )
    assert first == second


@every_set
@pytest.mark.parametrize("version", KUBERNETES)
def test_kubernetes_takes_every_manifest(name: str, version: str) -> None:
    """Strictly: unknown keys, too, are errors."""
    for manifest in rendered("4", of=name).manifests:
        try:
            kubernetes_validate.validate(manifest, version, strict=True)
        except SchemaNotFoundError:
            assert manifest["apiVersion"] in OPERATORS


def test_a_misspelt_key_would_be_noticed() -> None:
    """Else the test above would prove nothing."""
    assert tuple(map(int, KUBERNETES[1].split("."))) >= (1, 36)
    service = rendered("4").one("Service")
    wrong = {**service, "spec": {**service["spec"], "portz": []}}
    with pytest.raises(kubernetes_validate.ValidationError, match="portz"):
        kubernetes_validate.validate(wrong, "1.30", strict=True)


@every_set
def test_each_object_is_there_once_and_says_which_release_it_is_of(name: str) -> None:
    chart = rendered("4", of=name)
    found = Counter((one["kind"], one["metadata"]["name"]) for one in chart.manifests)
    assert set(found.values()) == {1}
    for one in chart.manifests:
        if not one["metadata"]["name"].endswith(("-extra", "-written")):  # those of extraManifests
            assert one["metadata"]["labels"]["app.kubernetes.io/instance"] == "glue"
            assert one["metadata"]["namespace"]


@every_set
def test_every_port_names_its_protocol(name: str) -> None:
    """Helm 4 applies on the server, which merges ports by port and protocol."""
    chart = rendered("4", of=name)
    ports = [port for service in chart.all("Service") for port in service["spec"]["ports"]]
    assert all("protocol" in port for port in (*ports, *chart.container["ports"]))


def test_two_installations_in_one_namespace_do_not_meet(release: str) -> None:
    one, two = (
        rendered(release, "fullnameOverride=", of="everything", installed_as=name) for name in ("one", "two")
    )
    names = [{(m["kind"], m["metadata"]["name"]) for m in chart.manifests} for chart in (one, two)]
    assert names[0] & names[1] == set()
    for kind in ("Service", "NetworkPolicy", "PodDisruptionBudget", "StatefulSet", "PodMonitor"):
        for manifest in one.all(kind):
            selector = manifest["spec"]["podSelector" if kind == "NetworkPolicy" else "selector"]
            wanted = selector.get("matchLabels", selector).items()
            assert not wanted <= two.pod["metadata"]["labels"].items(), kind
            assert wanted <= one.pod["metadata"]["labels"].items(), kind


def test_what_is_packaged_is_what_installs(release: str, tmp_path: Path) -> None:
    """Without the value sets and the settings of tools."""
    done = helm(release, "package", str(CHART), "--destination", str(tmp_path))
    assert done.returncode == 0, done.stderr
    package = tmp_path / f"glue-mv-exporter-{__version__}.tgz"
    with tarfile.open(package) as tarball:
        names = {name.removeprefix("glue-mv-exporter/") for name in tarball.getnames()}
    assert {"README.md", "values.schema.json", "files/rules.yaml"} <= names
    assert not [name for name in names if name.startswith((".trivyignore", "ci/"))]
    assert template(release, chart=package).stdout == template(release).stdout


def custom_resources() -> list[Manifest]:
    """Return those of all value sets, each once, without the dashboards' own text, a large literal."""
    found = [one for name in SETS for one in rendered("4", of=name).manifests if one["kind"] in PACKAGES]
    short = [
        {**one, "spec": one["spec"] | ({"json": "{}"} if "json" in one["spec"] else {})} for one in found
    ]
    return [json.loads(text) for text in dict.fromkeys(json.dumps(one) for one in short)]


def faults(manifests: list[Manifest]) -> list[str | None]:
    """Return what the models' own check says of each; it takes misspelt keys that are optional."""
    done = subprocess.run(
        ["node", "validate.mjs"],
        cwd=NODE, input=json.dumps(manifests), capture_output=True, text=True, check=False, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answer: list[str | None] = json.loads(done.stdout)
    return answer


def mistyped(manifests: list[Manifest], folder: Path) -> str:
    """Return what TypeScript says of all of them, as literals of the models' types; it takes no such keys."""
    lines = [
        f'import type {{ I{kind} }} from "@kubernetes-models/{path}/{kind}";'
        for kind, path in PACKAGES.items()
    ]
    lines += [
        f"export const manifest{number}: I{one['kind']} = {json.dumps(one)};"
        for number, one in enumerate(manifests)
    ]
    (folder / "manifests.ts").write_text("\n".join(lines))
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "node_modules").symlink_to(NODE / "node_modules")
    done = subprocess.run(
        [
            NODE / "node_modules" / ".bin" / "tsc", "--noEmit", "--strict", "--skipLibCheck",
            "--module", "nodenext", "--target", "es2022", "manifests.ts",
        ],
        cwd=folder, capture_output=True, text=True, check=False, timeout=200,
    )  # fmt: skip
    return done.stdout + done.stderr


def test_the_operators_models_take_every_custom_resource(tmp_path: Path) -> None:
    found = custom_resources()
    assert {one["kind"] for one in found} == set(PACKAGES)
    assert set(faults(found)) == {None}
    assert mistyped(found, tmp_path) == ""


def test_misspelt_keys_and_wrong_values_of_custom_resources_would_be_noticed(tmp_path: Path) -> None:
    """Else the test above would prove nothing."""
    first = {one["kind"]: one for one in custom_resources()}
    misspelt = [{**one, "spec": {**one["spec"], "jobLabell": "x"}} for one in first.values()]
    assert mistyped(misspelt, tmp_path).count('"jobLabell"\' does not exist in type') == len(PACKAGES)
    endpoint = {"port": "http", "interval": "thirty seconds"}
    monitor = first["ServiceMonitor"]
    (fault,) = faults([{**monitor, "spec": {**monitor["spec"], "endpoints": [endpoint]}}])
    assert fault
    assert "interval" in fault


def findings(what: Path, *arguments: str) -> set[str]:
    """Return the findings of ``trivy config``, each with what it was found in."""
    done = subprocess.run(
        [
            Path(sys.executable).with_name("trivy"), "config", "--quiet", "--format", "json",
            "--skip-check-update", "--skip-version-check", "--disable-telemetry", *arguments, what,
        ],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    results: list[dict[str, Any]] = json.loads(done.stdout)["Results"]
    assert results, "it has looked at something"
    return {
        f"{found['ID']} {result['Target']}: {found['Message']}"
        for result in results
        for found in result.get("Misconfigurations", [])
    }


def test_in_the_chart_trivy_finds_nothing_but_what_is_explained() -> None:
    values = ("--helm-values", str(value_set("minimal")))
    assert findings(CHART, "--ignorefile", str(EXCEPTIONS), *values) == set()


def test_in_all_value_sets_trivy_finds_what_is_explained_and_nothing_else(tmp_path: Path) -> None:
    """So every pod is as the restricted Pod Security Standard asks, and every exception is needed."""
    for name in SETS:
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump_all(rendered("4", of=name).manifests))
    exceptions = yaml.safe_load(EXCEPTIONS.read_text())["misconfigurations"]
    assert all(len(one["statement"]) > 40 for one in exceptions)
    explained = {one["id"] for one in exceptions}
    found = findings(tmp_path)
    assert {finding for finding in found if finding.split()[0] not in explained} == set()
    assert {finding.split()[0] for finding in found} == explained
