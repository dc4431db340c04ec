"""Every small change of a rule that somebody could make by mistake: each must make a test fail."""

import copy
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from tests.rules.promql import Token, grouped, selectors, tokens

Document = dict[str, Any]

_SIGNS: Final = {">": (">=", "<"), ">=": (">", "<"), "<": ("<=", ">"), "==": ("!=",)} | {
    "*": ("/",), "/": ("*",), "-": ("+",), "+": ("-",),
}  # fmt: skip
_MATCHES: Final = {"=": ("!=",), "=~": ("!~",)}
_WORDS: Final = {
    "max": "min",
    "min": "max",
    "sum": "max",
    "count": "max",
    "max_over_time": "min_over_time",
    "avg_over_time": "max_over_time",
    "clamp_min": "clamp_max",
    "and": "unless",
    "unless": "and",
    "or": "and",
}
_SEVERITIES: Final = {"critical": "warning", "warning": "critical"}
_SMALL: Final = 10
_RELEASE: Final = ("cluster", "namespace", "job")


@dataclass(frozen=True, slots=True)
class Mutant:
    """The rules with one change, which tells it apart from all others of its rule."""

    change: str
    document: Document


def mutants(document: Document, name: str) -> Iterator[Mutant]:
    group, number = next(
        (group, number)
        for group, content in enumerate(document["groups"])
        for number, rule in enumerate(content["rules"])
        if name in {rule.get("alert"), rule.get("record")}
    )
    for change, changed in _rule_changes(document["groups"][group]["rules"][number]):
        mutated = copy.deepcopy(document)
        mutated["groups"][group]["rules"][number] = changed
        yield Mutant(change, mutated)


def around(document: Document, name: str) -> Document:
    """Return the rules file with this rule, what it reads and what reads it, and without all others.

    What the others say does not depend on it.
    """
    reads = {
        rule.get("alert") or rule["record"]: {selector.metric for selector in selectors(rule["expr"])}
        for group in document["groups"]
        for rule in group["rules"]
    }
    readers = _closure(name, lambda one: {reader for reader, read in reads.items() if one in read})
    wanted = {needed for reader in readers for needed in _closure(reader, lambda one: reads.get(one, set()))}
    return {
        "groups": [
            {**group, "rules": [r for r in group["rules"] if {r.get("alert"), r.get("record")} & wanted]}
            for group in document["groups"]
        ]
    }


def _closure(start: str, following: Callable[[str], set[str]]) -> set[str]:
    found, left = set(), {start}
    while left:
        one = left.pop()
        found.add(one)
        left |= following(one) - found
    return found


def _rule_changes(rule: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for change, expression in expression_changes(rule["expr"]):
        yield change, {**rule, "expr": expression}
    if waits := rule.get("for"):
        yield "without for", {key: value for key, value in rule.items() if key != "for"}
        for other in _durations(waits):
            yield f"for {waits} → {other}", {**rule, "for": other}
    for label, value in rule.get("labels", {}).items():
        yield f"{label} {value} → {_SEVERITIES[value]}", {**rule, "labels": {label: _SEVERITIES[value]}}
        yield f"without {label}", {**rule, "labels": {}}
    for annotation in (texts := rule.get("annotations", {})):
        yield f"without {annotation}", {**rule, "annotations": {**texts, annotation: ""}}


def expression_changes(expression: str) -> Iterator[tuple[str, str]]:
    """Yield what is changed, and the changed expression."""
    stream = tokens(expression)
    inside = _between_braces(stream)
    for number, token in enumerate(stream):
        for other in _token_changes(token, in_braces=number in inside):
            changed = expression[: token.start] + other + expression[token.end :]
            yield f"{token.text} → {other} at {token.start}", changed
    for word, places in grouped(stream):
        for place in places:
            label = stream[place]
            if label.text in _RELEASE:
                continue  # test_rules.py wants them in every grouping
            rest = [stream[other].text for other in places if other != place]
            start, end = stream[places[0]].start, stream[places[-1]].end
            changed = expression[:start] + ", ".join(rest) + expression[end:]
            yield f"{word} without {label.text} at {label.start}", changed
    for left, right in pairwise(number for number, token in enumerate(stream) if token.text in "{}"):
        if stream[left].text == "{":
            first, last = stream[left], stream[right]
            without = expression[: first.start] + expression[last.end :]
            yield f"without {expression[first.start : last.end]} at {first.start}", without


def _between_braces(stream: list[Token]) -> set[int]:
    inside, open_ = set(), False
    for number, token in enumerate(stream):
        if token.text in "{}":
            open_ = token.text == "{"
        elif open_:
            inside.add(number)
    return inside


def _token_changes(token: Token, *, in_braces: bool) -> Iterator[str]:
    if in_braces:
        yield from _MATCHES.get(token.text, ())
        values = token.text.strip('"').split("|")
        if len(values) > 1:
            for left_out in values:
                yield '"' + "|".join(value for value in values if value != left_out) + '"'
    elif token.kind == "number":
        yield from _numbers(token.text)
    elif token.kind == "duration":
        yield from _durations(token.text)
    elif token.kind == "sign":
        yield from _SIGNS.get(token.text, ())
    elif token.text in _WORDS:
        yield _WORDS[token.text]


def _numbers(text: str) -> Iterator[str]:
    """Yield a smaller and a larger one: by one fifth, or by one where it counts something."""
    number = float(text)
    by = 1.0 if number.is_integer() and number < _SMALL else number / 5
    yield f"{number - by:.10g}"
    yield f"{number + by:.10g}"


def _durations(text: str) -> Iterator[str]:
    """Yield half and twice as long."""
    match = re.fullmatch(r"(\d+)([smhd])", text)
    if match is None:
        raise ValueError(f"write {text!r} with one unit")
    seconds = int(match[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[match[2]]
    yield f"{seconds // 2}s"
    yield f"{seconds * 2}s"
