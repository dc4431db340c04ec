"""Wrong values: Helm refuses them before anything is installed, and says what is wrong and where."""

import re

import pytest

from tests.chart.charts import CHART, helm, refusal

WRONG = [
    # A value, where it stands, and what both releases of Helm say of it, each in its own words.
    ("replicaCount=2", "replicaCount", "one of"),
    ("replicaCount=1.5", "replicaCount", "one of"),
    ("replicacount=1", "replicacount", "[Aa]dditional propert"),
    ("shards=0", "shards", "[Mm]inimum|greater than or equal to 1"),
    ("shards=two", "shards", "integer"),
    ("shard=2", "shard", "[Aa]dditional propert"),
    ("persistance.enabled=true", "persistance", "[Aa]dditional propert"),
    ("persistence.enable=true", "enable", "[Aa]dditional propert"),
    ("persistence.enabled=yes", "enabled", "boolean"),
    ("persistence.size=big", "size", "pattern"),
    ("persistence.whenDeleted=Keep", "whenDeleted", "Retain.*Delete"),
    ("persistence.accessModes[0]=Once", "accessModes", "ReadWriteOnce"),
    ("config.poll_intervall=30s", "poll_intervall", "[Aa]dditional propert"),
    ("config.poll_interval=30", "poll_interval", "string"),
    ("config.poll_interval=soon", "poll_interval", "pattern"),
    ("config.runs_per_view=1001", "runs_per_view", "1,?000"),
    ("config.targets[0].view=a.b", "view", "[Aa]dditional propert"),
    ("config.targets[0].views[0]=orders", "views", "orders|pattern"),
    ("config.targets[0].aws_region=Ireland", "aws_region", "pattern"),
    ("config.targets[0].catalog_id=123456789012", "catalog_id", "string"),
    ("config.targets[0].runs[0]=latest", "runs", "pattern"),
    ("config.targets[0].assume_role.role_arn=admin", "role_arn", "pattern"),
    ("config.targets[0].assume_role.external_id=x", "role_arn", "required|missing"),
    ("config.targets[0].max_requests_per_second=0", "max_requests_per_second", "0.01"),
    ("config.targets[0].aws_access_key_id=AKIA", "aws_access_key_id", "[Aa]dditional propert"),
    ("config.defaults.name=x", "name", "[Aa]dditional propert"),
    ("configReload.interval=often", "interval", "pattern"),
    ("logLevel=warn", "logLevel", "warning"),
    ("logFormat=text", "logFormat", "logfmt"),
    ("image.repository=glue-mv-exporter:1", "repository", "pattern"),
    ("image.registry=mirror/owner:1", "registry", "pattern"),
    ("imagePullSecrets[0]=name", "imagePullSecrets", "object"),
    ("extraEnv[0].value=x", "extraEnv", "name"),
    ("aws.secret=x", "aws", "[Aa]dditional propert"),
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
    ("livenessProbe.periodSeconds=0", "periodSeconds", "1"),
    ("extraArgs[0]=log.level=debug", "extraArgs", "pattern"),
    ("extraEnv.AWS_REGION=eu-west-1", "extraEnv", "array"),
    ("web.port=443", "port", "1,?024"),
    ("externalUrl=glue.example.org", "externalUrl", "pattern"),
    ("webConfig.tls=true", "existingSecret", "[Ll]ength"),
    ("webConfig.clientCertificates=true", "tls", "true"),
    ("service.type=External", "type", "ClusterIP"),
    ("service.port=0", "port", "1"),
    ("ingress.hosts[0].host=a.example.org", "hosts", "paths"),
    ("podDisruptionBudget.maxUnavailable=110%", "maxUnavailable", "pattern"),
    ("networkPolicy.ingressFrom=monitoring", "ingressFrom", "array"),
    ("serviceMonitor.interval=30", "interval", "string"),
    ("serviceMonitor.enabled=1", "enabled", "boolean"),
    ("prometheusRule.thresholds.costFacto=1", "costFacto", "[Aa]dditional propert"),
    ("prometheusRule.thresholds.costFactor=double", "costFactor", "number"),
    ("prometheusRule.thresholds.costFactor=-1", "costFactor", "0"),
    ("prometheusRule.thresholds.targetDownFor=300", "targetDownFor", "string"),
    ("prometheusRule.thresholds.targetDownFor=ever", "targetDownFor", "pattern"),
    ("prometheusRule.disabled[0]=GlueMVRefreshFail", "disabled", "GlueMVRefreshFailed"),
    ("prometheusRule.runbookUrl=runbooks", "runbookUrl", "https"),
    ("grafanaDashboard.resyncPeriod=daily", "resyncPeriod", "pattern"),
    ("tests.enabled=maybe", "enabled", "boolean"),
]


@pytest.mark.parametrize(("setting", "place", "complaint"), WRONG, ids=[setting for setting, _, _ in WRONG])
def test_a_wrong_value_is_refused_with_its_place_and_reason(
    release: str, setting: str, place: str, complaint: str
) -> None:
    said = refusal(release, "minimal", setting)
    assert "values don't meet the specifications of the schema" in said
    (reason,) = re.findall(r"glue-mv-exporter: (.*)", said)
    assert place in reason
    assert re.search(complaint, reason), reason


def test_nothing_to_watch_is_refused_with_what_to_write(release: str) -> None:
    done = helm(release, "template", "glue", str(CHART))
    assert done.status != 0
    assert (
        "config.targets is empty: say what to watch, such as --set 'config.targets[0].aws_region=" in done.err
    )
    done = helm(release, "template", "glue", str(CHART), *_as_told(done.err))
    assert done.status == 0, "what it tells to write is right"


def _as_told(message: str) -> list[str]:
    return [word for setting in re.findall(r"--set '([^']+)'", message)[:2] for word in ("--set", setting)]


def test_a_chart_that_has_this_one_as_a_part_may_switch_it_and_hand_down_globals(release: str) -> None:
    settings = ("--set", "global.region=x", "--set", "enabled=true")
    done = helm(release, "template", "glue", str(CHART), *settings, "--set", "config.targets[0].views[0]=a.b")
    assert done.status == 0, done.err
