"""One YAML scalar as a plain value: text, a whole or a broken number, true or false, or nothing."""

from typing import Final

import yaml

_PREFIX: Final = "tag:yaml.org,2002:"
_LONGEST_NUMBER: Final = 40
"""Characters. Python takes quadratic time for long ones, and refuses very long ones."""
_CONSTRUCTED: Final = ("int", "float", "bool", "null")

Scalar = str | int | float | bool | None


class ScalarError(Exception):
    """A scalar that cannot be used, with a sentence that says why."""


_values = yaml.constructor.SafeConstructor()
_resolver = yaml.resolver.Resolver()


def is_merge_key(event: yaml.ScalarEvent) -> bool:
    """Tell whether a key is the plain ``<<`` that takes in another mapping."""
    return event.value == "<<" and event.tag is None and event.implicit[0]


def tag_problem(tag: str | None, *allowed: str) -> str | None:
    """Say what is wrong with an explicit tag; None if nothing is."""
    if tag is None or tag == "!" or tag in {f"{_PREFIX}{name}" for name in allowed}:
        return None
    if tag.startswith(f"{_PREFIX}python/"):
        return "a !!python/ tag would run code: this file holds plain values only, and nothing was run"
    return 'an unknown YAML tag; put a value that begins with an exclamation mark in "quotes"'


def scalar(event: yaml.ScalarEvent) -> Scalar:
    """Return the value that a scalar stands for.

    A date stays text (no key takes a date, and a name may look like one). Raises ScalarError.
    """
    tag = event.tag
    if tag is None and not event.implicit[0]:
        return event.value  # quoted
    problem = tag_problem(tag, "str", *_CONSTRUCTED)
    if problem:
        raise ScalarError(problem)
    if tag is None:
        tag = _resolver.resolve(yaml.ScalarNode, event.value, (True, False))  # type: ignore[no-untyped-call]  # the stubs leave it out
    name = (tag or "").removeprefix(_PREFIX)
    if name not in _CONSTRUCTED:
        return event.value
    if len(event.value) > _LONGEST_NUMBER:
        raise ScalarError('YAML reads this as a number, far too long for one: put it in "quotes"')
    node = yaml.ScalarNode(tag or "", event.value)
    try:
        match name:
            case "int":
                return int(_values.construct_yaml_int(node))
            case "float":
                return float(_values.construct_yaml_float(node))
            case "bool":
                return bool(_values.construct_yaml_bool(node))
            case _:
                return None
    except (ValueError, LookupError, ArithmeticError):
        raise ScalarError(f"does not fit its tag !!{name}") from None
