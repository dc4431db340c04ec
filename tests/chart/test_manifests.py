"""Whatever the values: Helm finds no fault, Kubernetes would take every manifest, and pods are restricted."""

import json
import tarfile
from collections import Counter
from itertools import chain
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from kubernetes_validate.utils import SchemaNotFoundError

from exporter import __version__
from tests.chart.charts import CHART, NAMESPACE, RELEASES, SETS, Manifest, helm, rendered, value_set
from tests.chart.conftest import Render

OPERATORS = {
    "monitoring.coreos.com/v1", "monitoring.coreos.com/v1alpha1", "grafana.integreatly.org/v1beta1",
    "gateway.networking.k8s.io/v1", "autoscaling.k8s.io/v1",
}  # fmt: skip
"""Whose resources Kubernetes has no schema of: test_operators checks those of the chart itself."""
KUBERNETES = ("1.30", kubernetes_validate.latest_version())

every_set = pytest.mark.parametrize("name", SETS)


def test_there_are_enough_value_sets() -> None:
    """Some have names that YAML takes for something else; test_names has more of those."""
    assert len(SETS) >= 30


def test_the_newest_schemas_are_newer_than_the_oldest() -> None:
    assert tuple(map(int, KUBERNETES[1].split("."))) >= (1, 36)


@every_set
def test_helm_finds_no_fault(release: str, name: str) -> None:
    done = helm(release, "lint", "--strict", str(CHART), "--values", str(value_set(name)))
    assert done.status == 0, done.out + done.err
    assert "[WARNING]" not in done.out
    assert "[ERROR]" not in done.out


def test_helm_finds_no_fault_without_values(release: str) -> None:
    done = helm(release, "lint", "--strict", str(CHART))
    assert done.status == 0, done.out + done.err


@every_set
@pytest.mark.parametrize("version", KUBERNETES)
def test_kubernetes_takes_every_manifest(name: str, version: str) -> None:
    """Strictly: unknown keys, too, are errors. Both releases of Helm make the same: see below."""
    for manifest in rendered("4", name).manifests:
        try:
            kubernetes_validate.validate(manifest, version, strict=True)
        except SchemaNotFoundError:
            assert manifest["apiVersion"] in OPERATORS


def test_a_misspelt_key_would_be_noticed() -> None:
    """Else the test above would prove nothing."""
    service = rendered("4", "minimal").one("Service")
    wrong = {**service, "spec": {**service["spec"], "portz": []}}
    with pytest.raises(kubernetes_validate.ValidationError, match="portz"):
        kubernetes_validate.validate(wrong, "1.30", strict=True)


@every_set
def test_both_releases_of_helm_make_the_same(name: str) -> None:
    first, second = (
        sorted(json.dumps(one, sort_keys=True) for one in rendered(release, name).manifests)
        for release in RELEASES
    )
    assert first == second


@every_set
def test_two_renders_are_the_same(release: str, name: str) -> None:
    arguments = ("template", "glue", str(CHART), "--values", str(value_set(name)), "--namespace", NAMESPACE)
    assert helm.__wrapped__(release, *arguments).out == helm(release, *arguments).out


@every_set
def test_no_two_manifests_are_the_same_thing(name: str) -> None:
    found = Counter(
        (one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"])
        for one in rendered("4", name).manifests
    )
    assert set(found.values()) == {1}


@every_set
def test_everything_of_ours_says_which_release_it_is_of(name: str) -> None:
    for one in rendered("4", name).manifests:
        metadata = one["metadata"]
        if not metadata["name"].endswith(("-extra", "-written")):  # those of extraManifests
            assert metadata["labels"]["app.kubernetes.io/instance"] == "glue"
            assert metadata["namespace"]


@every_set
def test_every_port_names_its_protocol(name: str) -> None:
    """Helm 4 applies on the server, which merges ports by port and protocol."""
    for service in rendered("4", name).all("Service"):
        assert all("protocol" in port for port in service["spec"]["ports"])
    assert all("protocol" in port for port in rendered("4", name).container["ports"])


def unrestricted(spec: Manifest) -> list[str]:
    """Return what the restricted Pod Security Standard, and a little more, forbids of a pod."""
    pod = spec["securityContext"]
    wrong = [key for key in ("hostNetwork", "hostPID", "hostIPC") if spec.get(key)]
    allowed = {"configMap", "secret", "emptyDir", "projected", "persistentVolumeClaim", "downwardAPI", "csi"}
    wrong += [volume["name"] for volume in spec.get("volumes", []) if not set(volume) - {"name"} <= allowed]
    if spec.get("automountServiceAccountToken") is not False:
        wrong.append("a token of the API")
    for container in chain(spec.get("initContainers", []), spec["containers"]):
        own = container.get("securityContext", {})
        merged = {**{key: pod.get(key) for key in ("runAsNonRoot", "runAsUser", "seccompProfile")}, **own}
        fine = {
            "runAsNonRoot": merged["runAsNonRoot"] is True,
            "runAsUser": isinstance(merged["runAsUser"], int) and merged["runAsUser"] > 0,
            "seccompProfile": (merged["seccompProfile"] or {}).get("type") == "RuntimeDefault",
            "allowPrivilegeEscalation": own.get("allowPrivilegeEscalation") is False,
            "capabilities": own.get("capabilities", {}).get("drop") == ["ALL"],
            "no added capabilities": not own.get("capabilities", {}).get("add"),
            "readOnlyRootFilesystem": own.get("readOnlyRootFilesystem") is True,
            "privileged": not own.get("privileged"),
        }
        wrong += [f"{container['name']}: {key}" for key, right in fine.items() if not right]
    return wrong


@every_set
def test_every_pod_is_restricted(name: str) -> None:
    pods = list(rendered("4", name).pod_specs())
    assert len(pods) == 2
    for pod, spec in pods:
        assert unrestricted(spec) == [], pod


@pytest.mark.parametrize(
    ("setting", "complaint"),
    [
        ("securityContext.runAsNonRoot=false", "exporter: runAsNonRoot"),
        ("securityContext.runAsUser=0", "exporter: runAsUser"),
        ("securityContext.seccompProfile.type=Unconfined", "exporter: seccompProfile"),
        ("securityContext.allowPrivilegeEscalation=true", "exporter: allowPrivilegeEscalation"),
        ("securityContext.capabilities.drop[0]=KILL", "exporter: capabilities"),
        ("securityContext.capabilities.add[0]=KILL", "exporter: no added capabilities"),
        ("securityContext.readOnlyRootFilesystem=false", "exporter: readOnlyRootFilesystem"),
        ("securityContext.privileged=true", "exporter: privileged"),
        ("serviceAccount.automount=true", "a token of the API"),
    ],
)
def test_a_pod_that_is_not_restricted_would_be_noticed(setting: str, complaint: str) -> None:
    assert complaint in unrestricted(rendered("4", "minimal", setting).pod["spec"])


def test_the_pods_run_as_the_user_of_the_image(render: Render) -> None:
    for _, spec in render().pod_specs():
        assert spec["securityContext"]["runAsUser"] == 65532
        assert spec["securityContext"]["fsGroup"] == 65532


def test_the_chart_is_of_the_exporters_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert (chart["appVersion"], chart["version"]) == (__version__, __version__)


def test_two_installations_in_one_namespace_do_not_meet(release: str) -> None:
    def names(installed_as: str) -> set[tuple[str, str]]:
        found = rendered(release, "everything", "fullnameOverride=", installed_as=installed_as).manifests
        return {(one["kind"], one["metadata"]["name"]) for one in found}

    assert names("one") & names("two") == set()


def test_two_installations_select_their_own_pods_alone(release: str) -> None:
    one, two = (
        rendered(release, "everything", "fullnameOverride=", installed_as=name) for name in ("one", "two")
    )
    labels = two.pod["metadata"]["labels"]
    for kind in ("Service", "NetworkPolicy", "PodDisruptionBudget", "StatefulSet", "PodMonitor"):
        for manifest in one.all(kind):
            spec = manifest["spec"]
            selector = spec["podSelector" if kind == "NetworkPolicy" else "selector"]
            wanted = selector.get("matchLabels", selector)
            assert not wanted.items() <= labels.items(), kind
            assert wanted.items() <= one.pod["metadata"]["labels"].items(), kind


def test_what_is_packaged_is_what_installs(release: str, tmp_path: Path) -> None:
    """Without the value sets and the settings of tools."""
    done = helm(release, "package", str(CHART), "--destination", str(tmp_path))
    assert done.status == 0, done.err
    package = tmp_path / f"glue-mv-exporter-{__version__}.tgz"
    with tarfile.open(package) as tarball:
        names = {name.removeprefix("glue-mv-exporter/") for name in tarball.getnames()}
    assert {"README.md", "values.schema.json", "files/rules.yaml"} <= names
    assert not [name for name in names if name.startswith((".trivyignore", "ci/"))]
    more = ("--values", str(value_set("minimal")), "--namespace", NAMESPACE)
    shown = helm(release, "template", "glue", str(package), *more)
    assert shown.out == helm(release, "template", "glue", str(CHART), *more).out
