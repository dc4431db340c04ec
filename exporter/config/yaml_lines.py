"""A YAML file into plain values that know their lines.

One pass over the parser's events. PyYAML's own composer is not used: in C it crashes the process on deeply
nested input, it sets no limit to aliases, and it silently lets the later of two equal keys win.
"""

import os
import re
from array import array
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

from exporter.errors import ConfigurationError, Problem

LARGEST: Final = 32 * 1024 * 1024
"""Bytes of a file: a hundred thousand runs take four million."""
DEEPEST: Final = 32
"""Levels of nesting. The configuration needs five. Aliases do not count: nothing walks down into them."""
MOST_VALUES: Final = 500_000
"""Counted as written out, with every alias replaced by what it stands for."""
LONGEST_NUMBER: Final = 40
"""Characters. Python takes quadratic time for long numbers, and refuses very long ones."""

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml where PyYAML was built with it: five times as fast."""
_UNPRINTABLE: Final = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_WELL_FORMED_KEY: Final = re.compile(r"[\w.-]{0,32}")
"""The longest known key has 23 characters."""
_HINTS: Final = {
    "cannot start any token": 'tabs cannot indent, and values that begin with @, ` or % need "quotes"',
    "alphabetic or numeric character": 'values that begin with * or & need "quotes": "*.*"',
    "mapping values are not allowed": 'values that hold a colon and a blank need "quotes", and keys of one '
    "mapping the same indentation",
    "unexpected end of stream": "a quote was opened and never closed",
}

Location = tuple[str | int, ...]
"""Where a value is: keys of mappings and positions in lists, from the top."""


class YamlMapping(dict[str, object]):
    """A YAML mapping, with the line of each key."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: dict[str, int] = {}


class YamlList(list[object]):
    """A YAML list, with the line of each item."""

    def __init__(self) -> None:
        super().__init__()
        self.lines = array("L")  # compact: there may be 100,000 runs


class Unusable(NamedTuple):
    """Stands for a value that YAML gives no plain value for, and says why."""

    message: str


class Document:
    """The content of a file, and everything that is found wrong or doubtful in it."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.root: object = None
        self.root_line = 1
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []

    def report(self, location: Location, message: str) -> None:
        """Add a problem: the file is refused."""
        self.problems.append(Problem(self.line(location), key_path(location), message))

    def warn(self, location: Location, message: str) -> None:
        """Add a warning: the file is accepted."""
        self.warnings.append(Problem(self.line(location), key_path(location), message))

    def line(self, location: Location) -> int:
        """Return the line of a value, or of the nearest one around it."""
        node, line = self.root, self.root_line
        for step in location:
            if isinstance(node, YamlList) and isinstance(step, int):
                line, node = node.lines[step], node[step]
            elif isinstance(node, YamlMapping) and step in node:
                line, node = node.lines[str(step)], node[str(step)]
            else:
                break
        return line

    def place(self, location: Location) -> str:
        """Return a location as other messages refer to it: ``targets[0].runs[2] (line 7)``."""
        return f"{key_path(location)} (line {self.line(location)})"

    def error(self) -> ConfigurationError:
        """Return every problem as an error, each once."""
        return ConfigurationError(self.file, tuple(dict.fromkeys(self.problems)))


def key_path(location: Iterable[str | int]) -> str:
    """Return a location as people write it: ``targets[0].runs[2]``.

    A key that is not a plain word is cut where the odd part begins: in ``external_id:s3cr3t`` the blank was
    forgotten, and the rest of the "key" must not be shown.
    """
    written = ""
    for step in location:
        if isinstance(step, int):
            written += f"[{step}]"
        else:
            match = _WELL_FORMED_KEY.match(step)
            kept = match.group() if match else ""
            key = (kept if kept == step else f"{kept}…") if step else '""'
            written += f".{key}" if written else key
    return written


def kind(value: object) -> str:
    """Return what a value of the file is, in words."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
        case _:
            return "a mapping"


def read_file(path: str | os.PathLike[str], *, if_missing: str) -> bytes:
    """Return a file's content, one byte over :data:`LARGEST` at most. Raises ConfigurationError."""
    file = os.fspath(path)
    try:
        with Path(file).open("rb") as stream:
            return stream.read(LARGEST + 1)
    except FileNotFoundError:
        raise whole_file(file, f"no such file: {if_missing}") from None
    except IsADirectoryError:
        raise whole_file(file, "is a folder: name the file in it") from None
    except PermissionError:
        raise whole_file(file, "permission denied: change its mode or owner, or the user") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "its name is malformed"
        raise whole_file(file, f"cannot be read: {reason}") from None


def whole_file(file: str, message: str, line: int = 0) -> ConfigurationError:
    """Return the error for a file that is wrong as a whole."""
    return ConfigurationError(file, (Problem(line, "", message),))


def read_yaml(content: bytes, file: str) -> Document:
    """Read one YAML document. Raises ConfigurationError where it cannot be read to its end."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise whole_file(file, "not encoded in UTF-8: save it in that encoding", line) from None
    if match := _UNPRINTABLE.search(text):
        line = text.count("\n", 0, match.start()) + 1
        code = ord(match.group())
        raise whole_file(file, f"holds the control character U+{code:04X}: remove it", line)
    document = Document(file)
    loader = _LOADER(text)
    try:
        _Reader(loader, document).read()
    except yaml.MarkedYAMLError as error:
        document.problems.append(_syntax_problem(error))
        raise document.error() from None
    except yaml.YAMLError:
        document.problems.append(Problem(1, "", "not valid YAML"))
        raise document.error() from None
    finally:
        loader.dispose()
    return document


def _syntax_problem(error: yaml.MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    message = f"not valid YAML: {error.problem or 'it cannot be parsed'}"
    if error.context:
        message += f", {error.context}"
        if error.context_mark and mark and error.context_mark.line != mark.line:
            message += f" that begins on line {error.context_mark.line + 1}"
    hint = next((hint for part, hint in _HINTS.items() if part in message), None)
    return Problem(mark.line + 1 if mark else 1, "", f"{message} ({hint})" if hint else message)


_Sized = tuple[object, int]
"""A value, and how many values it has, itself included, aliases expanded."""


class _Reader:
    """Makes values of the parser's events, whose classes have different attributes."""

    def __init__(self, loader: yaml.SafeLoader, document: Document) -> None:
        self._next: Callable[[], Any] = loader.get_event  # the stubs leave its type out
        self._document = document
        self._path: list[str | int] = []
        self._anchors: dict[str, _Sized] = {}

    def read(self) -> None:
        """Read the one document; an empty file has none."""
        self._next()  # the stream's start
        if isinstance(self._next(), yaml.StreamEndEvent):
            return
        event = self._next()
        self._document.root_line = _line(event)
        self._document.root, _ = self._value(event, 0)
        self._next()  # the document's end
        if not isinstance(event := self._next(), yaml.StreamEndEvent):
            raise self._stop(event, "a second document begins here: one file holds one configuration")

    def _value(self, event: Any, depth: int) -> _Sized:
        if isinstance(event, yaml.ScalarEvent):
            value, size = _scalar(event), 1
        elif isinstance(event, yaml.AliasEvent):
            known = self._anchors.get(event.anchor or "")
            if known is None:
                raise self._stop(
                    event, 'an alias without an anchor before it; values that begin with * need "quotes"'
                )
            return known
        elif depth >= DEEPEST:
            self._path.clear()  # it would be as long as the nesting is deep
            raise self._stop(event, f"nested too deep: more than {DEEPEST} levels")
        else:
            is_list = isinstance(event, yaml.SequenceStartEvent)
            value, size = (self._list if is_list else self._mapping)(depth + 1)
            if problem := _tag_problem(event.tag, "seq" if is_list else "map"):
                value = Unusable(problem)
        if event.anchor:
            self._anchors[event.anchor] = value, size
        return value, size

    def _list(self, depth: int) -> _Sized:
        items, size = YamlList(), 1
        self._path.append(0)
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            self._path[-1] = len(items)
            value, more = self._value(event, depth)
            items.append(value)
            items.lines.append(_line(event))
            size = self._grown(event, size + more)
        self._path.pop()
        return items, size

    def _mapping(self, depth: int) -> _Sized:
        mapping, size = YamlMapping(), 1
        merged: list[YamlMapping] = []
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            key = self._key(event)
            self._path.append(key)
            if key in mapping.lines:
                message = f"duplicate key: it is already set on line {mapping.lines[key]}"
                self._document.problems.append(Problem(_line(event), key_path(self._path), message))
            value, more = self._value(value_event := self._next(), depth)
            self._path.pop()
            if _is_merge(event):
                for one in value if isinstance(value, YamlList) else [value]:
                    if not isinstance(one, YamlMapping):
                        raise self._stop(value_event, "<< merges a mapping, or a list of mappings")
                    merged.append(one)
            elif key not in mapping.lines:
                mapping[key] = value
            mapping.lines.setdefault(key, _line(event))
            size = self._grown(value_event, size + more)
        for other in merged:  # the first one to name a key wins, and the mapping's own keys always do
            for key in other:
                if key not in mapping:
                    mapping[key], mapping.lines[key] = other[key], other.lines[key]
        return mapping, size

    def _key(self, event: Any) -> str:
        """Return a key's text as it is written: ``on`` is not a boolean here, and ``1`` not a number."""
        if isinstance(event, yaml.AliasEvent):
            raise self._stop(event, "an alias stands where a key belongs")
        if not isinstance(event, yaml.ScalarEvent):
            what = "a list" if isinstance(event, yaml.SequenceStartEvent) else "a mapping"
            raise self._stop(event, f"{what} stands where a key belongs (an unfilled {{{{ template }}}}?)")
        if problem := _tag_problem(event.tag, "str"):
            raise self._stop(event, problem)
        if event.anchor:
            self._anchors[event.anchor] = event.value, 1
        return event.value

    def _grown(self, event: Any, size: int) -> int:
        if size > MOST_VALUES:
            raise self._stop(event, f"holds more than {MOST_VALUES:,} values, aliases expanded")
        return size

    def _stop(self, event: Any, message: str) -> ConfigurationError:
        """Return every problem so far, with this one: nothing after it can be trusted."""
        self._document.problems.append(Problem(_line(event), key_path(self._path), message))
        return self._document.error()


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


_TAG: Final = "tag:yaml.org,2002:"
_CONVERTED: Final = {
    "int": yaml.constructor.SafeConstructor.construct_yaml_int,
    "float": yaml.constructor.SafeConstructor.construct_yaml_float,
    "bool": yaml.constructor.SafeConstructor.construct_yaml_bool,
    "null": yaml.constructor.SafeConstructor.construct_yaml_null,
}
_constructor: Final = yaml.constructor.SafeConstructor()
_resolve: Final[Callable[..., str]] = yaml.resolver.Resolver().resolve


def _is_merge(event: Any) -> bool:
    """Return whether a key is the plain ``<<`` that takes in another mapping."""
    return event.value == "<<" and event.tag is None and event.implicit[0]


def _tag_problem(tag: str | None, *allowed: str) -> str | None:
    """Return what is wrong with an explicit tag; None if nothing is."""
    if tag is None or tag == "!" or tag.removeprefix(_TAG) in allowed:
        return None
    if tag.startswith(f"{_TAG}python/"):
        return "a !!python/ tag would run code: this file holds plain values only, and nothing was run"
    return 'an unknown YAML tag; put a value that begins with an exclamation mark in "quotes"'


def _scalar(event: Any) -> object:
    """Return text, a number, true or false, None or :class:`Unusable`.

    A date stays text: no key takes a date, and a name may look like one.
    """
    tag = event.tag
    if tag is None and not event.implicit[0]:
        return event.value  # quoted
    if problem := _tag_problem(tag, "str", *_CONVERTED):
        return Unusable(problem)
    if tag is None:
        tag = _resolve(yaml.ScalarNode, event.value, (True, False))
    name = tag.removeprefix(_TAG)
    if name not in _CONVERTED:
        return event.value
    if len(event.value) > LONGEST_NUMBER:
        return Unusable('YAML reads this as a number, far too long for one: put it in "quotes"')
    try:
        return _CONVERTED[name](_constructor, yaml.ScalarNode(tag, event.value))
    except (ValueError, LookupError, ArithmeticError):
        return Unusable(f"does not fit its tag !!{name}")
