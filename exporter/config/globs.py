"""Whether two globs can match the same name."""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from exporter.model.patterns import is_glob

_WILDCARDS: Final = frozenset("*?[")
_LAST_CHARACTER: Final = 0x10FFFF


@dataclass(frozen=True, slots=True)
class _Characters:
    """Some characters, or all but some: one step of a glob."""

    ranges: tuple[tuple[str, str], ...]
    negated: bool = False

    def __contains__(self, character: str) -> bool:
        return any(low <= character <= high for low, high in self.ranges) is not self.negated

    def meets(self, other: "_Characters") -> bool:
        """Tell whether both hold one character: if so, one at an edge of either does, or just beside it."""
        return any(c in self and c in other for c in (*self.edges(), *other.edges()))

    def edges(self) -> tuple[str, ...]:
        """Return the characters at which membership changes, and their neighbours."""
        edges = [ord(edge) for pair in self.ranges for edge in pair]
        near = {code + step for code in edges for step in (-1, 0, 1)}
        return tuple(chr(code) for code in near if 0 <= code <= _LAST_CHARACTER) or ("a",)


_ANY: Final = _Characters((), negated=True)
_STAR: Final = None
_Step = str | _Characters | None
"""One character, one of several, or a star."""


def can_meet(one: str, other: str) -> bool:
    """Tell whether some name matches both patterns."""
    if not is_glob(one):
        return fnmatchcase(one, other)
    if not is_glob(other):
        return fnmatchcase(other, one)
    return _starts_agree(one, other) and _meet(_steps(one), _steps(other))


def effort(one: str, other: str) -> int:
    """Return about how many microseconds :func:`can_meet` takes for two patterns."""
    if is_glob(one) and is_glob(other) and _starts_agree(one, other):
        return 5 + len(one) * len(other) * (10 if "[" in one and "[" in other else 1)
    return 2


def _starts_agree(one: str, other: str) -> bool:
    prefix, other_prefix = _literal_start(one), _literal_start(other)
    return prefix.startswith(other_prefix) or other_prefix.startswith(prefix)


def _literal_start(pattern: str) -> str:
    end = next((i for i, character in enumerate(pattern) if character in _WILDCARDS), len(pattern))
    return pattern[:end]


def _steps(pattern: str) -> tuple[_Step, ...]:
    """Read a glob as :mod:`fnmatch` does: an unclosed bracket stands for itself."""
    steps: list[_Step] = []
    at = 0
    while at < len(pattern):
        character = pattern[at]
        at += 1
        if character == "*":
            steps.append(_STAR)
        elif character == "?":
            steps.append(_ANY)
        elif character == "[" and (end := _closing(pattern, at)):
            steps.append(_bracket(pattern[at:end]))
            at = end + 1
        else:
            steps.append(character)
    return tuple(steps)


def _closing(pattern: str, start: int) -> int:
    """Return where the bracket closes, or 0; a ``]`` that comes first is one of the characters."""
    first = start + 1 if pattern[start : start + 1] == "!" else start
    return max(pattern.find("]", first + 1), 0)


def _bracket(inside: str) -> _Characters:
    negated = inside.startswith("!")
    inside = inside.removeprefix("!") if negated else inside
    ranges: list[tuple[str, str]] = []
    at = 0
    while at < len(inside):
        if inside[at + 1 : at + 2] == "-" and at + 2 < len(inside):
            ranges.append((inside[at], inside[at + 2]))
            at += 3
        else:
            ranges.append((inside[at], inside[at]))
            at += 1
    return _Characters(tuple(ranges), negated)


def _meet(one: tuple[_Step, ...], other: tuple[_Step, ...]) -> bool:
    """Walk both: ``reached[j]`` tells whether some text leads to this step of one and step j of the other."""
    reached = [True] + [False] * len(other)
    for j, step in enumerate(other):
        reached[j + 1] = reached[j] and step is _STAR
    for mine in one:
        after = [reached[0] and mine is _STAR] + [False] * len(other)
        for j, theirs in enumerate(other):
            if mine is _STAR or theirs is _STAR:
                # A star stands for nothing, or takes what the other pattern's step takes.
                after[j + 1] = reached[j + 1] or after[j]
            else:
                after[j + 1] = reached[j] and _share(mine, theirs)
        reached = after
    return reached[-1]


def _share(one: str | _Characters, other: str | _Characters) -> bool:
    if isinstance(one, str):
        return one == other if isinstance(other, str) else one in other
    return other in one if isinstance(other, str) else one.meets(other)
