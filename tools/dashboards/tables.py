"""Tables: results of instant queries with the same labels become rows, each label or result a column."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tools.dashboards.panels import Panel, Query
from tools.dashboards.style import PLAIN, Json

URL_WORDS = [
    {"type": "regex", "options": {"pattern": "https?:.*", "result": {"text": "open \u2197", "index": 0}}},
    {"type": "special", "options": {"match": "null+nan", "result": {"text": "\u2013", "index": 1}}},
    {"type": "special", "options": {"match": "empty", "result": {"text": "\u2013", "index": 2}}},
]
"""A URL is long; what cannot be linked is a dash."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column, in the order in which they are shown."""

    title: str
    label: str | None = None
    """The label it shows …"""
    query: str | None = None
    """… or the question whose answer it shows. Neither: the labels of ``adds`` are all that is wanted."""
    unit: str | None = None
    width: int | None = None
    decimals: int | None = None
    mappings: Sequence[Json] = ()
    thresholds: Json | None = None
    coloured: bool = False
    """Write the value in the colour of its mapping or threshold."""
    gauge: bool = False
    """Draw a bar behind the value."""
    links: Sequence[Json] = ()


def table(
    title: str,
    description: str,
    columns: Sequence[Column],
    *,
    extra: Sequence[str] = (),
    hidden: Sequence[str] = (),
    sort: str,
    only: str | None = None,
    width: int = 24,
    height: int = 8,
    no_value: str = "none",
) -> Panel:
    """Return a table sorted by a column, the largest first.

    ``extra`` are queries that only add labels; ``hidden`` are labels that only links need.
    ``only``: the column that every row that is shown has a value in.
    """
    queries = [column.query for column in columns if column.query] + list(extra)
    letters = {query: chr(ord("A") + place) for place, query in enumerate(queries)}
    name = "Value" if len(queries) == 1 else "Value #{}"
    names = {query: name.format(letter) for query, letter in letters.items()}
    fields = [names[column.query] if column.query else str(column.label) for column in columns]
    return Panel(
        type="table",
        title=title,
        description=description,
        queries=[Query(expr=query, instant=True, table=True) for query in queries],
        width=width,
        height=height,
        options={
            "showHeader": True,
            "cellHeight": "sm",
            "frameIndex": 0,
            "sortBy": [{"displayName": sort, "desc": True}],
        },
        defaults={
            "unit": "none",
            "noValue": no_value,
            "thresholds": PLAIN,
            "custom": {"align": "auto", "cellOptions": {"type": "auto"}, "inspect": False},
        },
        overrides=[
            *(
                _column(field, column, seen=fields[:place].count(field))
                for place, (field, column) in enumerate(zip(fields, columns, strict=True))
            ),
            *(_hidden(label) for label in hidden),
        ],
        transformations=[
            {"id": "merge", "options": {}},
            *(_having(field) for field, column in zip(fields, columns, strict=True) if column.title == only),
            {
                "id": "organize",
                "options": {
                    "excludeByName": {"Time": True, **{names[query]: True for query in extra}},
                    "indexByName": {field: place for place, field in enumerate(fields)},
                    "renameByName": {},
                },
            },
        ],
    )


def _column(field: str, column: Column, *, seen: int) -> Json:
    if seen:
        raise ValueError(f"{field} is shown twice")
    properties: dict[str, Any] = {"displayName": column.title}
    if column.unit:
        properties["unit"] = column.unit
    if column.decimals is not None:
        properties["decimals"] = column.decimals
    if column.mappings:
        properties["mappings"] = list(column.mappings)
    if column.thresholds:
        properties["thresholds"] = column.thresholds
    if column.links:
        properties["links"] = list(column.links)
    if column.width:
        properties["custom.width"] = column.width
    if column.coloured:
        properties["custom.cellOptions"] = {"type": "color-text"}
    if column.gauge:
        properties["custom.cellOptions"] = {"type": "gauge", "mode": "basic", "valueDisplayMode": "text"}
        properties["min"] = 0
    return {
        "matcher": {"id": "byName", "options": field},
        "properties": [{"id": name, "value": value} for name, value in properties.items()],
    }


def _having(field: str) -> Json:
    condition = {"fieldName": field, "config": {"id": "isNotNull", "options": {}}}
    return {"id": "filterByValue", "options": {"filters": [condition], "type": "include", "match": "any"}}


def _hidden(label: str) -> Json:
    return {
        "matcher": {"id": "byName", "options": label},
        # Grafana 13 calls it by another name; each version ignores the other's.
        "properties": [
            {"id": "custom.hidden", "value": True},
            {"id": "custom.hideFrom", "value": {"viz": True, "legend": False, "tooltip": False}},
        ],
    }
