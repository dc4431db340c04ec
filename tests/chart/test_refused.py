"""Wrong values: Helm refuses them before anything is installed, and says what is wrong and where."""

import re

import pytest

from tests.chart.charts import CHART, helm, refusal, template

WRONG = [
    # A value, where it stands, and what both releases of Helm say of it, each in its own words.
    ("replicaCount=2", "replicaCount", "one of"),
    ("shards=0", "shards", "[Mm]inimum|greater than or equal to 1"),
    ("shards=two", "shards", "integer"),
    ("persistence.enable=true", "enable", "[Aa]dditional propert"),
    ("persistence.enabled=yes", "enabled", "boolean"),
    ("persistence.size=big", "size", "pattern"),
    ("persistence.whenDeleted=Keep", "whenDeleted", "Retain.*Delete"),
    ("persistence.accessModes[0]=Once", "accessModes", "ReadWriteOnce"),
    ("config.poll_intervall=30s", "poll_intervall", "[Aa]dditional propert"),
    ("config.targets[0].catalog_id=123456789012", "catalog_id", "string"),
    ("config.targets[0].assume_role.role_arn=admin", "role_arn", "pattern"),
    ("configReload.interval=often", "interval", "pattern"),
    ("logLevel=warn", "logLevel", "warning"),
    ("logFormat=text", "logFormat", "logfmt"),
    ("image.repository=glue-mv-exporter:1", "repository", "pattern"),
    ("image.registry=mirror/owner:1", "registry", "pattern"),
    ("imagePullSecrets[0]=name", "imagePullSecrets", "object"),
    ("extraEnv[0].value=x", "extraEnv", "name"),
    ("service.externalTrafficPolicy=Any", "externalTrafficPolicy", "Local"),
    ("serviceMonitor.proxyUrl=proxy:3128", "proxyUrl", "pattern"),
    ("scrapeConfig.sampleLimit=0", "sampleLimit", "1"),
    ("dashboards.dpuHourPrice=cheap", "dpuHourPrice", "number"),
    ("prometheusRule.additionalGroups[0].name=x", "additionalGroups", "rules"),
    ("image.digest=latest", "digest", "sha256"),
    ("image.pullPolicy=Sometimes", "pullPolicy", "IfNotPresent"),
    ("fullnameOverride=Glue_Exporter", "fullnameOverride", "pattern"),
    ("podAnnotations.restarted=1", "restarted", "string"),
    ("resources.limit.memory=1Gi", "limit", "[Aa]dditional propert"),
    ("terminationGracePeriodSeconds=1", "terminationGracePeriodSeconds", "5"),
    ("extraArgs[0]=log.level=debug", "extraArgs", "pattern"),
    ("extraEnv.AWS_REGION=eu-west-1", "extraEnv", "array"),
    ("web.port=443", "port", "1,?024"),
    ("externalUrl=glue.example.org", "externalUrl", "pattern"),
    ("webConfig.tls=true", "existingSecret", "[Ll]ength"),
    ("webConfig.clientCertificates=true", "tls", "true"),
    ("service.type=External", "type", "ClusterIP"),
    ("ingress.hosts[0].host=a.example.org", "hosts", "paths"),
    ("podDisruptionBudget.maxUnavailable=110%", "maxUnavailable", "pattern"),
    ("networkPolicy.ingressFrom=monitoring", "ingressFrom", "array"),
    ("serviceMonitor.interval=30", "interval", "string"),
    ("prometheusRule.thresholds.costFacto=1", "costFacto", "[Aa]dditional propert"),
    ("prometheusRule.thresholds.costFactor=double", "costFactor", "number"),
    ("prometheusRule.thresholds.targetDownFor=300", "targetDownFor", "string"),
    ("prometheusRule.thresholds.targetDownFor=ever", "targetDownFor", "pattern"),
    ("prometheusRule.disabled[0]=GlueMVRefreshFail", "disabled", "GlueMVRefreshFailed"),
    ("prometheusRule.runbookUrl=runbooks", "runbookUrl", "https"),
    ("grafanaDashboard.resyncPeriod=daily", "resyncPeriod", "pattern"),
]


@pytest.mark.parametrize(("setting", "place", "complaint"), WRONG, ids=[setting for setting, _, _ in WRONG])
def test_a_wrong_value_is_refused_with_its_place_and_reason(
    release: str, setting: str, place: str, complaint: str
) -> None:
    said = refusal(release, setting)
    assert "values don't meet the specifications of the schema" in said
    (reason,) = re.findall(r"glue-mv-exporter: (.*)", said)
    assert place in reason
    assert re.search(complaint, reason), reason


FOUND = "app.kubernetes.io/{} cannot be set by commonLabels or other labels"
SENTENCES = {
    "httpRoute.enabled=true": "httpRoute.parentRefs is empty: name the Gateway",
    "existingConfig.configMap=one existingConfig.secret=two": (
        "existingConfig: set configMap or secret, not both"
    ),
    "persistence.enabled=true persistence.existingClaim=one shards=2": "shards cannot share a volume",
    # An apply on the server refuses it, one by Helm takes either.
    "extraEnv[0].name=A extraEnv[1].name=A": "extraEnv: A stands twice",
    "prometheusRule.enabled=true prometheusRule.thresholds.costFactor=null": (
        "prometheusRule.thresholds: the alerts need a value for costFactor"
    ),
    # By these, objects find each other.
    **{
        f"{labels}.app\\.kubernetes\\.io/{label}=mine serviceMonitor.enabled=true": FOUND.format(label)
        for labels in ("commonLabels", "podLabels", "service.labels", "serviceMonitor.labels")
        for label in ("name", "instance", "component")
    },
    # The operator would drop the monitor, and nothing would be scraped.
    **{
        f"{monitor}.enabled=true {monitor}.interval={interval} {monitor}.scrapeTimeout={timeout}": (
            f"{monitor}: the operator drops it, because scrapeTimeout ({timeout}) is longer than"
        )
        for monitor in ("serviceMonitor", "podMonitor", "scrapeConfig")
        for interval, timeout in {
            "15s": "20s",
            "1m": "1m1s",
            "500ms": "1s",
            "59m": "1h",
            "6d23h": "1w",
        }.items()
    },
}


@pytest.mark.parametrize("settings", SENTENCES)
def test_what_the_schema_cannot_say_is_refused_in_a_sentence(release: str, settings: str) -> None:
    assert SENTENCES[settings] in refusal(release, *settings.split())


def test_nothing_to_watch_is_refused_with_what_to_write(release: str) -> None:
    done = helm(release, "template", "glue", str(CHART))
    assert done.returncode != 0
    assert "config.targets is empty: say what to watch, such as --set 'config.targets[0]." in done.stderr
    told = [word for one in re.findall(r"--set '([^']+)'", done.stderr)[:2] for word in ("--set", one)]
    assert helm(release, "template", "glue", str(CHART), *told).returncode == 0


def test_a_chart_that_has_this_one_as_a_part_may_switch_it_and_hand_down_globals(release: str) -> None:
    assert template(release, "global.region=x", "enabled=true").returncode == 0
