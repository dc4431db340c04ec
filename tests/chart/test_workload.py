"""Deployment or StatefulSet, shards, state, and what else stands in the pod."""

import re

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


@pytest.mark.parametrize("kind", ["commonLabels", "podLabels", "service.labels", "serviceMonitor.labels"])
@pytest.mark.parametrize("label", ["name", "instance", "component"])
def test_labels_by_which_objects_find_each_other_cannot_be_changed(
    release: str, kind: str, label: str
) -> None:
    setting = f"{kind}.app\\.kubernetes\\.io/{label}=mine"
    said = refusal(release, "minimal", setting, "serviceMonitor.enabled=true")
    assert f"app.kubernetes.io/{label} cannot be set by commonLabels or other labels" in said


def test_a_label_of_one_object_wins_over_one_of_all(render: Render) -> None:
    """No label stands twice: the tests do not read such YAML."""
    chart = render(
        "commonLabels.team=all", "podLabels.team=pods", "service.labels.team=service",
        "commonLabels.app\\.kubernetes\\.io/part-of=platform", "dashboards.enabled=true",
        "podAnnotations.checksum/config=mine",
    )  # fmt: skip
    assert chart.pod["metadata"]["labels"]["team"] == "pods"
    assert chart.one("Service")["metadata"]["labels"]["team"] == "service"
    assert chart.workload["metadata"]["labels"]["team"] == "all"
    assert chart.workload["metadata"]["labels"]["app.kubernetes.io/part-of"] == "platform"
    assert re.fullmatch("[0-9a-f]{64}", chart.checksum or "")


@pytest.mark.parametrize("probe", ["livenessProbe", "readinessProbe", "startupProbe"])
def test_what_is_turned_off_is_not_rendered_at_all(render: Render, probe: str) -> None:
    """Not as null or empty either: what an upgrade no longer renders, both releases of Helm remove."""
    for off in (f"{probe}.enabled=false", f"{probe}=null"):
        assert probe not in render(off).container
    for off in ("lifecycle=null", "lifecycle.preStop=null"):
        assert "lifecycle" not in render(off, of="extras").container


@pytest.mark.parametrize("value", ["podSecurityContext", "securityContext", "resources"])
def test_a_default_can_be_taken_away(render: Render, value: str) -> None:
    """OpenShift chooses users and groups itself."""
    for _, spec in render(f"{value}=null").pod_specs():
        assert None not in spec.values()
        assert all(None not in one.values() for one in spec["containers"])
    chart = render("podSecurityContext.runAsUser=null", "podSecurityContext.fsGroup=null")
    assert chart.pod["spec"]["securityContext"].keys().isdisjoint({"runAsUser", "fsGroup"})


def test_the_workload_has_annotations_of_its_own(render: Render) -> None:
    chart = render(of="mirror")
    assert chart.workload["metadata"]["annotations"] == {"reloader.stakater.com/auto": "true"}
    assert "annotations" not in chart.one("Service")["metadata"]


def test_everything_can_be_in_another_namespace_than_the_release(render: Render) -> None:
    chart = render(of="mirror", namespace="elsewhere")
    assert {one["metadata"]["namespace"] for one in chart.manifests} == {"monitoring"}
    for kind in ("ServiceMonitor", "PodMonitor"):
        assert chart.one(kind)["spec"]["namespaceSelector"] == {"matchNames": ["monitoring"]}
    (test,) = chart.one("Pod")["spec"]["containers"]
    assert f"--web.listen-address={NAME}.monitoring.svc:10079" in test["args"]


def test_credentials_come_from_a_secret(render: Render) -> None:
    variables = {one["name"]: one for one in render(of="access-key").container["env"]}
    secrets = {
        name: one["valueFrom"]["secretKeyRef"] for name, one in variables.items() if "valueFrom" in one
    }
    secret = "glue-mv-exporter-aws"
    assert secrets == {
        "AWS_ACCESS_KEY_ID": {"name": secret, "key": "aws_access_key_id"},
        "AWS_SECRET_ACCESS_KEY": {"name": secret, "key": "aws_secret_access_key"},
        "AWS_SESSION_TOKEN": {"name": secret, "key": "token", "optional": True},
    }
    assert variables["AWS_DEFAULT_REGION"]["value"] == "eu-west-1"
    assert variables["AWS_MAX_ATTEMPTS"]["value"] == "2"
    assert "env" not in render().container


def test_no_variable_stands_twice(render: Render) -> None:
    more = ("extraEnv[0].name=AWS_DEFAULT_REGION", "extraEnv[0].value=us-east-1")
    found = [
        one for one in render(*more, of="access-key").container["env"] if one["name"] == "AWS_DEFAULT_REGION"
    ]
    assert found == [{"name": "AWS_DEFAULT_REGION", "value": "us-east-1"}]


def test_a_variable_that_is_given_twice_is_refused(release: str) -> None:
    """An apply on the server refuses it, one by Helm takes either."""
    more = [f"extraEnv[{number}].{key}=A" for number in (0, 1) for key in ("name", "value")]
    assert "extraEnv: A stands twice" in refusal(release, "minimal", *more)


def test_a_pod_can_have_the_nodes_network_or_a_user_namespace(render: Render) -> None:
    spec = render("hostNetwork=true").pod["spec"]
    assert (spec["hostNetwork"], spec["dnsPolicy"]) == (True, "ClusterFirstWithHostNet")
    assert render("hostNetwork=true", "dnsPolicy=Default").pod["spec"]["dnsPolicy"] == "Default"
    assert render(of="user-namespace").pod["spec"]["hostUsers"] is False
    assert render().pod["spec"].keys().isdisjoint({"hostNetwork", "hostUsers", "dnsPolicy"})


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


@pytest.mark.parametrize(
    ("settings", "image"),
    [
        (("image.registry=r.example.org",), "r.example.org/glue-mv-exporter:0.1.0"),
        (("image.registry=r:5000/team/", "image.repository=data/glue"), "r:5000/team/data/glue:0.1.0"),
        (("image.registry=r:5000", "image.repository=old.example.org/data/glue"), "r:5000/data/glue:0.1.0"),
        (("image.registry=r:5000", "image.repository=localhost/glue"), "r:5000/glue:0.1.0"),
        (("image.registry=r:5000", "global.imageRegistry=mirror:5000"), "mirror:5000/glue-mv-exporter:0.1.0"),
    ],
)
def test_a_registry_stands_before_the_repository(
    render: Render, settings: tuple[str, ...], image: str
) -> None:
    for _, spec in render(*settings).pod_specs():
        assert spec["containers"][0]["image"] == image


def test_pull_secrets_of_the_whole_are_those_of_the_pods_as_well(render: Render) -> None:
    more = ("imagePullSecrets[0].name=mirror", "imagePullSecrets[1].name=own")
    for _, spec in render(*more, of="mirror").pod_specs():
        assert spec["imagePullSecrets"] == [{"name": "mirror"}, {"name": "own"}]
    assert "imagePullSecrets" not in render().pod["spec"]


def test_there_is_a_limit_of_memory(render: Render) -> None:
    assert render().container["resources"]["limits"] == {"memory": "512Mi"}
