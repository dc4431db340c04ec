"""Write deploy/prometheus/rules.yaml: the alerts and recording rules with the chart's default thresholds."""

import re
from collections.abc import Mapping
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
CHART = ROOT / "helm" / "glue-mv-exporter"
SOURCE = CHART / "files" / "rules.yaml"
PARTS = CHART / "files" / "rule-parts.yaml"
RENDERED = ROOT / "deploy" / "prometheus" / "rules.yaml"
PLACEHOLDER = re.compile(r"<<(\w+)>>")
HEADER = "# Made by tools/render_rules.py from helm/glue-mv-exporter/files/rules.yaml; change that file.\n"

Value = str | float


def defaults() -> dict[str, Value]:
    """Return the default of each threshold, and the URL of the runbooks."""
    values = yaml.safe_load((CHART / "values.yaml").read_text())["prometheusRule"]
    return {**values["thresholds"], "runbookUrl": values["runbookUrl"].rstrip("/")}


def source() -> str:
    """Return the rules with the parts that they share: what is left are thresholds and the selector."""
    parts = yaml.safe_load(PARTS.read_text())
    text = SOURCE.read_text()
    for _ in range(2):  # parts have parts
        for name, part in parts.items():
            text = text.replace(f"<<{name}>>", part)
    return text


def render(changes: Mapping[str, Value] | None = None, *, selector: str = "") -> str:
    """Return the rules file, with some thresholds other than by default.

    ``selector``: matchers for each series of the exporter, each with a comma behind it.
    Raises KeyError for a placeholder that has no value, ValueError for a change that no placeholder asks for.
    """
    text, values = source(), {**defaults(), **(changes or {})}
    unknown = set(changes or ()) - set(PLACEHOLDER.findall(text))
    if unknown:
        raise ValueError(f"no such threshold: {', '.join(sorted(unknown))}")
    text = text.replace("<<selector>>", selector).replace("{}", "")
    return PLACEHOLDER.sub(lambda match: str(values[match[1]]), text)


if __name__ == "__main__":
    RENDERED.write_text(HEADER + render())
