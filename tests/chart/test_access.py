"""Who the pods are, who reaches them and whom they reach."""

from typing import Any

import pytest
import yaml

from tests.chart.charts import NAME, Rendered, refusal, value_set
from tests.chart.conftest import Render


def test_the_pods_have_a_service_account_of_their_own(render: Render) -> None:
    chart = render()
    assert chart.pod["spec"]["serviceAccountName"] == chart.one("ServiceAccount")["metadata"]["name"] == NAME


def test_the_exporter_gets_no_token_of_kubernetes(render: Render) -> None:
    """IRSA and Pod Identity bring their own."""
    chart = render()
    assert chart.one("ServiceAccount")["automountServiceAccountToken"] is False
    assert chart.pod["spec"]["automountServiceAccountToken"] is False


def test_irsa_is_an_annotation(render: Render) -> None:
    account = render(of="irsa").one("ServiceAccount")
    assert account["metadata"]["name"] == "glue-reader"
    assert account["metadata"]["annotations"] == {
        "eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/glue-mv-exporter"
    }


def test_a_service_account_of_somebody_elses_is_used(render: Render) -> None:
    chart = render(of="extras")
    assert not chart.all("ServiceAccount")
    assert chart.pod["spec"]["serviceAccountName"] == "shared"
    assert render("serviceAccount.create=false").pod["spec"]["serviceAccountName"] == "default"


def test_the_service_reaches_the_exporter(render: Render) -> None:
    chart = render(of="ingress")
    (port,) = chart.one("Service")["spec"]["ports"]
    (own,) = chart.container["ports"]
    assert port["targetPort"] == own["name"]
    assert own["containerPort"] == 8080
    assert "--web.listen-address=:8080" in chart.args
    assert chart.one("Service")["spec"]["selector"].items() <= chart.pod["metadata"]["labels"].items()


def test_the_service_is_as_the_values_say(render: Render) -> None:
    service = render(of="ingress").one("Service")
    assert service["spec"]["type"] == "NodePort"
    assert service["spec"]["ports"][0]["port"] == 80
    assert service["spec"]["ports"][0]["nodePort"] == 31079
    assert service["spec"]["ipFamilies"] == ["IPv4", "IPv6"]
    assert service["spec"]["ipFamilyPolicy"] == "PreferDualStack"
    assert service["metadata"]["annotations"] == {"example.org/note": "true"}
    assert service["metadata"]["labels"]["exposed"] == "true"


def test_by_default_the_service_has_the_exporters_port(render: Render) -> None:
    assert render().one("Service")["spec"]["ports"][0]["port"] == 10079


def test_the_ingress_leads_to_the_service(render: Render) -> None:
    chart = render(of="ingress")
    ingress = chart.one("Ingress")
    backends = [
        path["backend"]["service"] for rule in ingress["spec"]["rules"] for path in rule["http"]["paths"]
    ]
    service = chart.one("Service")
    assert backends == 2 * [
        {"name": service["metadata"]["name"], "port": {"name": service["spec"]["ports"][0]["name"]}}
    ]
    assert [rule["host"] for rule in ingress["spec"]["rules"]] == ["glue.example.org", "status.example.org"]
    assert ingress["spec"]["rules"][1]["http"]["paths"][0]["pathType"] == "Exact"
    assert ingress["spec"]["ingressClassName"] == "nginx"
    assert ingress["spec"]["tls"] == [{"secretName": "glue-tls", "hosts": ["glue.example.org"]}]
    assert ingress["metadata"]["annotations"]["nginx.ingress.kubernetes.io/auth-type"] == "basic"


def test_a_load_balancer_is_as_the_values_say(render: Render) -> None:
    spec = render(of="load-balancer").one("Service")["spec"]
    given = {
        "type": "LoadBalancer", "clusterIP": "10.96.0.79", "loadBalancerIP": "10.1.2.3",
        "loadBalancerClass": "service.k8s.aws/nlb", "externalTrafficPolicy": "Local",
        "loadBalancerSourceRanges": ["10.0.0.0/8", "192.168.0.0/16"],
    }  # fmt: skip
    assert spec.items() >= given.items()
    assert set(render().one("Service")["spec"]) == {"type", "selector", "ports"}


def test_a_route_leads_to_the_service(render: Render) -> None:
    chart = render(of="http-route")
    route, service = chart.one("HTTPRoute"), chart.one("Service")
    values = yaml.safe_load(value_set("http-route").read_text())["httpRoute"]
    assert route["apiVersion"] == "gateway.networking.k8s.io/v1"
    assert set(route["spec"]) == {"parentRefs", "hostnames", "rules"}
    assert route["spec"]["parentRefs"] == values["parentRefs"]
    assert route["spec"]["hostnames"] == values["hostnames"]
    assert route["spec"]["rules"] == [
        {
            "matches": values["matches"],
            "filters": values["filters"],
            "backendRefs": [
                {"name": service["metadata"]["name"], "port": service["spec"]["ports"][0]["port"]}
            ],
        }
    ]
    assert route["metadata"]["labels"]["exposed"] == "true"
    assert route["metadata"]["annotations"] == {"example.org/note": "true"}


def test_a_route_without_a_gateway_is_refused(release: str) -> None:
    said = refusal(release, "minimal", "httpRoute.enabled=true")
    assert "httpRoute.parentRefs is empty: name the Gateway" in said


def test_the_exporter_is_told_its_external_url(render: Render) -> None:
    assert "--web.external-url=https://glue.example.org" in render(of="ingress").args
    assert not any("external-url" in argument for argument in render().args)


def test_reloads_over_http_are_off_unless_asked_for(render: Render) -> None:
    assert "--web.enable-lifecycle" in render(of="ingress").args
    assert "--web.enable-lifecycle" not in render().args


@pytest.mark.parametrize("kind", ["Ingress", "HTTPRoute", "NetworkPolicy", "PodDisruptionBudget"])
def test_nothing_of_this_is_there_by_default(render: Render, kind: str) -> None:
    assert kind not in render().kinds


def policy(chart: Rendered) -> dict[str, Any]:
    found = chart.one("NetworkPolicy")["spec"]
    assert found["podSelector"]["matchLabels"].items() <= chart.pod["metadata"]["labels"].items()
    return dict(found)


def ways_out(chart: Rendered) -> list[tuple[str, int]]:
    """Return the addresses and ports that the policy lets through to."""
    return [
        (peer.get("ipBlock", {}).get("cidr", "pods"), port["port"])
        for rule in policy(chart)["egress"]
        for peer in rule.get("to", [{"ipBlock": {"cidr": "any"}}])
        for port in rule["ports"]
    ]


def test_the_network_policy_lets_out_to_dns_aws_and_pod_identity(render: Render) -> None:
    assert ways_out(render("networkPolicy.enabled=true")) == [
        ("any", 53), ("any", 53), ("0.0.0.0/0", 443), ("::/0", 443),
        ("169.254.170.23/32", 80), ("fd00:ec2::23/128", 80),
    ]  # fmt: skip


def test_the_ways_out_can_be_narrowed_and_widened(render: Render) -> None:
    assert ways_out(render(of="network-policy")) == [
        ("pods", 53), ("pods", 53), ("10.0.0.0/8", 443),
        ("169.254.169.254/32", 80), ("fd00:ec2::254/128", 80), ("10.1.2.3/32", 5000),
    ]  # fmt: skip


def test_the_ways_out_can_be_left_open(render: Render) -> None:
    found = policy(render("networkPolicy.enabled=true", "networkPolicy.restrictEgress=false"))
    assert found["policyTypes"] == ["Ingress"]
    assert "egress" not in found


def test_the_network_policy_lets_in_to_the_exporters_port_alone(render: Render) -> None:
    chart = render("networkPolicy.enabled=true", "web.port=8080")
    assert policy(chart)["ingress"] == [{"ports": [{"port": 8080, "protocol": "TCP"}]}]


def test_only_prometheus_and_the_test_come_in(render: Render) -> None:
    chart = render(of="network-policy")
    (rule,) = policy(chart)["ingress"]
    prometheus, test = rule["from"]
    assert prometheus["podSelector"]["matchLabels"] == {"app.kubernetes.io/name": "prometheus"}
    assert test["podSelector"]["matchLabels"].items() <= chart.one("Pod")["metadata"]["labels"].items()


def test_a_budget_allows_a_node_to_be_drained(render: Render) -> None:
    chart = render("podDisruptionBudget.enabled=true")
    spec = chart.one("PodDisruptionBudget")["spec"]
    assert spec["maxUnavailable"] == 1
    assert spec["selector"]["matchLabels"].items() <= chart.pod["metadata"]["labels"].items()
    assert "minAvailable" not in spec


def test_a_budget_is_a_share_or_a_minimum_as_the_values_say(render: Render) -> None:
    assert render(of="shards").one("PodDisruptionBudget")["spec"]["maxUnavailable"] == "34%"
    spec = render(of="paused").one("PodDisruptionBudget")["spec"]
    assert spec["minAvailable"] == 0
    assert "maxUnavailable" not in spec


def test_without_a_web_configuration_it_is_plain_http(render: Render) -> None:
    chart = render()
    assert "--web.config.file" not in " ".join(chart.args)
    assert [one["name"] for one in chart.pod["spec"]["volumes"]] == ["config"]


@pytest.mark.parametrize(("of", "file"), [("tls", "web-config.yml"), ("basic-auth", "web.yml")])
def test_the_web_configuration_is_a_secret(render: Render, of: str, file: str) -> None:
    chart = render(of=of)
    (volume,) = [one for one in chart.pod["spec"]["volumes"] if one["name"] == "web-config"]
    (mount,) = [one for one in chart.container["volumeMounts"] if one["name"] == "web-config"]
    assert volume["secret"]["secretName"] == "glue-mv-exporter-web"
    assert f"--web.config.file={mount['mountPath']}/{file}" in chart.args


def test_certificates_may_be_in_a_secret_of_their_own(render: Render) -> None:
    chart = render(of="tls")
    (volume,) = [one for one in chart.pod["spec"]["volumes"] if one["name"] == "certificates"]
    (mount,) = [one for one in chart.container["volumeMounts"] if one["name"] == "certificates"]
    assert volume["secret"]["secretName"] == "glue-mv-exporter-tls"
    assert mount["mountPath"] == "/etc/glue-mv-exporter/certificates"


def test_with_tls_probes_speak_https(render: Render) -> None:
    container = render(of="tls").container
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        assert container[probe]["httpGet"]["scheme"] == "HTTPS"
        assert container[probe]["httpGet"]["port"] == container["ports"][0]["name"]


def test_where_clients_need_certificates_the_exporters_own_command_probes(render: Render) -> None:
    chart = render(of="mutual-tls")
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        command = chart.container[probe]["exec"]["command"]
        assert command[:2] == ["glue-mv-exporter", "healthcheck"]
        assert set(command[2:]) <= set(chart.args)


def test_the_test_asks_through_the_service(render: Render) -> None:
    chart = render()
    pod = chart.one("Pod")
    assert pod["metadata"]["annotations"]["helm.sh/hook"] == "test"
    (container,) = pod["spec"]["containers"]
    assert container["image"] == chart.container["image"]
    port = chart.one("Service")["spec"]["ports"][0]["port"]
    assert container["args"] == ["healthcheck", f"--web.listen-address={NAME}.monitoring.svc:{port}"]


def test_the_service_never_sends_requests_to_the_test(render: Render) -> None:
    chart = render()
    labels = chart.one("Pod")["metadata"]["labels"].items()
    assert not chart.one("Service")["spec"]["selector"].items() <= labels


def test_the_test_can_be_left_out(render: Render) -> None:
    assert "Pod" not in render("tests.enabled=false").kinds
