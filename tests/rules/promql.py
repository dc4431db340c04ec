"""Enough of PromQL to take an expression apart; whether it is valid Prometheus itself says."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

_TOKEN = re.compile(
    r"""
      (?P<space>\s+)
    | (?P<text>"(?:[^"\\]|\\.)*")
    | (?P<duration>\d+(?:ms|[smhdwy])(?:\d+(?:ms|[smhdwy]))*)
    | (?P<number>\d+(?:\.\d+)?(?:e[+-]?\d+)?)
    | (?P<name>[a-zA-Z_][\w:]*)
    | (?P<sign>=~|!~|!=|==|>=|<=|[-+*/%^<>=(){}\[\],:])
    """,
    re.VERBOSE,
)
SET_OPERATORS = frozenset({"and", "or", "unless"})
GROUPINGS = frozenset({"by", "without", "on", "ignoring", "group_left", "group_right"})
_AFTER_A_FUNCTION = frozenset({"(", "by", "without"})
_WORDS = SET_OPERATORS | GROUPINGS | {"offset", "bool"}


class Token(NamedTuple):
    """One token and where it stands."""

    kind: str
    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)


@dataclass(frozen=True, slots=True)
class Selector:
    """A series that an expression asks for."""

    metric: str
    values: tuple[tuple[str, str], ...] = ()
    """Label and what it is matched with, as written."""

    @property
    def labels(self) -> set[str]:
        return {label for label, _ in self.values}


def tokens(expression: str) -> list[Token]:
    """Return the tokens, without white space. Raises ValueError for what is none."""
    found, place = [], 0
    while place < len(expression):
        match = _TOKEN.match(expression, place)
        if match is None or match.lastgroup is None:
            raise ValueError(f"no PromQL: {expression[place : place + 20]!r}")
        if match.lastgroup != "space":
            found.append(Token(match.lastgroup, match[0], place))
        place = match.end()
    return found


def grouped(stream: Sequence[Token]) -> Iterator[tuple[str, list[int]]]:
    """Yield each ``by (…)``, ``on (…)`` and the like, with the places of its labels in the stream."""
    for place, token in enumerate(stream):
        if token.text in GROUPINGS and place + 1 < len(stream) and stream[place + 1].text == "(":
            last = place + 2
            while stream[last].text != ")":
                last += 1
            yield token.text, [at for at in range(place + 2, last) if stream[at].kind == "name"]


def selectors(expression: str) -> list[Selector]:
    stream = tokens(expression)
    labels = {at for _, places in grouped(stream) for at in places}
    found, place = [], 0
    while place < len(stream):
        token = stream[place]
        following = stream[place + 1].text if place + 1 < len(stream) else ""
        is_word = place in labels or token.text in _WORDS or following in _AFTER_A_FUNCTION
        if token.kind == "name" and not is_word:
            matched = []
            if following == "{":
                opening = place + 1
                while stream[place].text != "}":
                    place += 1
                names = [at for at in range(opening, place) if stream[at].kind == "name"]
                matched = [(stream[at].text, stream[at + 2].text.strip('"')) for at in names]
            found.append(Selector(token.text, tuple(matched)))
        place += 1
    return found
