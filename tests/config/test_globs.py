from fnmatch import fnmatchcase
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.config.overlaps import can_meet

NAMES = ["".join(letters) for length in range(5) for letters in product("abc", repeat=length)]
PATTERNS = st.lists(
    st.sampled_from(["a", "b", "c", "*", "?", "[ab]", "[!a]", "[a-c]", "[!a-b]", "[b-a]", "[", "]", "[]a]"]),
    max_size=4,
).map("".join)


@settings(deadline=None)
@given(PATTERNS, PATTERNS)
def test_patterns_that_share_a_name_are_found(one: str, other: str) -> None:
    """No overlap is missed, and the order does not matter."""
    if any(fnmatchcase(name, one) and fnmatchcase(name, other) for name in NAMES):
        assert can_meet(one, other)
    assert can_meet(one, other) == can_meet(other, one)


@pytest.mark.parametrize(
    ("one", "other", "meets"),
    [
        ("*", "*", True),
        ("*", "", True),
        ("a*", "b*", False),
        ("*a", "*b", False),
        ("a*b", "*c*", True),
        ("?", "??", False),
        ("[a-m]*", "[n-z]*", False),
        ("[a-n]*", "[n-z]*", True),
        ("[!a-m]*", "[a-m]*", False),
        ("[!a]", "[!b]", True),
        ("tmp_*", "*_old", True),
        ("[*", "[a", True),
    ],
)
def test_examples(one: str, other: str, meets: bool) -> None:  # noqa: FBT001 (a table of examples)
    """Each with its answer."""
    assert can_meet(one, other) is meets
