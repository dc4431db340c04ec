"""What the values do: each is found where Kubernetes looks for it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter import __version__, config
from tests.chart.charts import NAME, ROOT, SETS, Rendered, rendered, value_set
from tests.chart.conftest import Render

MOUNTED = "/etc/glue-mv-exporter"
HEALTHY = {"path": "/-/healthy", "port": "http", "scheme": "HTTP"}
IMAGE = "registry.example.org:5000/data/glue-mv-exporter@sha256:" + 4 * "0123456789abcdef"
HEADLESS = "Service/glue-glue-mv-exporter-headless"
HEALTHCHECK = ["glue-mv-exporter", "healthcheck", "--web.listen-address=:10079"]
CLAIM = "workload spec volumeClaimTemplates 0"
SPREAD = "pod spec topologySpreadConstraints"

WRITTEN: dict[str, dict[str, Any]] = {
    "minimal": {
        "workload kind": "Deployment",
        "workload metadata name": NAME,
        "workload spec replicas": 1,
        # Never two pods at once: one series would have the counters of both.
        "workload spec strategy": {"type": "Recreate"},
        "--config.file": f"{MOUNTED}/config/config.yaml",
        "container volumeMounts config mountPath": f"{MOUNTED}/config",
        "pod spec volumes config configMap name": NAME,
        "pod spec volumes 1": None,
        "--config.auto-reload-interval": "30s",
        "--shard": None,
        "--storage.path": None,
        "--web.config.file": None,
        "--web.enable-lifecycle": None,
        "--web.external-url": None,
        "pod spec serviceAccountName": NAME,
        "ServiceAccount metadata name": NAME,
        # IRSA and Pod Identity bring their own.
        "pod spec automountServiceAccountToken": False,
        "Pod spec automountServiceAccountToken": False,
        "ServiceAccount automountServiceAccountToken": False,
        # A new chart alone restarts nothing.
        "pod metadata labels helm.sh/chart": None,
        **{
            f"{pod} spec securityContext {key}": value
            for pod in ("pod", "Pod")
            for key, value in {"runAsNonRoot": True, "runAsUser": 65532, "fsGroup": 65532}.items()
        },
        "pod spec imagePullSecrets": None,
        "pod spec hostNetwork": None,
        "pod spec hostUsers": None,
        "pod spec dnsPolicy": None,
        SPREAD: None,
        "container image": f"glue-mv-exporter:{__version__}",
        "container env": None,
        "container resources limits": {"memory": "512Mi"},
        "container livenessProbe httpGet": HEALTHY,
        "container startupProbe httpGet": HEALTHY,
        "container readinessProbe httpGet": {**HEALTHY, "path": "/-/ready"},
        "Service spec ports 0 port": 10079,
        "Service spec clusterIP": None,
        "Service spec loadBalancerSourceRanges": None,
        "Pod metadata annotations helm.sh/hook": "test",
        "Pod spec containers 0 image": f"glue-mv-exporter:{__version__}",
        # Through the Service.
        "Pod spec containers 0 args": ["healthcheck", f"--web.listen-address={NAME}.monitoring.svc:10079"],
    },
    "minimal tests.enabled=false": {"Pod": None},
    "minimal serviceAccount.create=false": {"pod spec serviceAccountName": "default", "ServiceAccount": None},
    "minimal nameOverride=views": {"workload metadata name": "glue-views"},
    "minimal fullnameOverride=views": {"workload metadata name": "views"},
    "minimal image.tag=edge": {"container image": "glue-mv-exporter:edge"},
    "minimal configReload.interval=2m": {"--config.auto-reload-interval": "2m"},
    "minimal configReload.restartOnChange=false": {"pod metadata annotations": None},
    "minimal existingConfig.configMap=other": {
        "ConfigMap": None,
        "pod spec volumes config configMap name": "other",
    },
    "minimal replicaCount=0": {"workload spec replicas": 0},
    "minimal replicaCount=0 shards=3": {"workload spec replicas": 0},
    "minimal hostNetwork=true": {
        "pod spec hostNetwork": True,
        "pod spec dnsPolicy": "ClusterFirstWithHostNet",
    },
    "minimal hostNetwork=true dnsPolicy=Default": {"pod spec dnsPolicy": "Default"},
    # OpenShift chooses users and groups itself.
    "minimal podSecurityContext.runAsUser=null podSecurityContext.fsGroup=null": {
        "pod spec securityContext runAsUser": None,
        "pod spec securityContext fsGroup": None,
    },
    "minimal shards=3": {
        "workload kind": "StatefulSet",
        "workload spec replicas": 3,
        # Shards do not wait for each other.
        "workload spec podManagementPolicy": "Parallel",
        "workload spec serviceName": HEADLESS.partition("/")[2],
        f"{HEADLESS} spec clusterIP": "None",
        "--shard": "$(POD_NAME)/3",
        "container env POD_NAME valueFrom fieldRef fieldPath": "metadata.name",
        f"{SPREAD} 0 topologyKey": "kubernetes.io/hostname",
        f"{SPREAD} 0 whenUnsatisfiable": "ScheduleAnyway",
    },
    "sharded-state": {
        "--storage.path": "/var/lib/glue-mv-exporter",
        "container volumeMounts state": {"name": "state", "mountPath": "/var/lib/glue-mv-exporter"},
        f"{CLAIM} metadata name": "state",
        f"{CLAIM} spec resources requests storage": "1Gi",
        f"{SPREAD} 0 topologyKey": "topology.kubernetes.io/zone",
        f"{SPREAD} 0 labelSelector matchLabels app.kubernetes.io/instance": "glue",
    },
    "sharded-state topologySpreadConstraints[0].labelSelector.matchLabels.mine=yes": {
        f"{SPREAD} 0 labelSelector matchLabels mine": "yes"
    },
    "minimal persistence.enabled=true": {
        "workload kind": "StatefulSet",
        # Kubernetes refuses an upgrade that changes them: nothing of the chart's version.
        f"{CLAIM} metadata labels": {
            "app.kubernetes.io/name": "glue-mv-exporter",
            "app.kubernetes.io/instance": "glue",
        },
        f"{CLAIM} spec storageClassName": None,
    },
    "minimal persistence.enabled=true persistence.storageClass=-": {f"{CLAIM} spec storageClassName": ""},
    "persistence": {
        f"{CLAIM} spec storageClassName": "gp3",
        f"{CLAIM} spec resources requests storage": "2Gi",
        f"{CLAIM} metadata annotations": {"backup.example.org/skip": "true"},
        "workload spec persistentVolumeClaimRetentionPolicy": {
            "whenDeleted": "Delete",
            "whenScaled": "Retain",
        },
    },
    "existing-claim": {
        "workload spec volumeClaimTemplates": None,
        "pod spec volumes state persistentVolumeClaim": {"claimName": "glue-state"},
        "ConfigMap": None,
        "pod spec volumes config secret secretName": "glue-mv-exporter-config",
        "pod spec volumes config secret items": [{"key": "exporter.yaml", "path": "config.yaml"}],
    },
    "accounts": {"--log.level": "debug", "--log.format": "json"},
    "irsa": {
        "ServiceAccount metadata name": "glue-reader",
        "ServiceAccount metadata annotations": {
            "eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/glue-mv-exporter"
        },
        "pod spec serviceAccountName": "glue-reader",
        # A digest wins over a tag.
        "container image": IMAGE,
        "Pod spec containers 0 image": IMAGE,
        "pod spec imagePullSecrets": [{"name": "registry"}],
        "Pod spec imagePullSecrets": [{"name": "registry"}],
    },
    "access-key": {
        "container env AWS_ACCESS_KEY_ID valueFrom secretKeyRef": {
            "name": "glue-mv-exporter-aws",
            "key": "aws_access_key_id",
        },
        "container env AWS_SECRET_ACCESS_KEY valueFrom secretKeyRef": {
            "name": "glue-mv-exporter-aws",
            "key": "aws_secret_access_key",
        },
        "container env AWS_SESSION_TOKEN valueFrom secretKeyRef": {
            "name": "glue-mv-exporter-aws",
            "key": "token",
            "optional": True,
        },
        "container env AWS_DEFAULT_REGION value": "eu-west-1",
        "container env AWS_MAX_ATTEMPTS value": "2",
        "container env 5": None,
    },
    "access-key extraEnv[0].name=AWS_DEFAULT_REGION extraEnv[0].value=us-east-1": {
        # No variable stands twice.
        "container env AWS_DEFAULT_REGION value": "us-east-1",
        "container env 4": None,
    },
    "ingress": {
        "--web.listen-address": ":8080",
        "--web.external-url": "https://glue.example.org",
        "--web.enable-lifecycle": "",
        "container ports 0 name": "http",
        "container ports 0 containerPort": 8080,
        "Service spec type": "NodePort",
        "Service spec ports 0 port": 80,
        "Service spec ports 0 nodePort": 31079,
        "Service spec ports 0 targetPort": "http",
        "Service spec ipFamilies": ["IPv4", "IPv6"],
        "Service spec ipFamilyPolicy": "PreferDualStack",
        "Service metadata annotations": {"example.org/note": "true"},
        "Service metadata labels exposed": "true",
        "Ingress spec rules 0 host": "glue.example.org",
        "Ingress spec rules 0 http paths 0 backend service": {"name": NAME, "port": {"name": "http"}},
        "Ingress spec rules 1 host": "status.example.org",
        "Ingress spec rules 1 http paths 0 backend service": {"name": NAME, "port": {"name": "http"}},
        "Ingress spec rules 1 http paths 0 pathType": "Exact",
        "Ingress spec rules 2": None,
        "Ingress spec ingressClassName": "nginx",
        "Ingress spec tls": [{"secretName": "glue-tls", "hosts": ["glue.example.org"]}],
        "Ingress metadata annotations nginx.ingress.kubernetes.io/auth-type": "basic",
        "Ingress metadata labels exposed": "true",
    },
    "load-balancer": {
        "Service spec type": "LoadBalancer",
        "Service spec clusterIP": "10.96.0.79",
        "Service spec loadBalancerIP": "10.1.2.3",
        "Service spec loadBalancerClass": "service.k8s.aws/nlb",
        "Service spec externalTrafficPolicy": "Local",
        "Service spec loadBalancerSourceRanges": ["10.0.0.0/8", "192.168.0.0/16"],
    },
    "http-route": {
        "HTTPRoute apiVersion": "gateway.networking.k8s.io/v1",
        "HTTPRoute spec parentRefs": [{"name": "public", "namespace": "gateways", "sectionName": "https"}],
        "HTTPRoute spec hostnames": ["glue.example.org"],
        "HTTPRoute spec rules 0 matches": [{"path": {"type": "PathPrefix", "value": "/mv"}}],
        "HTTPRoute spec rules 0 filters 0 type": "URLRewrite",
        "HTTPRoute spec rules 0 backendRefs": [{"name": NAME, "port": 10079}],
        "HTTPRoute metadata labels exposed": "true",
        "HTTPRoute metadata annotations": {"example.org/note": "true"},
    },
    "minimal podDisruptionBudget.enabled=true": {
        "PodDisruptionBudget spec maxUnavailable": 1,
        "PodDisruptionBudget spec minAvailable": None,
    },
    "shards": {"PodDisruptionBudget spec maxUnavailable": "34%"},
    "paused": {
        "PodDisruptionBudget spec minAvailable": 0,
        "PodDisruptionBudget spec maxUnavailable": None,
    },
    "tls": {
        "pod spec volumes web-config secret secretName": "glue-mv-exporter-web",
        "container volumeMounts web-config mountPath": f"{MOUNTED}/web",
        "--web.config.file": f"{MOUNTED}/web/web-config.yml",
        "pod spec volumes certificates secret secretName": "glue-mv-exporter-tls",
        "container volumeMounts certificates mountPath": f"{MOUNTED}/certificates",
        "container ports 0 name": "https",
        **{
            f"container {probe} httpGet {key}": value
            for probe in ("livenessProbe", "readinessProbe", "startupProbe")
            for key, value in {"scheme": "HTTPS", "port": "https"}.items()
        },
    },
    "basic-auth": {
        "pod spec volumes web-config secret secretName": "glue-mv-exporter-web",
        "--web.config.file": f"{MOUNTED}/web/web.yml",
    },
    # The kubelet has no certificate to show: the exporter's own command asks.
    "mutual-tls": {
        f"container {probe} {key}": value
        for probe in ("livenessProbe", "readinessProbe", "startupProbe")
        for key, value in {
            "exec command": [*HEALTHCHECK, f"--web.config.file={MOUNTED}/web/web-config.yml"],
            "httpGet": None,
        }.items()
    },
    "user-namespace": {"pod spec hostUsers": False},
    "mirror": {
        "pod spec imagePullSecrets": [{"name": "mirror"}],
        "Pod spec imagePullSecrets": [{"name": "mirror"}],
        "workload metadata annotations": {"reloader.stakater.com/auto": "true"},
        "Service metadata annotations": None,
        "ServiceMonitor spec namespaceSelector": {"matchNames": ["monitoring"]},
        "PodMonitor spec namespaceSelector": {"matchNames": ["monitoring"]},
    },
    "mirror imagePullSecrets[0].name=mirror imagePullSecrets[1].name=own": {
        "pod spec imagePullSecrets": [{"name": "mirror"}, {"name": "own"}],
        "Pod spec imagePullSecrets": [{"name": "mirror"}, {"name": "own"}],
    },
    "extras": {
        "ServiceAccount": None,
        "pod spec serviceAccountName": "shared",
        "container livenessProbe periodSeconds": 60,
        "container startupProbe": None,
        "container readinessProbe enabled": None,
        "container env AWS_PROFILE value": "monitoring",
        "container envFrom 0 secretRef name": "aws-settings",
        "--log.format": "json",
        "pod spec volumes aws configMap": {"name": "aws-config"},
        "container volumeMounts aws": {"name": "aws", "mountPath": "/etc/aws", "readOnly": True},
        "container lifecycle preStop exec command": ["glue-mv-exporter", "--version"],
        "pod spec containers 0 name": "exporter",
        "pod spec containers 1 name": "proxy",
        "pod spec initContainers 0 name": "wait",
        "pod spec nodeSelector": {"kubernetes.io/os": "linux"},
        "pod spec tolerations 0 key": "monitoring",
        "pod spec affinity nodeAffinity preferredDuringSchedulingIgnoredDuringExecution 0 weight": 1,
        "pod spec priorityClassName": "monitoring",
        "pod spec runtimeClassName": "gvisor",
        "pod spec schedulerName": "other",
        "pod spec dnsPolicy": "None",
        "pod spec dnsConfig": {"nameservers": ["10.0.0.10"]},
        "pod spec hostAliases 0 ip": "10.1.2.3",
        "pod spec terminationGracePeriodSeconds": 30,
        "pod metadata labels team": "data-platform",
        "pod metadata labels tier": "monitoring",
        "pod metadata annotations": {"sidecar.istio.io/inject": "false"},
        "workload spec selector matchLabels tier": None,
        "Service metadata labels team": "data-platform",
        # Extra manifests are templates.
        "ConfigMap/glue-extra data": {"release": "glue"},
        "Secret stringData": {"region": "eu-west-1"},
    },
    # The label of one object wins over that of all.
    "minimal commonLabels.team=all podLabels.team=pods service.labels.team=service": {
        "pod metadata labels team": "pods",
        "Service metadata labels team": "service",
        "workload metadata labels team": "all",
    },
    "minimal commonLabels.app\\.kubernetes\\.io/part-of=platform": {
        "workload metadata labels app.kubernetes.io/part-of": "platform"
    },
    **{
        f"minimal {settings}": {"container image": image, "Pod spec containers 0 image": image}
        for settings, image in {
            "image.registry=r.example.org": f"r.example.org/glue-mv-exporter:{__version__}",
            "image.registry=r:5000/team/ image.repository=data/glue": f"r:5000/team/data/glue:{__version__}",
            "image.registry=r:5000 image.repository=old.org/data/glue": f"r:5000/data/glue:{__version__}",
            "image.registry=r:5000 image.repository=localhost/glue": f"r:5000/glue:{__version__}",
            "image.registry=r:5000 global.imageRegistry=m:5000": f"m:5000/glue-mv-exporter:{__version__}",
        }.items()
    },
}
"""A value set and more settings, to what stands where."""


@pytest.mark.parametrize("values", WRITTEN)
def test_each_value_is_found_in_its_place(render: Render, values: str) -> None:
    of, *settings = values.split()
    chart = render(*settings, of=of)
    assert {place: chart.at(place) for place in WRITTEN[values]} == WRITTEN[values]


def test_nothing_else_is_installed_by_default(render: Render) -> None:
    assert render().kinds == {"ServiceAccount", "ConfigMap", "Service", "Deployment", "Pod"}


WITH_CONFIG = [name for name in SETS if "config" in yaml.safe_load(value_set(name).read_text())]


@pytest.mark.parametrize("name", WITH_CONFIG)
def test_the_configuration_is_that_of_the_values_without_a_warning(release: str, name: str) -> None:
    text = rendered(release, of=name).configuration
    assert yaml.safe_load(text) == yaml.safe_load(value_set(name).read_text())["config"]
    assert config.parse(text.encode(), name).warnings == ()


def test_every_key_of_the_example_is_a_value(release: str, tmp_path: Path) -> None:
    example = yaml.safe_load((ROOT / "config.example.yaml").read_text())
    values = tmp_path / "values.json"
    values.write_text(json.dumps({"config": example}))
    assert yaml.safe_load(rendered(release, of=values).configuration) == example


def test_a_changed_configuration_restarts_the_pod_and_nothing_else_does(render: Render) -> None:
    def checksum(*settings: str) -> str:
        return str(render(*settings).at("pod metadata annotations checksum/config"))

    assert re.fullmatch("[0-9a-f]{64}", checksum())
    assert checksum("config.runs_per_view=2") != checksum()
    assert checksum("logLevel=debug") == checksum("podAnnotations.checksum/config=mine") == checksum()


@pytest.mark.parametrize("probe", ["livenessProbe", "readinessProbe", "startupProbe"])
def test_what_is_turned_off_is_not_rendered_at_all(render: Render, probe: str) -> None:
    """Not as null or empty either: what an upgrade no longer renders, both releases of Helm remove."""
    for off in (f"{probe}.enabled=false", f"{probe}=null"):
        assert probe not in render(off).container
    for off in ("lifecycle=null", "lifecycle.preStop=null"):
        assert "lifecycle" not in render(off, of="extras").container


@pytest.mark.parametrize("value", ["podSecurityContext", "securityContext", "resources"])
def test_a_default_can_be_taken_away(render: Render, value: str) -> None:
    for _, spec in render(f"{value}=null").pod_specs():
        assert None not in spec.values()
        assert all(None not in one.values() for one in spec["containers"])


def test_everything_can_be_in_another_namespace_than_the_release(render: Render) -> None:
    chart = render(of="mirror", namespace="elsewhere")
    assert {one["metadata"]["namespace"] for one in chart.manifests} == {"monitoring"}
    address = f"--web.listen-address={NAME}.monitoring.svc:10079"
    assert chart.at("Pod spec containers 0 args") == ["healthcheck", address]


def test_a_release_that_has_the_charts_name_does_not_double_it(render: Render) -> None:
    assert render(installed_as="my-glue-mv-exporter").at("workload metadata name") == "my-glue-mv-exporter"


def test_the_longest_names_still_fit(render: Render) -> None:
    """The controller labels a StatefulSet's pods with its name and eleven characters: 63 are allowed."""
    chart = render("shards=2", installed_as="r" * 53)
    assert len(chart.workload["metadata"]["name"]) + 11 <= 63
    for manifest in chart.manifests:
        assert len(manifest["metadata"]["name"]) <= 63
        assert all(len(value) <= 63 for value in manifest["metadata"]["labels"].values())


def test_the_service_never_sends_requests_to_the_test(render: Render) -> None:
    chart = render()
    assert not chart.at("Service spec selector").items() <= chart.at("Pod metadata labels").items()


def ways_out(chart: Rendered) -> list[tuple[str, int]]:
    """Return the addresses and ports that the network policy lets through to."""
    return [
        (peer.get("ipBlock", {}).get("cidr", "pods"), port["port"])
        for rule in chart.at("NetworkPolicy spec egress")
        for peer in rule.get("to", [{"ipBlock": {"cidr": "any"}}])
        for port in rule["ports"]
    ]


def test_the_network_policy_lets_out_to_dns_aws_and_pod_identity(render: Render) -> None:
    assert ways_out(render("networkPolicy.enabled=true")) == [
        ("any", 53), ("any", 53), ("0.0.0.0/0", 443), ("::/0", 443),
        ("169.254.170.23/32", 80), ("fd00:ec2::23/128", 80),
    ]  # fmt: skip
    assert ways_out(render(of="network-policy")) == [
        ("pods", 53), ("pods", 53), ("10.0.0.0/8", 443),
        ("169.254.169.254/32", 80), ("fd00:ec2::254/128", 80), ("10.1.2.3/32", 5000),
    ]  # fmt: skip
    unrestricted = render("networkPolicy.enabled=true", "networkPolicy.restrictEgress=false")
    assert unrestricted.at("NetworkPolicy spec policyTypes") == ["Ingress"]
    assert unrestricted.at("NetworkPolicy spec egress") is None


def test_the_network_policy_lets_in_to_the_exporters_port_alone(render: Render) -> None:
    chart = render("networkPolicy.enabled=true", "web.port=8080")
    ingress = "NetworkPolicy spec ingress"
    assert chart.at(ingress) == [{"ports": [{"port": 8080, "protocol": "TCP"}]}]
    chart = render(of="network-policy")
    prometheus, test = chart.at(f"{ingress} 0 from")
    assert prometheus["podSelector"]["matchLabels"] == {"app.kubernetes.io/name": "prometheus"}
    assert test["podSelector"]["matchLabels"].items() <= chart.at("Pod metadata labels").items()
    assert chart.at(f"{ingress} 1") is None
