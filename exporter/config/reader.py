"""YAML text into a :class:`Document`, in one pass over the parser's events.

PyYAML's own composer is not asked: in C it crashes the process on deeply nested input, it bounds no aliases,
and it silently lets the later of two equal keys win.
"""

import contextlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import yaml

from exporter.config import wording
from exporter.config.document import Document, Items, Location, Section, key_path
from exporter.config.run_lists import LEAST, MARK, shortened
from exporter.config.scalars import Scalar, ScalarError, is_merge_key, scalar, tag_problem
from exporter.errors import Problem

DEEPEST: Final = 32
"""Levels of nesting. The configuration needs five."""
MOST_VALUES: Final = 500_000
"""Counted as written out, with every alias replaced by what it stands for."""

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml where PyYAML was built with it: five times as fast."""
_UNPRINTABLE: Final = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_HINTS: Final = {
    "cannot start any token": 'tabs cannot indent, and values that begin with @, ` or % need "quotes"',
    "alphabetic or numeric character": 'values that begin with * or & need "quotes": "*.*"',
    "mapping values are not allowed": 'values that hold a colon and a blank need "quotes", and keys of one '
    "mapping the same indentation",
    "unexpected end of stream": "a quote was opened and never closed",
}


class UnreadableError(Exception):
    """The text is not YAML of the accepted kind, and nothing after this place can be trusted."""

    def __init__(self, problem: Problem, before: tuple[Problem, ...] = ()) -> None:
        super().__init__(problem)
        self.problems = (*before, problem)


class _NoItemError(Exception):
    """What was to be an item that stands for a list of runs has become something else."""


@dataclass(slots=True)
class ReadText:
    """A document, and what is wrong with single places in it."""

    document: Document
    problems: tuple[Problem, ...]
    """With places whose value is good nevertheless."""
    spoiled: Mapping[Location, Problem]
    """With places whose value is not to be judged further."""


def read(text: str, *, longest_list: int = LEAST) -> ReadText:
    """Read one YAML document. Raises UnreadableError where it cannot be read to its end.

    ``longest_list``: so many run IDs are not left to YAML, if nothing is odd about them.
    """
    _refuse_unprintable(text)
    short = shortened(text, least=longest_list)
    if short:
        # What is wrong is told of the text as it is.
        with contextlib.suppress(UnreadableError, _NoItemError):
            return _read(short.text, short.lists)
    return _read(text, {})


def _read(text: str, lists: Mapping[str, Sequence[str]]) -> ReadText:
    builder = _Builder(lists)
    try:
        _parse(text, builder.take)
    except UnreadableError as error:
        before = (*builder.problems, *builder.spoiled.values())
        raise UnreadableError(error.problems[-1], before) from None
    if builder.lists:
        raise _NoItemError
    return ReadText(Document(builder.root), tuple(builder.problems), builder.spoiled)


def _refuse_unprintable(text: str) -> None:
    match = _UNPRINTABLE.search(text)
    if match:
        line = text.count("\n", 0, match.start()) + 1
        raise UnreadableError(
            Problem(line, "", f"holds the control character U+{ord(match.group()):04X}: remove it")
        )


def _parse(text: str, take: Callable[[yaml.Event], None]) -> None:
    loader = _LOADER(text)
    try:
        while (event := loader.get_event()) is not None:
            take(event)
    except yaml.MarkedYAMLError as error:
        raise UnreadableError(_syntax_problem(error)) from None
    except yaml.YAMLError:
        raise UnreadableError(Problem(1, "", "is no valid YAML")) from None
    finally:
        loader.dispose()


def _syntax_problem(error: yaml.MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    message = f"is no valid YAML: {error.problem or 'it cannot be parsed'}"
    if error.context:
        message += f", {error.context}"
        if error.context_mark and mark and error.context_mark.line != mark.line:
            message += f" that begins on line {error.context_mark.line + 1}"
    hint = next((hint for part, hint in _HINTS.items() if part in message), None)
    return Problem(mark.line + 1 if mark else 1, "", f"{message} ({hint})" if hint else message)


@dataclass(slots=True)
class _Frame:
    """A section or list that is being read."""

    section: Section
    """With the lines of all keys, those of ``<<`` and of doubled keys too. Unused for a list."""
    items: Items | None
    """None for a section."""
    anchor: str | None
    kept: bool
    """False: the value of a key that has a value already."""
    key: str | None = None
    merging: bool = False
    merged: list[Section] = field(default_factory=list)
    size: int = 1
    height: int = 1


class _Builder:
    """Takes events, makes the document."""

    def __init__(self, lists: Mapping[str, Sequence[str]]) -> None:
        self.lists = dict(lists)
        """Run IDs by the item that stands for them, as long as that has not come."""
        self.root: object = None
        self.problems: list[Problem] = []
        self.spoiled: dict[Location, Problem] = {}
        self._stack: list[_Frame] = []
        self._anchors: dict[str, tuple[object, int, int]] = {}
        self._documents = 0
        self._discard = False

    def take(self, event: yaml.Event) -> None:
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.ScalarEvent):  # by far the most
            self._scalar(event, line)
            return
        match event:
            case yaml.MappingStartEvent():
                self._open(Section(line), event, "map")
            case yaml.SequenceStartEvent():
                self._open(Items(line), event, "seq")
            case yaml.CollectionEndEvent():
                self._close()
            case yaml.AliasEvent():
                self._alias(event.anchor, line)
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    raise self._stop(line, "a second document begins here: one file holds one configuration")

    def _scalar(self, event: yaml.ScalarEvent, line: int) -> None:
        frame = self._stack[-1] if self._stack else None
        if self.lists and MARK in event.value:
            self._take_list(event, line)
            return
        if frame and frame.items is None and frame.key is None:
            self._take_key(event, line)
            return
        value: Scalar = None
        try:
            value = scalar(event)
        except ScalarError as error:
            self._spoil(line, str(error))
        else:
            if value is None and frame:
                self._spoil(line, wording.EMPTY_VALUE if frame.items is None else wording.EMPTY_ITEM)
        self._place(value, line, 1, 0)
        if event.anchor:
            self._anchors[event.anchor] = (value, 1, 0)

    def _take_key(self, event: yaml.ScalarEvent, line: int) -> None:
        """Keys are text as it is written: ``on`` is no boolean here, and ``1`` no number."""
        frame = self._stack[-1]
        problem = tag_problem(event.tag, "str")
        if problem:
            raise self._stop(line, problem)
        if event.anchor:
            self._anchors[event.anchor] = (event.value, 1, 0)
        key = event.value
        lines = frame.section.lines
        frame.key = key
        frame.merging = is_merge_key(event)
        if key in lines:
            self._discard = True
            self.problems.append(
                Problem(
                    line, key_path(self._location()), f"duplicate key: it is already set on line {lines[key]}"
                )
            )
            return
        lines[key] = line

    def _take_list(self, event: yaml.ScalarEvent, line: int) -> None:
        """Put the run IDs in the place of the item that stands for them."""
        frame = self._stack[-1] if self._stack else None
        run_ids = self.lists.pop(event.value, None)
        if run_ids is None or frame is None or frame.items is None or event.tag or event.anchor:
            raise _NoItemError
        frame.size += len(run_ids)
        if frame.size > MOST_VALUES:
            raise _NoItemError
        frame.items.add_lines(run_ids, line)

    def _open(self, container: Section | Items, event: yaml.CollectionStartEvent, tag: str) -> None:
        line = container.line
        if self._awaits_key():
            raise self._stop(
                line,
                f"{wording.kind(container)} stands where a key belongs (an unfilled {{{{ template }}}}?)",
            )
        if len(self._stack) >= DEEPEST:
            raise _too_deep(line)
        problem = tag_problem(event.tag, tag)
        if problem:
            self._spoil(line, problem)
        items = container if isinstance(container, Items) else None
        section = container if isinstance(container, Section) else Section(line)
        self._stack.append(_Frame(section, items, event.anchor, not self._discard))
        self._discard = False

    def _close(self) -> None:
        frame = self._stack.pop()
        container: Section | Items = frame.section
        if frame.items is None:
            _merge(frame.section, frame.merged)
        else:
            container = frame.items
        self._discard = not frame.kept
        if frame.anchor:
            self._anchors[frame.anchor] = (container, frame.size, frame.height)
        self._place(container, container.line, frame.size, frame.height)

    def _alias(self, anchor: str | None, line: int) -> None:
        if self._awaits_key():
            raise self._stop(line, "an alias stands where a key belongs")
        if anchor not in self._anchors:
            raise self._stop(
                line, 'an alias of nothing that was named before; values that begin with * need "quotes"'
            )
        value, size, height = self._anchors[anchor]
        if len(self._stack) + height > DEEPEST:
            raise _too_deep(line)
        self._place(value, line, size, height)

    def _place(self, value: object, line: int, size: int, height: int) -> None:
        """Put a finished value where it belongs; ``size`` counts it and all that is in it."""
        if not self._stack:
            self.root = value
            return
        frame = self._stack[-1]
        frame.size += size
        if height >= frame.height:
            frame.height = height + 1
        if frame.size > MOST_VALUES:
            raise self._stop(line, f"holds more than {MOST_VALUES:,} values, aliases written out")
        if (items := frame.items) is not None:
            items.add(value, line, len(items))
            return
        key, frame.key = frame.key, None
        discard, self._discard = self._discard, False
        if frame.merging:
            frame.merging = False
            self._keep_merged(frame, value, line)
        elif not discard and key is not None:
            frame.section[key] = value

    def _keep_merged(self, frame: _Frame, value: object, line: int) -> None:
        """Remember what ``<<`` brings in; the first to name a key wins, and the section's own always do."""
        sections = list(value) if isinstance(value, Items) else [value]
        for section in sections:
            if isinstance(section, Section):
                frame.merged.append(section)
            elif section is not None:
                raise self._stop(line, "<< takes a mapping in, or a list of mappings")

    def _awaits_key(self) -> bool:
        frame = self._stack[-1] if self._stack else None
        return frame is not None and frame.items is None and frame.key is None

    def _location(self) -> Location:
        steps = (frame.key if frame.items is None else len(frame.items) for frame in self._stack)
        return tuple(step for step in steps if step is not None)

    def _spoil(self, line: int, message: str) -> None:
        location = self._location()
        self.spoiled[location] = Problem(line, key_path(location), message)

    def _stop(self, line: int, message: str) -> UnreadableError:
        return UnreadableError(Problem(line, key_path(self._location()), message))


def _too_deep(line: int) -> UnreadableError:
    """Without a key path: it would be as long as the nesting is deep."""
    return UnreadableError(Problem(line, "", f"nested too deep: more than {DEEPEST} levels"))


def _merge(section: Section, merged: list[Section]) -> None:
    for other in merged:
        for key, value in other.items():
            if key not in section:
                section[key] = value
                section.lines[key] = other.lines[key]
