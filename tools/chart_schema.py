"""Print the chart's values.schema.json.

Its shape follows from values.yaml and the comments there, the part of `config` from the exporter's own
schema, the alerts' names from their file. RULES has what defaults do not show.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

import yaml

from tools.render_rules import CHART, ROOT, SOURCE

Schema = dict[str, Any]

DURATION = r"^([0-9]+(ms|[smhdwy]))+$"
"""As Prometheus and Kubernetes' operators write it."""
_REGISTRY = r"^([^\s:/@]+(:[0-9]+)?(/[^\s:@]+)?)?$"
_NAME = r"^([a-z]([-a-z0-9]*[a-z0-9])?)?$"

TEXTS = {
    "serviceMonitor.targetLabels", "serviceMonitor.podTargetLabels", "podMonitor.podTargetLabels",
    "service.loadBalancerSourceRanges", "httpRoute.hostnames",
}  # fmt: skip
"""Lists of texts; all others are of objects."""

FREE = {
    "podSecurityContext", "securityContext", "resources", "affinity", "dnsConfig", "lifecycle",
    "serviceMonitor.tlsConfig", "serviceMonitor.basicAuth",
    "podMonitor.tlsConfig", "podMonitor.basicAuth",
    "scrapeConfig.tlsConfig", "scrapeConfig.basicAuth",
    "grafanaDashboard.instanceSelector",
}  # fmt: skip
"""Objects of Kubernetes, which validates them."""


def one_of(*values: object) -> Schema:
    """Return the schema of a value out of a few."""
    return {"enum": list(values)}


def text(pattern: str, **more: object) -> Schema:
    """Return the schema of a text."""
    return {"type": "string", "pattern": pattern, **more}


def integer(minimum: int, maximum: int | None = None, *, optional: bool = False) -> Schema:
    """Return the schema of an integer; an optional one may be null."""
    kind = ["integer", "null"] if optional else "integer"
    return {"type": kind, "minimum": minimum, **({"maximum": maximum} if maximum else {})}


def objects(*required: str, closed: bool = False, **properties: Schema) -> Schema:
    """Return the schema of an object with these keys; a closed one has no others."""
    more = {"additionalProperties": False} if closed else {}
    return {"type": "object", **more, "required": list(required), "properties": properties}


_STRING = {"type": "string"}
_NOT_EMPTY = {"type": "string", "minLength": 1}
_PATH = objects(
    "path", closed=True, path=text("^/"), pathType=one_of("Prefix", "Exact", "ImplementationSpecific")
)
_HOST = objects("paths", closed=True, host=_STRING, paths={"type": "array", "minItems": 1, "items": _PATH})
_NAMED = objects("name", name=_NOT_EMPTY)
# Values: an API server refuses numbers. Quoted here, one of 12 digits also keeps its zeros.
_VARIABLE = objects("name", closed=True, name=_NOT_EMPTY, value=_STRING, valueFrom={"type": "object"})
_GROUP = objects("name", "rules", name=_NOT_EMPTY, rules={"type": "array"})
_PODS = {"anyOf": [{"type": "integer", "minimum": 0}, text("^(100|[0-9]{1,2})%$"), {"type": "null"}]}
_MONITORS = ("serviceMonitor", "podMonitor", "scrapeConfig")
_LIMITS = ("sampleLimit", "targetLimit", "labelLimit", "labelNameLengthLimit", "labelValueLengthLimit")

RULES: dict[str, Schema] = {
    "existingConfig.key": text("^[-._a-zA-Z0-9]+$"),
    "configReload.interval": text(r"^([0-9]+[smhdw])+$"),
    "logLevel": one_of("debug", "info", "warning", "error"),
    "logFormat": one_of("logfmt", "json"),
    "replicaCount": one_of(0, 1),
    "shards": integer(1, 1000),
    "persistence.accessModes": {
        "type": "array", "minItems": 1, "uniqueItems": True,
        "items": one_of("ReadWriteOnce", "ReadWriteOncePod", "ReadWriteMany"),
    },
    "persistence.size": text(r"^[0-9]+(\.[0-9]+)?([kMGTPE]i?)?$"),
    "persistence.whenDeleted": one_of("Retain", "Delete"),
    "persistence.whenScaled": one_of("Retain", "Delete"),
    # Charts that have this one as a part hand down whatever their other parts need.
    "global": {"additionalProperties": True},
    "global.imagePullSecrets": {"type": "array", "items": {"anyOf": [_NOT_EMPTY, _NAMED]}},
    "imagePullSecrets": {"type": "array", "items": _NAMED},
    "image.registry": text(_REGISTRY),
    "global.imageRegistry": text(_REGISTRY),
    # Without a tag, but a registry may have a port.
    "image.repository": text(r"^[^\s:@]+(:[0-9]+/[^\s:@]+)?$"),
    "image.tag": text(r"^[A-Za-z0-9_.-]*$", maxLength=128),
    "image.digest": text(r"^(sha256:[0-9a-f]{64})?$"),
    "image.pullPolicy": one_of("Always", "IfNotPresent", "Never"),
    "nameOverride": text(_NAME, maxLength=52),
    "fullnameOverride": text(_NAME, maxLength=52),
    "resources": {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "requests": {"type": "object"}, "limits": {"type": "object"}, "claims": {"type": "array"},
        },
    },
    "hostUsers": {"type": ["boolean", "null"]},
    # The exporter ends within 5 seconds, and its state is then written.
    "terminationGracePeriodSeconds": integer(5),
    "dnsPolicy": one_of("", "ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"),
    **{
        f"{probe}.{key}": integer(1)
        for probe in ("livenessProbe", "readinessProbe", "startupProbe")
        for key in ("periodSeconds", "timeoutSeconds", "failureThreshold")
    },
    "extraEnv": {"type": "array", "items": _VARIABLE},
    "extraArgs": {"type": "array", "items": text("^-")},
    "extraManifests": {"type": "array", "items": {"type": ["object", "string"]}},
    # Lower ones are for root, which the exporter is not.
    "web.port": integer(1024, 65535),
    "webConfig": {
        "allOf": [
            {
                "if": {"properties": {"tls": {"const": True}}},
                "then": {"properties": {"existingSecret": {"minLength": 1}}},
            },
            {
                "if": {"properties": {"clientCertificates": {"const": True}}},
                "then": {"properties": {"tls": {"const": True}}},
            },
        ],
    },
    "webConfig.key": text("^[-._a-zA-Z0-9]+$"),
    "service.type": one_of("ClusterIP", "NodePort", "LoadBalancer"),
    "service.port": integer(1, 65535),
    "service.nodePort": integer(1, 65535, optional=True),
    "service.externalTrafficPolicy": one_of("", "Cluster", "Local"),
    "service.ipFamilyPolicy": one_of("", "SingleStack", "PreferDualStack", "RequireDualStack"),
    "service.ipFamilies": {"type": "array", "items": one_of("IPv4", "IPv6"), "maxItems": 2},
    "ingress.hosts": {"type": "array", "minItems": 1, "items": _HOST},
    "podDisruptionBudget.maxUnavailable": _PODS,
    "podDisruptionBudget.minAvailable": _PODS,
    **{
        f"{monitor}.{key}": text(f"^({DURATION.strip('^$')})?$")
        for monitor in _MONITORS
        for key in ("interval", "scrapeTimeout")
    },
    **{f"{monitor}.{limit}": integer(1, optional=True) for monitor in _MONITORS for limit in _LIMITS},
    **{f"{monitor}.proxyUrl": text("^(https?://[^ ]+)?$") for monitor in _MONITORS},
    "prometheusRule.additionalGroups": {"type": "array", "items": _GROUP},
    "dashboards.dpuHourPrice": {"type": "number", "minimum": 0},
    "externalUrl": text("^(https?://[^?# ]+)?$"),
    "prometheusRule.runbookUrl": text("^(https?://|docs/runbooks$)"),
    "grafanaDashboard.resyncPeriod": text(DURATION),
}  # fmt: skip
"""The place of a value, or of an object with values, to what else holds of it."""

_COMMENT = re.compile(r"^ *## @param (?P<key>\S+) (?:\[[^\]]*\] )?(?P<text>.+)$", re.MULTILINE)
_NO_LOOK_AHEAD = "^(?=[0-9])"
"""How the exporter's schema says that a duration is not empty. Go's regular expressions cannot look ahead."""
_OF_DEFAULT = {bool: {"type": "boolean"}, int: integer(0), str: _STRING}


def values_schema() -> Schema:
    """Return the schema of the chart's values."""
    written = (CHART / "values.yaml").read_text()
    descriptions = {match["key"]: match["text"] for match in _COMMENT.finditer(written)}
    schema = _object(yaml.safe_load(written), "", descriptions)
    config = json.loads((ROOT / "exporter" / "config" / "config.schema.json").read_text())
    groups = yaml.safe_load(SOURCE.read_text())["groups"]
    alerts = sorted({rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule})
    schema["properties"]["prometheusRule"]["properties"]["disabled"] |= {"items": {"enum": alerts}}
    own = _portable({key: value for key, value in config.items() if key not in {"$schema", "title"}})
    # It may be empty: then the templates say what to do, which helps more than "at least 1 item".
    del own["properties"]["targets"]["minItems"]
    schema["properties"]["config"] = {**own, "description": descriptions["config"]}
    # A chart that has this one as a part hands it down.
    schema["properties"]["enabled"] = {"type": "boolean"}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Values of the chart glue-mv-exporter",
        "$comment": "Made by tools/chart_schema.py",
        **schema,
    }


def _object(values: Mapping[str, Any], path: str, descriptions: Mapping[str, str]) -> Schema:
    properties = {}
    for key, value in values.items():
        place = f"{path}.{key}" if path else key
        described = {"description": descriptions[place]} if place in descriptions else {}
        properties[key] = described | _value(value, place, descriptions)
    more = RULES.get(path, {})
    return {"type": "object", "additionalProperties": False, "properties": properties, **more}


def _value(value: Any, place: str, descriptions: Mapping[str, str]) -> Schema:
    """Return the schema of one value: its rule, else that of its default."""
    if isinstance(value, dict):
        if place in FREE:
            return {"type": "object", **RULES.get(place, {})}
        if place.lower().endswith(("labels", "annotations", "nodeselector")):
            return {"type": "object", "additionalProperties": _STRING}
        return _object(value, place, descriptions)
    if place in RULES:
        return RULES[place]
    if isinstance(value, list):
        return {"type": "array", "items": _STRING if place in TEXTS else {"type": "object"}}
    return _scalar(value, place)


def _scalar(value: Any, place: str) -> Schema:
    if place.startswith("prometheusRule.thresholds."):
        return text(DURATION) if isinstance(value, str) else {"type": "number", "minimum": 0}
    if type(value) not in _OF_DEFAULT:
        raise TypeError(f"{place}: {value!r} does not show which values are valid: add a rule to RULES")
    return _OF_DEFAULT[type(value)]


def _portable(schema: Any) -> Any:
    """Return it as both of Helm's validators read it: draft 7, and no pattern that looks ahead."""
    if isinstance(schema, list):
        return [_portable(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: _portable(value) for key, value in schema.items() if key not in {"examples", "default"}}
    if isinstance(pattern := found.get("pattern"), str):
        if pattern.startswith(_NO_LOOK_AHEAD):
            found |= {"pattern": "^" + pattern.removeprefix(_NO_LOOK_AHEAD), "minLength": 1}
        if "(?" in found["pattern"]:
            raise ValueError(f"Go's regular expressions cannot look around: {pattern}")
    return found


if __name__ == "__main__":
    print(json.dumps(values_schema(), indent=2, ensure_ascii=False))
