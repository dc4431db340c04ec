"""A YAML file into plain values that know their lines."""

import re
from array import array
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

from exporter.errors import ConfigurationError, Problem

DEEPEST: Final = 32
"""Levels of nesting. The configuration needs five."""
MOST_VALUES: Final = 500_000
"""Keys are counted too, and each alias as what it stands for."""
_LONGEST_NUMBER: Final = 40
"""Characters. Python takes quadratic time for long numbers."""

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml where PyYAML was built with it: five times as fast."""
_HINTS: Final = {
    "cannot start any token": 'tabs cannot indent, and values that begin with @, ` or % need "quotes"',
    "alias": 'values that begin with * need "quotes": "*.*"',
    "mapping values are not allowed": 'values that hold a colon and a blank need "quotes", and keys of one '
    "mapping the same indentation",
}

Location = tuple[str | int, ...]
"""Where a value is: keys of mappings and positions in lists, from the top."""


class Unusable(NamedTuple):
    """Stands for a value that YAML gives no plain value for, and says why."""

    message: str


class Document:
    """The content of a file as plain values, and everything that is found wrong or doubtful in it."""

    def __init__(self, file: str, node: yaml.Node | None) -> None:
        """Make the values. Raises ConfigurationError where nothing that follows could be trusted."""
        self.file = file
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self._lines: dict[Location, int] = {(): _line(node) if node else 1}
        """Of keys, and of the whole."""
        self._items: dict[Location, array[int]] = {}
        """The lines of each list's items, of which there may be a hundred thousand."""
        self._wrong: defaultdict[Location, set[str | int]] = defaultdict(set)
        self.root = None if node is None else self._value(node, ())

    def report(self, location: Location, message: str) -> None:
        """Add a problem: the file is refused."""
        for depth, step in enumerate(location):
            self._wrong[location[:depth]].add(step)
        self.problems.append(Problem(self.line(location), key_path(location), message))

    def warn(self, location: Location, message: str) -> None:
        """Add a warning: the file is accepted."""
        self.warnings.append(Problem(self.line(location), key_path(location), message))

    def wrong(self, location: Location) -> frozenset[str | int]:
        """Return the keys of a mapping in whose values a problem was reported."""
        return frozenset(self._wrong.get(location, ()))

    def line(self, location: Location) -> int:
        """Return the line of a value, which its key is on, or of the nearest one around it."""
        while location not in self._lines:
            *around, step = location
            location = tuple(around)
            if isinstance(step, int) and location in self._items:
                return self._items[location][step]
        return self._lines[location]

    def place(self, location: Location) -> str:
        """Return a location as other messages refer to it: ``targets[0].runs[2] (line 7)``."""
        return f"{key_path(location)} (line {self.line(location)})"

    def error(self) -> ConfigurationError:
        """Return every problem as an error."""
        return ConfigurationError(self.file, tuple(self.problems))

    def _value(self, node: yaml.Node, at: Location) -> object:
        if len(at) > DEEPEST:
            raise self._stop(node, (), f"nested too deep: more than {DEEPEST} levels, aliases expanded")
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node)
        if node.tag not in {f"{_TAG}seq", f"{_TAG}map"}:
            return _UNKNOWN_TAG
        if isinstance(node, yaml.SequenceNode):
            self._items[at] = array("L", map(_line, node.value))
            return [self._value(child, (*at, index)) for index, child in enumerate(node.value)]
        return self._mapping(node, at)

    def _mapping(self, node: yaml.Node, at: Location) -> dict[str, object]:
        mapping: dict[str, object] = {}
        merged: list[object] = []
        reached = node.start_mark.index - 1
        for key_node, value_node in node.value:
            key = key_node.value
            if not isinstance(key_node, yaml.ScalarNode):
                wrong = "a key must be text, not a list or mapping (unfilled template?)"
                raise self._stop(key_node, at, wrong)
            if key_node.start_mark.index <= reached:  # its text may be a secret's
                raise self._stop(node, at, "an alias stands where a key belongs")
            reached = max(key_node.start_mark.index, value_node.start_mark.index)
            here = (*at, key)
            if here in self._lines:
                message = f"duplicate key: it is already set on line {self._lines[here]}"
                self.problems.append(Problem(_line(key_node), key_path(here), message))
                continue
            self._lines[here] = _line(key_node)
            value = self._value(value_node, here)
            if key_node.tag == f"{_TAG}merge":
                merged += value if isinstance(value, list) else [value]
            else:
                mapping[key] = value
        inherited: dict[str, object] = {}
        # The first one to name a key wins, and the mapping's own keys always do.
        for other in reversed(merged):
            if not isinstance(other, dict):
                raise self._stop(node, at, "<< merges a mapping, or a list of mappings")
            inherited |= other
        return inherited | mapping

    def _stop(self, node: yaml.Node, at: Location, message: str) -> ConfigurationError:
        """Return every problem so far, with this one."""
        self.problems.append(Problem(_line(node), key_path(at), message))
        return self.error()


def key_path(location: Iterable[str | int]) -> str:
    """Return a location as people write it: ``targets[0].runs[2]``.

    A key that is not a plain word is cut where the odd part begins: in ``external_id:s3cr3t`` the blank was
    forgotten, and the rest of the "key" must not be shown.
    """
    written = ""
    for step in location:
        if isinstance(step, int):
            written += f"[{step}]"
            continue
        plain = re.split(r"[^\w.-]", step[:32], maxsplit=1)[0]
        key = (plain if plain == step else f"{plain}…") or '""'
        written += f".{key}" if written else key
    return written


def read_file(file: str, *, if_missing: str, largest: int) -> bytes:
    """Return a file's content, of ``largest`` bytes at most. Raises ConfigurationError."""
    try:
        with Path(file).open("rb") as stream:
            content = stream.read(largest + 1)
    except FileNotFoundError:
        raise whole_file(file, f"no such file: {if_missing}") from None
    except OSError as error:
        raise whole_file(file, f"cannot be read: {error.strerror}") from None
    except ValueError:  # a NUL
        raise whole_file(file, "cannot be read: not a valid file name") from None
    if len(content) > largest:
        raise whole_file(file, f"is larger than {largest // 2**20} MiB")
    return content


def whole_file(file: str, message: str, line: int = 0) -> ConfigurationError:
    """Return the error for a file that is wrong as a whole."""
    return ConfigurationError(file, (Problem(line, "", message),))


def read_yaml(content: bytes, file: str) -> Document:
    """Read one YAML document. Raises ConfigurationError where it cannot be read to its end."""
    try:
        _check_size(content, file)
        node = yaml.compose(content, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise whole_file(file, _syntax_problem(error), mark.line + 1 if mark else 1) from None
    except yaml.reader.ReaderError as error:  # a control character, or not UTF-8
        line = content.count(b"\n", 0, error.position) + 1
        raise whole_file(file, f"must be printable UTF-8 text: {error.reason}", line) from None
    return Document(file, node)


def _check_size(content: bytes, file: str) -> None:
    """Raise ConfigurationError for more than can be composed.

    libyaml's composer recurses in C, and would crash; a node takes a hundred times the memory of its text.
    """
    number = 0
    begun: list[tuple[str | None, int]] = []
    """The anchors of the collections around, and the values before each."""
    sizes: dict[str | None, int] = {}
    for event in yaml.parse(content, Loader=_LOADER):
        if isinstance(event, yaml.AliasEvent):
            if any(anchor == event.anchor for anchor, _ in begun):
                raise whole_file(file, "an alias stands in what it stands for", _line(event))
            number += sizes.get(event.anchor, 1)
        elif isinstance(event, yaml.NodeEvent):
            number += 1
        if number > MOST_VALUES:
            raise whole_file(file, f"holds more than {MOST_VALUES:,} values, aliases expanded", _line(event))
        if isinstance(event, yaml.CollectionStartEvent):
            begun.append((event.anchor, number - 1))
            if len(begun) > DEEPEST:
                raise whole_file(file, f"nested too deep: more than {DEEPEST} levels", _line(event))
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = begun.pop()
            sizes[anchor] = number - before


def _syntax_problem(error: yaml.MarkedYAMLError) -> str:
    message = ", ".join(part for part in (error.problem, error.context) if part)
    if error.context_mark and error.problem_mark and error.context_mark.line != error.problem_mark.line:
        message += f" that begins on line {error.context_mark.line + 1}"
    hint = next((f" ({hint})" for part, hint in _HINTS.items() if part in message), "")
    return f"not valid YAML: {message}{hint}"


def _line(node: Any) -> int:
    return int(node.start_mark.line) + 1


_TAG: Final = "tag:yaml.org,2002:"
_TEXT: Final = {"str", "timestamp", "merge", "value"}
"""A date stays text: no key takes a date, and a name may look like one."""
_CONVERTED: Final = {"int", "float", "bool", "null"}
_UNKNOWN_TAG: Final = Unusable(
    'an unknown YAML tag; put a value that begins with an exclamation mark in "quotes"'
)
_constructor: Final = yaml.constructor.SafeConstructor()


def _scalar(node: yaml.ScalarNode) -> object:
    """Return text, a number, true or false, None or :class:`Unusable`."""
    name = node.tag.removeprefix(_TAG)
    if name in _TEXT:
        return node.value
    if name not in _CONVERTED:
        return _UNKNOWN_TAG
    if len(node.value) > _LONGEST_NUMBER:
        return Unusable('YAML reads this as a number, far too long for one: put it in "quotes"')
    try:
        return getattr(_constructor, f"construct_yaml_{name}")(node)
    except (ValueError, LookupError, ArithmeticError):
        return Unusable(f"does not fit its tag !!{name}")
