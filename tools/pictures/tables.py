"""Draws a table: its columns in their order, and as many rows as there is room for."""

from collections.abc import Mapping, Sequence
from typing import Any

from tools.pictures.answers import Asker
from tools.pictures.canvas import Box, Canvas
from tools.pictures.theme import EDGE, FAINT, LINK, TEXT
from tools.pictures.values import settings, shown

ROW = 25.0
Columns = Sequence[tuple[str, Mapping[str, Any], float, float]]


def draw_table(canvas: Canvas, box: Box, panel: Mapping[str, Any], asker: Asker) -> None:
    """Draw a table panel."""
    rows = asker.rows(panel)
    columns = _columns(panel, box)
    for _, field, x, width in columns:
        canvas.text(x, box.y + 6, field["displayName"], size=8, colour=LINK, weight="bold", within=width)
    canvas.rule(box.x, box.y + 18, box.width)
    most = {name: max((_number(row.get(name)) for row in rows), default=0) for name, *_ in columns}
    shown_rows = rows[: int((box.height - 22) // ROW)]
    for place, row in enumerate(shown_rows):
        y = box.y + 31 + place * ROW
        for name, field, x, width in columns:
            _cell(canvas, Box(x, y, width, ROW), row.get(name), field, most[name])
        canvas.rule(box.x, y + 12, box.width)
    if len(shown_rows) < len(rows):
        more = f"{len(rows) - len(shown_rows)} more below"
        canvas.text(box.x + box.width, box.y - 15, more, size=7.5, colour=FAINT, align="right")


def _cell(canvas: Canvas, box: Box, value: float | str | None, field: Mapping[str, Any], most: float) -> None:
    """Draw a cell; ``box.y`` is its middle."""
    found = shown(value, field)
    kind = field.get("custom.cellOptions", {}).get("type")
    hue = found.colour if kind in {"color-text", "gauge"} or field.get("links") else TEXT
    if field.get("links") and kind is None and not field.get("mappings"):
        hue = LINK
    if kind == "gauge" and isinstance(value, float) and most:
        whole = box.width - 90
        canvas.rectangle(Box(box.x, box.y - 8, whole, 16), EDGE, 0.5)
        canvas.rectangle(Box(box.x, box.y - 8, whole * value / most, 16), hue, 0.85)
        canvas.text(box.x + whole + 8, box.y, found.text, colour=hue)
        return
    canvas.text(box.x, box.y, found.text, colour=hue if value is not None else FAINT, within=box.width)


def _columns(panel: Mapping[str, Any], box: Box) -> Columns:
    """Return each column that is shown: its field, its settings, its place and width in pixels."""
    (organize,) = [each for each in panel["transformations"] if each["id"] == "organize"]
    fields = [(name, settings(panel, name)) for name in organize["options"]["indexByName"]]
    fixed = sum(field.get("custom.width", 0) for _, field in fields)
    free = [name for name, field in fields if "custom.width" not in field]
    scale = min(1.0, (box.width - 120 * len(free)) / fixed)
    left = (box.width - fixed * scale) / max(1, len(free))
    columns, x = [], box.x
    for name, field in fields:
        width = field["custom.width"] * scale if "custom.width" in field else left
        columns.append((name, field, x, width - 8))
        x += width
    return columns


def _number(value: float | str | None) -> float:
    return value if isinstance(value, float) else 0.0
