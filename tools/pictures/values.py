"""A field's settings, and how Grafana would write its values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tools.pictures.theme import TEXT, colour

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_THOUSAND = 1000


@dataclass(frozen=True, slots=True)
class Shown:
    """A value as it stands on a panel."""

    text: str
    colour: str


def settings(panel: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the settings of the field of this name: those of all fields, and those that are its own."""
    found = dict(panel["fieldConfig"]["defaults"])
    for override in panel["fieldConfig"]["overrides"]:
        if override["matcher"]["options"] == name:
            found |= {each["id"]: each["value"] for each in override["properties"]}
    return found


def shown(value: float | str | None, field: Mapping[str, Any]) -> Shown:
    """Return a value's text and colour, by the field's mappings, thresholds and unit."""
    for mapping in field.get("mappings", ()):
        options = mapping["options"]
        if mapping["type"] == "value" and isinstance(value, float) and f"{value:.0f}" in options:
            found = options[f"{value:.0f}"]
            return Shown(found["text"], colour(found["color"]))
        if mapping["type"] == "regex" and isinstance(value, str) and value.startswith("https:"):
            return Shown(options["result"]["text"], colour("blue"))
    if value is None or value == "":
        return Shown(str(field["noValue"]), TEXT)
    if isinstance(value, str):
        return Shown(value, TEXT)
    return Shown(
        written(value, field["unit"], field.get("decimals")),
        by_threshold(value, field["thresholds"]["steps"]),
    )


def by_threshold(value: float, steps: Sequence[Mapping[str, Any]]) -> str:
    """Return the colour of the last step that the value has reached."""
    reached = [step["color"] for step in steps if step["value"] is None or value >= step["value"]]
    return colour(reached[-1])


def written(value: float, unit: str, decimals: int | None = None) -> str:
    """Return a number with its unit."""
    writers = {
        "s": lambda: _duration(value, 1 if decimals is None else decimals),
        "dateTimeAsSystem": lambda: datetime.fromtimestamp(value / _THOUSAND, UTC).strftime("%F %T"),
        "currencyUSD": lambda: f"${value:,.{2 if decimals is None else decimals}f}",
        "percentunit": lambda: f"{value * 100:.{1 if decimals is None else decimals}f} %",
        "decbytes": lambda: _scaled(value, _THOUSAND, ("B", "kB", "MB", "GB", "TB")),
        "bytes": lambda: _scaled(value, 1024, ("B", "KiB", "MiB", "GiB", "TiB")),
        "reqps": lambda: f"{value:.3g} req/s",
        "short": lambda: _scaled(value, _THOUSAND, ("", "K", "Mil")),
        "none": lambda: f"{value:,.{decimals}f}" if decimals is not None else f"{value:,.4g}",
    }
    return writers[unit]()


def _duration(seconds: float, decimals: int) -> str:
    for size, name in ((_DAY, "days"), (_HOUR, "hours"), (_MINUTE, "mins")):
        if abs(seconds) >= size:
            return f"{seconds / size:.{max(decimals, 1)}f} {name}"
    if abs(seconds) < 1:
        return f"{seconds * _THOUSAND:.0f} ms"
    return f"{seconds:.{decimals}f} s"


def _scaled(value: float, thousand: int, names: Sequence[str]) -> str:
    place = 0
    while abs(value) >= thousand and place < len(names) - 1:
        value, place = value / thousand, place + 1
    return f"{value:.3g} {names[place]}".strip()
