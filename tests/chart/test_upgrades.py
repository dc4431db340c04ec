"""What an upgrade no longer renders is gone, whichever release of Helm applies it, and on which side.

The API server is a simulation: what it does with an apply is Kubernetes' rule, what Helm sends is real.
"""

from collections.abc import Iterator

import pytest

from tests.chart.charts import CHART, NAME, NAMESPACE, Manifest, helm, value_set
from tests.chart.cluster import APPLY, STRATEGIC, Cluster, cluster

DEPLOYMENT = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{NAME}"
ON = ("lifecycle.preStop.exec.command[0]=glue-mv-exporter", "lifecycle.preStop.exec.command[1]=--version")
OFF = {
    "livenessProbe": "livenessProbe.enabled=false",
    "readinessProbe": "readinessProbe.enabled=false",
    "startupProbe": "startupProbe=null",
    "lifecycle": "lifecycle.preStop=null",
}
ways = pytest.mark.parametrize(
    ("first", "then", "side", "kind"),
    [
        ("3.17", "3.17", (), STRATEGIC),
        ("3.17", "4", (), STRATEGIC),
        ("3.17", "4", ("--server-side=true",), APPLY),
        ("4", "4", (), APPLY),
        ("4", "4", ("--server-side=false",), STRATEGIC),
    ],
    ids=["helm-3", "helm-3-then-4", "helm-3-then-4-on-the-server", "helm-4", "helm-4-then-on-the-client"],
)
"""Helm 4 goes on as the release was installed, unless told otherwise."""


@pytest.fixture
def server() -> Iterator[Cluster]:
    with cluster() as found:
        yield found


def run(release: str, server: Cluster, command: str, *arguments: str) -> None:
    done = helm(
        release, command, "glue", str(CHART), "--namespace", NAMESPACE, "--kube-apiserver", server.url,
        "--kube-token", "none", "--values", str(value_set("minimal")), "--disable-openapi-validation",
        *arguments,
    )  # fmt: skip
    assert done.status == 0, done.err


def settings(*values: str) -> list[str]:
    return [word for value in values for word in ("--set", value)]


def container(server: Cluster) -> Manifest:
    (found,) = server.objects[DEPLOYMENT]["spec"]["template"]["spec"]["containers"]
    return dict(found)


@ways
def test_a_probe_or_a_hook_that_is_turned_off_is_gone(
    server: Cluster, first: str, then: str, side: tuple[str, ...], kind: str
) -> None:
    run(first, server, "install", *settings(*ON))
    assert container(server).keys() >= OFF.keys()
    run(then, server, "upgrade", *settings(*ON, *OFF.values()), *side)
    assert container(server).keys().isdisjoint(OFF)
    patch = [one for one in server.patches if one.path == DEPLOYMENT][-1]
    assert patch.type == kind
    assert kind != APPLY or (patch.query["fieldManager"], patch.query["force"]) == ("helm", "false")


@ways
def test_a_probe_whose_handler_changes_has_the_new_one_alone(
    server: Cluster, first: str, then: str, side: tuple[str, ...], kind: str
) -> None:
    """With both, the API server refuses it."""
    web = ("webConfig.existingSecret=web", "webConfig.tls=true")
    run(first, server, "install", *settings(*web))
    assert "httpGet" in container(server)["livenessProbe"]
    run(then, server, "upgrade", *settings(*web, "webConfig.clientCertificates=true"), *side)
    assert container(server)["livenessProbe"].keys() & {"httpGet", "exec"} == {"exec"}
    assert [one for one in server.patches if one.path == DEPLOYMENT][-1].type == kind
