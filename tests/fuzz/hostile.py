"""Hostile input, in two forms: a few examples, the same each time (``make test``), and many (``make fuzz``).

``FUZZ`` in the environment is the number of examples that the long form shares out over the tests.
"""

import json
import os
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

EXAMPLES = int(os.environ.get("FUZZ", "0"))
SHORT_FORM = 25
"""Examples of a test in the short form, times its share."""


def fuzzed(*strategies: st.SearchStrategy[Any], share: float) -> Callable[[Callable[..., None]], Any]:
    """Call a test with examples of the strategies: ``share`` hundredths of those of the long form."""
    number = round(EXAMPLES * share / 100) if EXAMPLES else round(SHORT_FORM * min(share / 5, 3))

    def decorate(test: Callable[..., None]) -> Any:
        return settings(
            max_examples=max(number, 10),
            derandomize=not EXAMPLES,
            database=None,  # what is found is written down as an example
            deadline=None,
            # Not shrunk: a poll takes its time, and what fails is small as it is.
            phases=[Phase.explicit, Phase.generate],
            print_blob=bool(EXAMPLES),
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        )(given(*strategies)(test))

    return decorate


STEERING = "\x00\x07\x08\x1b\x7f\x85\x9b\u061c\u200b\u200e\u2028\u2029\u202e\u2066\ufeff\U000e0041\r\n\t"
"""What steers terminals, readers' eyes and parsers."""
MARKUP = [
    '"><script>alert(1)</script>',
    "</script><img src=x onerror=alert(1)>",
    "javascript:alert(1)",
    "{{7*7}}{% raw %}",
    "[red]bold[/red]",
    "\x1b]0;title\x07\x1b[2J\x1b[31m",
    "\x1bP$q\x1b\\",
    "\u202egnp.exe",
    '\\"\n# HELP x y\nx{a="b"} 1\n',
    'a"} 1\nup{x="',
    "msg=fake level=error",
    "%s%n%x",
    "'; DROP TABLE runs; --",
    "..%2f..%2f",
    "\ud800",
    "💥\u0301\u0489",
]
TEXT = st.one_of(
    st.text(max_size=30),
    st.text(alphabet=st.sampled_from(STEERING + "ab\"'\\<>&{}[]=,% "), max_size=30),
    st.lists(st.sampled_from(MARKUP), min_size=1, max_size=3).map("".join),
)
"""Names and messages that mean harm; may hold lone surrogates."""


def as_json(value: object) -> bytes:
    """Return JSON as Python writes it: NaN and lone surrogates included."""
    return json.dumps(value).encode(errors="surrogatepass")


JSON_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(10**25), 10**25),
    st.floats(),
    TEXT,
    st.sampled_from([0, -0.0, -1, 2**63, 1e300, 253_402_300_800, "yesterday", "many", "12", [], {}]),
)
JSON = st.recursive(
    JSON_SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@st.composite
def damaged(draw: st.DrawFn, documents: st.SearchStrategy[bytes]) -> bytes:
    """Return a document with a piece cut out and something put in its place."""
    document = draw(documents)
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(document)))
        end = draw(st.integers(start, min(len(document), start + 40)))
        document = document[:start] + draw(st.binary(max_size=6)) + document[end:]
    return document
