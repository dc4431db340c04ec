"""Draws each kind of panel from what its questions were answered."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from matplotlib.ticker import FuncFormatter, MaxNLocator

from tools.pictures.answers import Asker, Line
from tools.pictures.canvas import Box, Canvas
from tools.pictures.tables import draw_table
from tools.pictures.theme import EDGE, FAINT, PALETTE, TEXT, colour
from tools.pictures.values import by_threshold, settings, shown, written

Panel = Mapping[str, Any]
_CALCULATIONS: Mapping[str, tuple[str, Callable[[tuple[float, ...]], float]]] = {
    "sum": ("total", math.fsum),
    "max": ("max", max),
    "mean": ("mean", lambda values: math.fsum(values) / len(values)),
    "lastNotNull": ("last", lambda values: values[-1]),
}


def draw(canvas: Canvas, box: Box, panel: Panel, asker: Asker) -> None:
    """Draw one panel at this place."""
    inside = canvas.panel(box, panel["title"])
    kinds = {
        "stat": _stat,
        "timeseries": _series,
        "state-timeline": _timeline,
        "bargauge": _gauges,
        "table": draw_table,
    }
    kinds[panel["type"]](canvas, inside, panel, asker)


def _stat(canvas: Canvas, box: Box, panel: Panel, asker: Asker) -> None:
    lines = asker.lines(panel)
    field = settings(panel, "")
    value = shown(lines[0].values[-1] if lines else None, field)
    middle = box.y + box.height / 2
    if lines and panel["options"]["graphMode"] == "area" and len(lines[0].values) > 1:
        area = Box(box.x - 8, box.y + box.height * 0.55, box.width + 16, box.height * 0.45 + 6)
        axes = canvas.graph(area)
        axes.axis("off")
        axes.fill_between(lines[0].times, lines[0].values, color=value.colour, alpha=0.18, linewidth=0)
        axes.plot(lines[0].times, lines[0].values, color=value.colour, linewidth=1.1)
        axes.set_ylim(0, max(1e-9, *lines[0].values) * 1.3)
        axes.set_xlim(lines[0].times[0], lines[0].times[-1])
        middle = box.y + box.height * 0.36
    size = min(24.0, (box.width - 6) / len(value.text) * 0.96)
    canvas.text(
        box.x + box.width / 2, middle, value.text, size=size, colour=value.colour, align="center",
        weight="bold",
    )  # fmt: skip


def _series(canvas: Canvas, box: Box, panel: Panel, asker: Asker) -> None:
    lines = asker.lines(panel)
    field = settings(panel, "")
    custom = field["custom"]
    axes = canvas.graph(box.inside(52, 4, 6, 42))
    drawn: list[tuple[Line, str]] = []
    below: dict[float, float] = {}
    step = min((b - a for line in lines for a, b in pairwise(line.times)), default=1.0)
    for place, line in enumerate(lines):
        own = settings(panel, line.name)
        chosen = own.get("color", {})
        hue = colour(chosen["fixedColor"]) if "fixedColor" in chosen else PALETTE[place % len(PALETTE)]
        drawn.append((line, hue))
        stacked = custom["stacking"]["mode"] == "normal"
        bottom = [below.get(at, 0.0) if stacked else 0.0 for at in line.times]
        top = [under + value for under, value in zip(bottom, line.values, strict=True)]
        below |= dict(zip(line.times, top, strict=True)) if stacked else {}
        if custom["drawStyle"] == "bars":
            axes.bar(
                line.times, line.values, width=-step * 0.82, align="edge", bottom=bottom, color=hue, alpha=0.9
            )
            continue
        times, tops, bottoms = _with_gaps(line.times, top, bottom, step)
        style = {"step": "post"} if custom["lineInterpolation"] == "stepAfter" else {}
        opacity = own.get("custom.fillOpacity", custom["fillOpacity"]) / 100
        axes.fill_between(times, tops, bottoms, color=hue, alpha=opacity, linewidth=0, **style)
        dashes = "--" if "custom.lineStyle" in own else "-"
        axes.plot(
            times,
            tops,
            dashes,
            color=hue,
            linewidth=0.7 * custom["lineWidth"],
            drawstyle="steps-post" if style else "default",
        )
    _scale(axes, asker, field)
    calculations = panel["options"]["legend"]["calcs"][:1]
    entries = [(_legend(line, calculations, field), hue) for line, hue in drawn]
    canvas.legend(Box(box.x + 6, box.y + box.height - 18, box.width - 6, 18), entries)
    if not lines:
        canvas.text(
            box.x + box.width / 2, box.y + box.height / 2, field["noValue"], colour=FAINT, align="center"
        )


def _legend(line: Line, calculations: list[str], field: Mapping[str, Any]) -> str:
    for name in calculations:
        word, calculate = _CALCULATIONS[name]
        return f"{line.name}  {word} {written(calculate(line.values), field['unit'], field.get('decimals'))}"
    return line.name


def _with_gaps(
    times: tuple[float, ...], tops: list[float], bottoms: list[float], step: float
) -> tuple[list[float], list[float], list[float]]:
    """Break the line where an answer has no point."""
    out: tuple[list[float], list[float], list[float]] = ([], [], [])
    for place, at in enumerate(times):
        if place and at - times[place - 1] > 1.5 * step:
            out[0].append(times[place - 1] + step)
            out[1].append(math.nan)
            out[2].append(math.nan)
        for into, value in zip(out, (at, tops[place], bottoms[place]), strict=True):
            into.append(value)
    return out


def _scale(axes: Any, asker: Asker, field: Mapping[str, Any]) -> None:
    _clock(axes, asker)
    if "min" in field:
        axes.set_ylim(bottom=0)
        if axes.get_ylim()[1] <= 0:
            axes.set_ylim(0, 1)
    else:
        most = max(abs(limit) for limit in axes.get_ylim())
        axes.set_ylim(-most, most)
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: written(value, field["unit"])))


def _clock(axes: Any, asker: Asker) -> None:
    """Write the time of day below a graph, in UTC."""
    end, length = asker.viewer.end, asker.length
    axes.set_xlim(end - length, end)
    every = next(each for each in (1800, 3600, 7200, 10800, 21600) if length / each <= 9)  # noqa: PLR2004 (fits)
    first = math.ceil((end - length) / every) * every
    axes.set_xticks([first + number * every for number in range(int((end - first) // every) + 1)])
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda at, _: datetime.fromtimestamp(at, UTC).strftime("%H:%M"))
    )


def _timeline(canvas: Canvas, box: Box, panel: Panel, asker: Asker) -> None:
    lines = asker.lines(panel)
    room = box.inside(110, 2, 6, 40)
    axes = canvas.graph(room)
    axes.grid(visible=False)
    seen: dict[str, str] = {}
    for place, line in enumerate(lines):
        field = settings(panel, line.name)
        step = min((b - a for a, b in pairwise(line.times)), default=1.0)
        for start, length, value in _pieces(line, step):
            state = shown(value, field)
            seen[state.text] = state.colour
            axes.broken_barh(
                [(start, length)], (place + 0.1, 0.8), color=state.colour, alpha=0.85, linewidth=0
            )
    axes.set_ylim(max(1, len(lines)), 0)
    axes.set_yticks([place + 0.5 for place in range(len(lines))], [line.name for line in lines])
    axes.tick_params(axis="y", labelcolor=TEXT, labelsize=8)
    _clock(axes, asker)
    canvas.legend(Box(room.x, box.y + box.height - 16, room.width, 16), list(seen.items()))


def _pieces(line: Line, step: float) -> list[tuple[float, float, float]]:
    """Return the start, the length and the value of each piece over which a series stays the same."""
    pieces: list[tuple[float, float, float]] = []
    for at, value in zip(line.times, line.values, strict=True):
        if pieces and pieces[-1][2] == value and at - (pieces[-1][0] + pieces[-1][1]) < step / 2:
            start, length, _ = pieces.pop()
            pieces.append((start, length + step, value))
        else:
            pieces.append((at, step, value))
    return pieces


def _gauges(canvas: Canvas, box: Box, panel: Panel, asker: Asker) -> None:
    lines = asker.lines(panel)
    if panel["targets"][0]["format"] == "heatmap":
        lines = _apart(lines)
    most = max((line.values[-1] for line in lines), default=1.0) or 1.0
    height = min(40.0, box.height / max(1, len(lines)))
    left = min(box.width * 0.45, 12 + 6.4 * max((len(line.name) for line in lines), default=0))
    for place, line in enumerate(lines):
        field = settings(panel, line.name)
        value = line.values[-1]
        chosen = field.get("color", {})
        steps = field["thresholds"]["steps"]
        hue = colour(chosen["fixedColor"]) if "fixedColor" in chosen else by_threshold(value, steps)
        top = box.y + place * height
        canvas.text(box.x, top + height / 2, line.name, within=left)
        bar = Box(box.x + left, top + height * 0.14, box.width - left - 62, height * 0.72)
        canvas.rectangle(bar, EDGE, 0.45)
        canvas.rectangle(Box(bar.x, bar.y, bar.width * value / most, bar.height), hue, 0.9)
        text = written(value, field["unit"], field.get("decimals"))
        canvas.text(
            box.x + box.width, top + height / 2, text, size=9, colour=hue, align="right", weight="bold"
        )


def _apart(buckets: list[Line]) -> list[Line]:
    """Return a histogram's buckets in their order, each without those before it."""
    below, apart = 0.0, []
    for bucket in sorted(buckets, key=lambda line: float(line.name)):
        apart.append(replace(bucket, values=(bucket.values[-1] - below,)))
        below = bucket.values[-1]
    return apart
