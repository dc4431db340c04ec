"""Names that YAML takes for something else stay texts, wherever a text is valid."""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from tests.chart.charts import CHART, Manifest, refusal, rendered
from tests.chart.conftest import Render
from tests.chart.test_manifests import OPERATORS, PACKAGES, faults

NASTY = ("123456789012", "true", "null", "1e3", "0x1f", "on", "0o17")
"""As names of releases and namespaces Helm takes all of them."""
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
GROUPS = (
    "podMonitor",
    "scrapeConfig",
    "networkPolicy",
    "podDisruptionBudget",
    "prometheusRule",
    "dashboards",
)
EVERYTHING_ON: dict[str, Any] = {
    **{key: {"enabled": True} for key in (*GROUPS, "serviceMonitor", "grafanaDashboard")},
    "shards": 2,
    "persistence": {"enabled": True, "existingClaim": ""},
    "ingress": {"enabled": True, "tls": [{"hosts": ["a.example.org"]}]},
    "httpRoute": {"enabled": True, "parentRefs": [{"name": "gateway"}]},
    "webConfig": {"tls": True},
}


def mistakes(manifests: Iterable[Manifest]) -> list[str]:
    """Return what Kubernetes and the operators say of these manifests' types."""
    found = [place for one in manifests for place in nulls(one, one["kind"])]
    for one in manifests:
        if one["apiVersion"] not in OPERATORS:
            try:
                kubernetes_validate.validate(one, "1.30", strict=True)
            except kubernetes_validate.ValidationError as error:
                found.append(f"{one['kind']}: {error.message}")
    return found + [fault for fault in faults([one for one in manifests if one["kind"] in PACKAGES]) if fault]


def nulls(value: Any, place: str) -> Iterator[str]:
    """Yield where null stands: the schemas take it for a text, an API server does not."""
    if value is None:
        yield f"{place}: null"
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from [] if isinstance(key, str) else [f"{place}: the key {key!r} is not a text"]
            yield from nulls(inner, f"{place}.{key}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from nulls(inner, f"{place}[{number}]")


def texts(schema: dict[str, Any], text: str) -> dict[str, Any]:
    """Return values that say this text wherever the schema takes it."""
    found: dict[str, Any] = {}
    for key, inner in schema["properties"].items():
        if inner.get("type") == "object" and "properties" in inner:
            found[key] = texts(inner, text)
        elif inner.get("type") == "object" and inner.get("additionalProperties", {}) == {"type": "string"}:
            found[key] = {"example.org/a": text, text: text}
        elif inner.get("type") == "array" and inner.get("items") == {"type": "string"}:
            found[key] = [text]
        elif inner.get("type") == "string" and re.search(inner.get("pattern", ""), text):
            found[key] = text
    return found


def manifests(release: str, text: str, folder: Path) -> list[Manifest]:
    """Return those of a release and a namespace with this name, and of values that say it everywhere."""
    everything = rendered(release, "fullnameOverride=", of="everything", installed_as=text, namespace=text)
    found = list(everything.manifests)
    for source in ("configMap", "secret"):
        said = texts(SCHEMA, text)
        for key, values in EVERYTHING_ON.items():
            said[key] = said[key] | values if isinstance(values, dict) else values
        said["existingConfig"] = {source: text, "key": text}
        said["config"] = {}
        said["extraEnv"] = [{"name": "ACCOUNT", "value": text}]
        said["imagePullSecrets"] = [{"name": text}]
        values_file = folder / f"{source}.json"
        values_file.write_text(json.dumps(said))
        found += rendered(release, of=values_file).manifests
    return [json.loads(one) for one in sorted({json.dumps(one, sort_keys=True) for one in found})]


@pytest.mark.parametrize("text", NASTY)
def test_releases_namespaces_and_all_texts_among_the_values_may_look_like_something_else(
    text: str, tmp_path: Path
) -> None:
    found = manifests("4", text, tmp_path)
    assert mistakes(found) == []
    assert len(found) > 30
    assert manifests("3.17", text, tmp_path) == found


@pytest.mark.parametrize("name", ["123456789012", "1e3", "glue.eu-west-1", "1.5"])
def test_whatever_the_release_is_called_its_services_have_names_that_kubernetes_takes(
    render: Render, name: str
) -> None:
    for service in render("shards=2", installed_as=name).all("Service"):
        assert re.fullmatch("[a-z]([-a-z0-9]*[a-z0-9])?", service["metadata"]["name"])
        assert len(service["metadata"]["name"]) <= 63


@pytest.mark.parametrize("value", ["1", "true", "123456789012"])
def test_an_environment_variable_that_is_not_a_text_is_refused(release: str, value: str) -> None:
    said = refusal(release, "extraEnv[0].name=A", f"extraEnv[0].value={value}")
    assert re.search("extraEnv.*string", said)
