"""Print the chart's values.schema.json.

Its shape follows from values.yaml and the comments there, the part of `config` from the exporter's own
schema, the alerts' names from their file. tools/chart_values.py has what defaults do not show.
"""

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tools.chart_values import DURATION, FREE, RULES, TEXTS

ROOT = Path(__file__).resolve().parent.parent
CHART = ROOT / "helm" / "glue-mv-exporter"
CONFIG_SCHEMA = ROOT / "exporter" / "config" / "config.schema.json"

Schema = dict[str, Any]

_COMMENT = re.compile(r"^ *## @param (?P<key>\S+) (?:\[[^\]]*\] )?(?P<text>.+)$", re.MULTILINE)
_NOT_EMPTY = "^(?=[0-9])"
"""How the exporter's schema says that a duration is not empty. Go's regular expressions cannot look ahead."""


def main() -> int:
    """Run as a script."""
    text = (CHART / "values.yaml").read_text()
    descriptions = {match["key"]: match["text"] for match in _COMMENT.finditer(text)}
    schema = _object(yaml.safe_load(text), "", descriptions)
    config = json.loads(CONFIG_SCHEMA.read_text())
    schema["properties"]["prometheusRule"]["properties"]["disabled"] |= {"items": {"enum": _alerts()}}
    schema["properties"] |= {
        "config": _config(config, descriptions["config"]),
        # A chart that has this one as a part hands it down.
        "enabled": {"type": "boolean"},
    }
    head = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Values of the chart glue-mv-exporter",
        "$comment": "Made by tools/chart_schema.py",
    }
    definitions = {name: _portable(definition) for name, definition in config["$defs"].items()}
    print(json.dumps(head | schema | {"definitions": definitions}, indent=2, ensure_ascii=False))
    return 0


def _object(values: Mapping[str, Any], path: str, descriptions: Mapping[str, str]) -> Schema:
    properties = {}
    for key, value in values.items():
        place = f"{path}.{key}" if path else key
        found = _value(value, place, descriptions)
        if place in descriptions:
            found = {"description": descriptions[place], **found}
        properties[key] = found
    more = RULES.get(path, {})
    return {"type": "object", "additionalProperties": False, "properties": properties, **more}


def _value(value: Any, place: str, descriptions: Mapping[str, str]) -> Schema:
    """Return the schema of one value: its rule, else that of its default."""
    if isinstance(value, dict):
        return _map(value, place, descriptions)
    if place in RULES:
        return RULES[place]
    if isinstance(value, list):
        return {"type": "array", "items": {"type": "string"} if place in TEXTS else {"type": "object"}}
    return _scalar(value, place)


def _map(value: Mapping[str, Any], place: str, descriptions: Mapping[str, str]) -> Schema:
    if place in FREE:
        return {"type": "object", **RULES.get(place, {})}
    if place.lower().endswith(("labels", "annotations", "nodeselector")):
        return {"type": "object", "additionalProperties": {"type": "string"}}
    return _object(value, place, descriptions)


def _scalar(value: Any, place: str) -> Schema:
    if place.startswith("prometheusRule.thresholds."):
        return {"type": "string", "pattern": DURATION} if isinstance(value, str) else _at_least_0("number")
    if isinstance(value, bool):
        return {"type": "boolean"}
    if isinstance(value, int):
        return _at_least_0("integer")
    if isinstance(value, str):
        return {"type": "string"}
    raise TypeError(
        f"{place}: a default of {value!r} does not show which values are valid: add a rule to RULES"
    )


def _at_least_0(kind: str) -> Schema:
    return {"type": kind, "minimum": 0}


def _alerts() -> list[str]:
    groups = yaml.safe_load((CHART / "files" / "rules.yaml").read_text())["groups"]
    return sorted({rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule})


def _config(config: Schema, description: str) -> Schema:
    """Return what may stand in ``config``.

    It may be empty: then the templates say what to do, which helps more than "at least 1 item".
    """
    found = _portable(
        {key: value for key, value in config.items() if key not in {"$defs", "$schema", "title"}}
    )
    del found["properties"]["targets"]["minItems"]
    return {**found, "description": description}


def _portable(schema: Any) -> Any:
    """Return it as both of Helm's validators read it: draft 7, and no pattern that looks ahead."""
    if isinstance(schema, list):
        return [_portable(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: _portable(value) for key, value in schema.items() if key not in {"examples", "default"}}
    if isinstance(reference := found.get("$ref"), str):
        return {"$ref": reference.replace("#/$defs/", "#/definitions/")}
    if isinstance(pattern := found.get("pattern"), str):
        if pattern.startswith(_NOT_EMPTY):
            found |= {"pattern": "^" + pattern.removeprefix(_NOT_EMPTY), "minLength": 1}
        if "(?" in found["pattern"]:
            raise ValueError(f"Go's regular expressions cannot look around: {pattern}")
    return found


if __name__ == "__main__":
    sys.exit(main())
