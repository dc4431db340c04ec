"""Which format and encoding a client wants, from its ``Accept`` headers."""

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from exporter.metrics.text import Format

_REMEMBERED = 32
"""Headers that are cached: those of a scraper are always the same, and their length is bounded."""


class _Choice(NamedTuple):
    """One element of a header such as ``text/plain;version=0.0.4;q=0.5``."""

    name: str
    parameters: dict[str, str]
    quality: float


@lru_cache(_REMEMBERED)
def negotiate_format(accept: str | None) -> Format:
    """Choose OpenMetrics where it is named and wanted no less than the text format; else the text format."""
    choices = list(_choices(accept or ""))
    openmetrics = max(
        (
            choice.quality
            for choice in choices
            if choice.name == "application/openmetrics-text"
            and choice.parameters.get("version", "1.0.0") == "1.0.0"
        ),
        default=0.0,
    )
    return Format.OPENMETRICS if openmetrics and openmetrics >= _text_quality(choices) else Format.TEXT


@lru_cache(_REMEMBERED)
def accepts_gzip(accept_encoding: str | None) -> bool:
    """Return whether the client accepts gzip, and does not prefer plain bytes."""
    qualities = {choice.name: choice.quality for choice in _choices(accept_encoding or "")}
    gzip = max((qualities[name] for name in ("gzip", "x-gzip") if name in qualities), default=None)
    if gzip is None:
        gzip = qualities.get("*", 0.0)
    return gzip > 0 and gzip >= qualities.get("identity", 0.0)


def _text_quality(choices: list[_Choice]) -> float:
    """Return the quality of our text format: that of the most specific range that covers it."""
    for name in ("text/plain", "text/*", "*/*"):
        covering = [
            choice.quality
            for choice in choices
            if choice.name == name and choice.parameters.get("version", "0.0.4") == "0.0.4"
        ]
        if covering:
            return max(covering)
    return 0.0


def _choices(header: str) -> Iterator[_Choice]:
    for element in header.split(","):
        name, *rest = (part.strip() for part in element.split(";"))
        pairs = (part.partition("=") for part in rest)
        parameters = {key.strip().lower(): value.strip().strip('"') for key, _, value in pairs}
        if name:
            yield _Choice(name.lower(), parameters, _quality(parameters.get("q", "1")))


def _quality(text: str) -> float:
    """Read a q value; one that is none counts as a refusal."""
    try:
        quality = float(text)
    except ValueError:
        return 0.0
    return quality if 0 <= quality <= 1 else 0.0
