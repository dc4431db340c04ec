"""Deployment or StatefulSet, shards, state, and what else stands in the pod."""

import pytest

from tests.chart.charts import NAME, refusal
from tests.chart.conftest import Render


def test_by_default_it_is_a_deployment_of_one(render: Render) -> None:
    chart = render()
    assert chart.workload["kind"] == "Deployment"
    assert chart.workload["spec"]["replicas"] == 1
    assert "--shard" not in " ".join(chart.args)
    assert "--storage.path" not in " ".join(chart.args)


def test_two_pods_never_run_at_once(render: Render) -> None:
    """One series would have the counters of both."""
    assert render().workload["spec"]["strategy"] == {"type": "Recreate"}


@pytest.mark.parametrize("setting", ["shards=2", "persistence.enabled=true"])
def test_shards_and_state_make_a_stateful_set(render: Render, setting: str) -> None:
    chart = render(setting)
    assert chart.workload["kind"] == "StatefulSet"
    assert not chart.all("Deployment")


def test_each_shard_takes_its_number_from_the_name_of_its_pod(render: Render) -> None:
    chart = render("shards=3")
    assert chart.workload["spec"]["replicas"] == 3
    assert "--shard=$(POD_NAME)/3" in chart.args
    (variable,) = chart.container["env"]
    assert variable["name"] == "POD_NAME"
    assert variable["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.name"


def test_shards_do_not_wait_for_each_other(render: Render) -> None:
    assert render("shards=3").workload["spec"]["podManagementPolicy"] == "Parallel"


def test_a_stateful_set_has_its_headless_service(render: Render) -> None:
    chart = render("shards=3")
    service = chart.one("Service", chart.workload["spec"]["serviceName"])
    assert service["spec"]["clusterIP"] == "None"
    assert len(render().all("Service")) == 1


def test_shards_are_kept_on_different_nodes_if_that_can_be(render: Render) -> None:
    (constraint,) = render("shards=3").pod["spec"]["topologySpreadConstraints"]
    assert constraint["topologyKey"] == "kubernetes.io/hostname"
    assert constraint["whenUnsatisfiable"] == "ScheduleAnyway"
    assert "topologySpreadConstraints" not in render().pod["spec"]


def test_a_topology_spread_is_of_this_releases_pods_unless_it_says_otherwise(render: Render) -> None:
    chart = render(of="sharded-state")
    (constraint,) = chart.pod["spec"]["topologySpreadConstraints"]
    assert constraint["topologyKey"] == "topology.kubernetes.io/zone"
    assert constraint["labelSelector"]["matchLabels"].items() <= chart.pod["metadata"]["labels"].items()
    (own,) = render(
        "topologySpreadConstraints[0].labelSelector.matchLabels.mine=yes", of="sharded-state"
    ).pod["spec"]["topologySpreadConstraints"]
    assert own["labelSelector"]["matchLabels"]["mine"] == "yes"


@pytest.mark.parametrize("more", [(), ("shards=3",)])
def test_paused_there_is_no_pod(render: Render, more: tuple[str, ...]) -> None:
    assert render("replicaCount=0", *more).workload["spec"]["replicas"] == 0


def test_the_state_is_on_a_volume_of_each_shard(render: Render) -> None:
    chart = render(of="sharded-state")
    (claim,) = chart.workload["spec"]["volumeClaimTemplates"]
    (mount,) = [one for one in chart.container["volumeMounts"] if one["name"] == claim["metadata"]["name"]]
    assert f"--storage.path={mount['mountPath']}" in chart.args
    assert "readOnly" not in mount
    assert claim["spec"]["resources"]["requests"]["storage"] == "1Gi"


def test_the_volume_is_as_the_values_say(render: Render) -> None:
    spec = render(of="persistence").workload["spec"]
    (claim,) = spec["volumeClaimTemplates"]
    assert claim["spec"]["storageClassName"] == "gp3"
    assert claim["spec"]["resources"]["requests"]["storage"] == "2Gi"
    assert claim["metadata"]["annotations"] == {"backup.example.org/skip": "true"}
    assert spec["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Delete", "whenScaled": "Retain"}


def test_nothing_of_a_claim_depends_on_the_charts_version(render: Render) -> None:
    """Kubernetes refuses an upgrade that changes it."""
    (claim,) = render("persistence.enabled=true").workload["spec"]["volumeClaimTemplates"]
    assert set(claim["metadata"]["labels"]) == {"app.kubernetes.io/name", "app.kubernetes.io/instance"}


@pytest.mark.parametrize(("written", "meant"), [("-", ""), ("gp3", "gp3"), ("", None)])
def test_a_storage_class_can_be_named_denied_or_left_to_the_cluster(
    render: Render, written: str, meant: str | None
) -> None:
    chart = render("persistence.enabled=true", f"persistence.storageClass={written}")
    (claim,) = chart.workload["spec"]["volumeClaimTemplates"]
    assert claim["spec"].get("storageClassName") == meant


def test_a_volume_that_is_there_already_is_used(render: Render) -> None:
    chart = render(of="existing-claim")
    assert "volumeClaimTemplates" not in chart.workload["spec"]
    (volume,) = [one for one in chart.pod["spec"]["volumes"] if one["name"] == "state"]
    assert volume["persistentVolumeClaim"] == {"claimName": "glue-state"}


def test_shards_cannot_share_a_volume(release: str) -> None:
    assert "shards cannot share a volume" in refusal(release, "existing-claim", "shards=2")


def test_probes_ask_the_exporter_over_http(render: Render) -> None:
    container = render().container
    for probe, path in (
        ("livenessProbe", "/-/healthy"),
        ("startupProbe", "/-/healthy"),
        ("readinessProbe", "/-/ready"),
    ):
        assert container[probe]["httpGet"] == {"path": path, "port": "http", "scheme": "HTTP"}


def test_probes_can_be_changed_and_left_out(render: Render) -> None:
    container = render(of="extras").container
    assert container["livenessProbe"]["periodSeconds"] == 60
    assert "startupProbe" not in container
    assert "enabled" not in container["readinessProbe"]


def test_more_of_everything_is_taken_over(render: Render) -> None:
    chart = render(of="extras")
    spec = chart.pod["spec"]
    assert {"name": "AWS_PROFILE", "value": "monitoring"} in chart.container["env"]
    assert chart.container["envFrom"][0]["secretRef"]["name"] == "aws-settings"
    assert chart.args[-1] == "--log.format=json"
    assert {"name": "aws", "configMap": {"name": "aws-config"}} in spec["volumes"]
    assert {"name": "aws", "mountPath": "/etc/aws", "readOnly": True} in chart.container["volumeMounts"]
    assert [one["name"] for one in spec["containers"]] == ["exporter", "proxy"]
    assert [one["name"] for one in spec["initContainers"]] == ["wait"]
    assert chart.container["lifecycle"]["preStop"]["exec"]["command"] == ["glue-mv-exporter", "--version"]
    taken = ("nodeSelector", "tolerations", "affinity", "dnsConfig", "hostAliases")
    assert all(spec[key] for key in taken)
    assert (spec["priorityClassName"], spec["runtimeClassName"]) == ("monitoring", "gvisor")
    assert (spec["schedulerName"], spec["dnsPolicy"]) == ("other", "None")
    assert spec["terminationGracePeriodSeconds"] == 30


def test_labels_and_annotations_are_taken_over(render: Render) -> None:
    chart = render(of="extras")
    assert chart.pod["metadata"]["labels"].items() >= {"team": "data-platform", "tier": "monitoring"}.items()
    assert chart.pod["metadata"]["annotations"] == {"sidecar.istio.io/inject": "false"}
    assert "tier" not in chart.workload["spec"]["selector"]["matchLabels"]
    assert chart.one("Service")["metadata"]["labels"]["team"] == "data-platform"


def test_extra_manifests_are_templates(render: Render) -> None:
    chart = render(of="extras")
    assert chart.one("ConfigMap", "glue-extra")["data"] == {"release": "glue"}
    assert chart.one("Secret")["stringData"] == {"region": "eu-west-1"}


def test_names_can_be_chosen(render: Render) -> None:
    assert render().workload["metadata"]["name"] == NAME
    assert render(installed_as="my-glue-mv-exporter").workload["metadata"]["name"] == "my-glue-mv-exporter"
    assert render("nameOverride=views").workload["metadata"]["name"] == "glue-views"
    assert render("fullnameOverride=views").workload["metadata"]["name"] == "views"


def test_the_longest_names_still_fit(render: Render) -> None:
    """The controller labels a StatefulSet's pods with its name and eleven characters: 63 are allowed."""
    chart = render("shards=2", installed_as="r" * 53)
    assert len(chart.workload["metadata"]["name"]) + 11 <= 63
    for manifest in chart.manifests:
        assert len(manifest["metadata"]["name"]) <= 63
        assert all(len(value) <= 63 for value in manifest["metadata"]["labels"].values())


def test_the_image_is_that_of_the_charts_version_unless_said_otherwise(render: Render) -> None:
    assert render().container["image"] == "glue-mv-exporter:0.1.0"
    assert render("image.tag=edge").container["image"] == "glue-mv-exporter:edge"


def test_a_digest_wins_over_a_tag(render: Render) -> None:
    chart = render(of="irsa")
    for _, spec in chart.pod_specs():
        image = spec["containers"][0]["image"]
        assert image == "registry.example.org:5000/data/glue-mv-exporter@sha256:" + 4 * "0123456789abcdef"
        assert spec["imagePullSecrets"] == [{"name": "registry"}]


def test_there_is_a_limit_of_memory(render: Render) -> None:
    assert render().container["resources"]["limits"] == {"memory": "512Mi"}
