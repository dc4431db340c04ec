"""Rules for the chart's values that their defaults do not show: see tools/chart_schema.py."""

from typing import Any

DURATION = r"^([0-9]+(ms|[smhdwy]))+$"
"""As Prometheus and Kubernetes' operators write it."""
_NAME = r"^([a-z]([-a-z0-9]*[a-z0-9])?)?$"
_QUANTITY = r"^[0-9]+(\.[0-9]+)?([kMGTPE]i?)?$"
_REGISTRY = {"type": "string", "pattern": r"^([^\s:/@]+(:[0-9]+)?(/[^\s:@]+)?)?$"}
_DIGEST = r"^(sha256:[0-9a-f]{64})?$"

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


def one_of(*values: object) -> dict[str, Any]:
    """Return the schema of a value out of a few."""
    return {"enum": list(values)}


def text(pattern: str, **more: object) -> dict[str, Any]:
    """Return the schema of a text."""
    return {"type": "string", "pattern": pattern, **more}


def port(lowest: int = 1) -> dict[str, Any]:
    """Return the schema of a port."""
    return {"type": "integer", "minimum": lowest, "maximum": 65535}


def pods() -> dict[str, Any]:
    """Return the schema of a number or percentage of pods, which may be left out."""
    return {
        "anyOf": [{"type": "integer", "minimum": 0}, text("^(100|[0-9]{1,2})%$"), {"type": "null"}],
    }


_MODES = ("ReadWriteOnce", "ReadWriteOncePod", "ReadWriteMany")
_MANY = {"type": ["integer", "null"], "minimum": 1}
_HOST = {
    "type": "object",
    "additionalProperties": False,
    "required": ["paths"],
    "properties": {
        "host": {"type": "string"},
        "paths": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["path"],
                "properties": {
                    "path": text("^/"),
                    "pathType": one_of("Prefix", "Exact", "ImplementationSpecific"),
                },
            },
        },
    },
}
_NAMED = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string", "minLength": 1}}}
_VARIABLE = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "minLength": 1},
        # An API server refuses numbers. Quoted here, one of 12 digits also keeps its zeros.
        "value": {"type": "string"},
        "valueFrom": {"type": "object"},
    },
}
_GROUP = {
    "type": "object",
    "required": ["name", "rules"],
    "properties": {"name": {"type": "string", "minLength": 1}, "rules": {"type": "array"}},
}
_MONITORS = ("serviceMonitor", "podMonitor", "scrapeConfig")
_LIMITS = ("sampleLimit", "targetLimit", "labelLimit", "labelNameLengthLimit", "labelValueLengthLimit")
_SECRET_REQUIRED = {"properties": {"existingSecret": {"minLength": 1}}}

RULES: dict[str, dict[str, Any]] = {
    "existingConfig.key": text("^[-._a-zA-Z0-9]+$"),
    "configReload.interval": text(r"^([0-9]+[smhdw])+$"),
    "logLevel": one_of("debug", "info", "warning", "error"),
    "logFormat": one_of("logfmt", "json"),
    "replicaCount": one_of(0, 1),
    "shards": {"type": "integer", "minimum": 1, "maximum": 1000},
    "persistence.accessModes": {
        "type": "array", "minItems": 1, "uniqueItems": True, "items": one_of(*_MODES),
    },
    "persistence.size": text(_QUANTITY),
    "persistence.whenDeleted": one_of("Retain", "Delete"),
    "persistence.whenScaled": one_of("Retain", "Delete"),
    # Charts that have this one as a part hand down whatever their other parts need.
    "global": {"additionalProperties": True},
    "global.imagePullSecrets": {
        "type": "array", "items": {"anyOf": [{"type": "string", "minLength": 1}, _NAMED]},
    },
    "imagePullSecrets": {"type": "array", "items": _NAMED},
    "image.registry": _REGISTRY,
    "global.imageRegistry": _REGISTRY,
    # Without a tag, but a registry may have a port.
    "image.repository": text(r"^[^\s:@]+(:[0-9]+/[^\s:@]+)?$"),
    "image.tag": text(r"^[A-Za-z0-9_.-]*$", maxLength=128),
    "image.digest": text(_DIGEST),
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
    "terminationGracePeriodSeconds": {"type": "integer", "minimum": 5},
    "dnsPolicy": one_of("", "ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"),
    **{
        f"{probe}.{key}": {"type": "integer", "minimum": 1}
        for probe in ("livenessProbe", "readinessProbe", "startupProbe")
        for key in ("periodSeconds", "timeoutSeconds", "failureThreshold")
    },
    "extraEnv": {"type": "array", "items": _VARIABLE},
    "extraArgs": {"type": "array", "items": text("^-")},
    "extraManifests": {"type": "array", "items": {"type": ["object", "string"]}},
    # Lower ones are for root, which the exporter is not.
    "web.port": port(1024),
    "webConfig": {
        "allOf": [
            {"if": {"properties": {"tls": {"const": True}}}, "then": _SECRET_REQUIRED},
            {
                "if": {"properties": {"clientCertificates": {"const": True}}},
                "then": {"properties": {"tls": {"const": True}}},
            },
        ],
    },
    "webConfig.key": text("^[-._a-zA-Z0-9]+$"),
    "service.type": one_of("ClusterIP", "NodePort", "LoadBalancer"),
    "service.port": port(),
    "service.nodePort": {"type": ["integer", "null"], "minimum": 1, "maximum": 65535},
    "service.externalTrafficPolicy": one_of("", "Cluster", "Local"),
    "service.ipFamilyPolicy": one_of("", "SingleStack", "PreferDualStack", "RequireDualStack"),
    "service.ipFamilies": {"type": "array", "items": one_of("IPv4", "IPv6"), "maxItems": 2},
    "ingress.hosts": {"type": "array", "minItems": 1, "items": _HOST},
    "podDisruptionBudget.maxUnavailable": pods(),
    "podDisruptionBudget.minAvailable": pods(),
    **{
        f"{monitor}.{key}": text(f"^({DURATION.strip('^$')})?$")
        for monitor in _MONITORS
        for key in ("interval", "scrapeTimeout")
    },
    **{f"{monitor}.{limit}": _MANY for monitor in _MONITORS for limit in _LIMITS},
    **{f"{monitor}.proxyUrl": text("^(https?://[^ ]+)?$") for monitor in _MONITORS},
    "prometheusRule.additionalGroups": {"type": "array", "items": _GROUP},
    "dashboards.dpuHourPrice": {"type": "number", "minimum": 0},
    "externalUrl": text("^(https?://[^?# ]+)?$"),
    "prometheusRule.runbookUrl": text("^(https?://|docs/runbooks$)"),
    "grafanaDashboard.resyncPeriod": text(DURATION),
}  # fmt: skip
"""The place of a value, or of an object with values, to what else holds of it."""
