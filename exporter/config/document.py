"""What a YAML file holds, as plain data that knows its lines."""

import re
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from exporter.errors import Problem

Location = tuple[str | int, ...]
"""Where a value is: keys of sections and positions in lists, from the top."""

_WELL_FORMED_KEY = re.compile(r"[\w.-]{0,32}")
"""The longest known key has 23 characters."""


class Section(dict[str, object]):
    """A YAML mapping, with the line of each key."""

    __slots__ = ("line", "lines")

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        """Where it begins, from 1."""
        self.lines: dict[str, int] = {}


class Items(list[object]):
    """A YAML list, with the line of each item and its position in the file."""

    __slots__ = ("line", "lines", "positions")

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        """Where it begins, from 1."""
        # Arrays: an object for each number would leave holes in memory. There may be 100,000 runs.
        self.lines = array("L")
        self.positions = array("L")
        """Differ from the own indexes where wrong items have been taken out."""

    def add(self, item: object, line: int, position: int) -> None:
        """Append an item."""
        self.append(item)
        self.lines.append(line)
        self.positions.append(position)

    def add_lines(self, items: Sequence[object], line: int) -> None:
        """Append items of which each stands on a line of its own, the first one on this."""
        self.lines.extend(range(line, line + len(items)))
        self.positions.extend(range(len(self), len(self) + len(items)))
        self.extend(items)


@dataclass(frozen=True, slots=True)
class Document:
    """The content of a file: sections, lists, and plain scalars in them."""

    root: object

    def problem(self, location: Location, message: str) -> Problem:
        """Return what is wrong at a location, with its line and key path in the file."""
        line, key_path = self._find(location)
        return Problem(line, key_path, message)

    def line(self, location: Location) -> int:
        """Return the line of a value, or of the nearest thing around it."""
        return self._find(location)[0]

    def key_path(self, location: Location) -> str:
        """Return the location as people write it: ``targets[0].runs[2]``."""
        return self._find(location)[1]

    def _find(self, location: Location) -> tuple[int, str]:
        node = self.root
        line = node.line if isinstance(node, Section | Items) else 1
        steps: list[str | int] = []
        for step in location:
            if isinstance(node, Section) and isinstance(step, str) and step in node:
                line, node = node.lines[step], node[step]
            elif isinstance(node, Items) and isinstance(step, int) and step < len(node):
                line, position, node = node.lines[step], node.positions[step], node[step]
                steps.append(position)
                continue
            else:
                node = None
            steps.append(step)
        return line, key_path(steps)

    def at(self, location: Location) -> object:
        """Return the value at a location; None where there is none."""
        node = self.root
        for step in location:
            if isinstance(node, Section) and isinstance(step, str):
                node = node.get(step)
            elif isinstance(node, Items) and isinstance(step, int) and step < len(node):
                node = node[step]
            else:
                return None
        return node

    def without(self, locations: Iterable[Location]) -> "Document":
        """Return a copy that lacks the given values, so that what is left can be checked further.

        A location that is not there takes out the value around it: what lacks a key is as wrong.
        """
        unwanted: _Branch = {}
        for location in locations:
            _mark(unwanted, self.root, location)
        return Document(None if unwanted is None else _copy(self.root, unwanted))


_Branch = dict[str | int, "_Branch"] | None
"""A tree of locations; None: the value as a whole."""


def _mark(tree: _Branch, node: object, location: Location) -> None:
    for index, step in enumerate(location):
        if tree is None:
            return
        inner = _step(node, step)
        last = index == len(location) - 1
        after = location[index + 1] if not last else None
        if last or after is None or not _has(inner, after):
            tree[step] = None
            return
        tree, node = tree.setdefault(step, {}), inner


def _step(node: object, step: str | int) -> object:
    return node[step] if _has(node, step) else None  # type: ignore[index]  # _has has looked


def _has(node: object, step: str | int) -> bool:
    if isinstance(node, Section):
        return step in node
    return isinstance(node, Items) and isinstance(step, int) and step < len(node)


def _copy(node: object, unwanted: dict[str | int, _Branch]) -> object:
    if isinstance(node, Section):
        section = Section(node.line)
        for key, value in node.items():
            branch = unwanted.get(key, {})
            if branch is not None:
                section[key] = _copy(value, branch) if branch else value
                section.lines[key] = node.lines[key]
        return section
    if isinstance(node, Items):
        items = Items(node.line)
        for index, value in enumerate(node):
            branch = unwanted.get(index, {})
            if branch is not None:
                kept = _copy(value, branch) if branch else value
                items.add(kept, node.lines[index], node.positions[index])
        return items
    return node


def key_path(steps: Iterable[str | int]) -> str:
    """Write a location as people do.

    A key that is no plain word is cut where the odd part begins: in ``external_id:s3cr3t`` the blank was
    forgotten, and the rest of the "key" is not to be shown.
    """
    written = ""
    for step in steps:
        if isinstance(step, int):
            written += f"[{step}]"
        else:
            written += f".{shown_key(step)}" if written else shown_key(step)
    return written


def shown_key(key: str) -> str:
    """Return as much of a key as may be shown."""
    if not key:
        return '""'
    match = _WELL_FORMED_KEY.match(key)
    kept = match.group() if match else ""
    return kept if kept == key else f"{kept}…"
