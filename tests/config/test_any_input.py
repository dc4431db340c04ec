"""Whatever the file holds, there is a configuration or a ConfigurationError, and soon."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exporter import config
from exporter.config.schema import AssumeRole, Configuration, TargetEntry, WatchedView
from exporter.errors import ConfigurationError

DATA = Path(__file__).parents[1] / "testdata" / "config"
SEEDS = [file.read_bytes() for file in sorted(DATA.glob("*/*.yaml")) if file.stat().st_size < 5000]
KEYS = st.sampled_from(
    [
        *Configuration.known(),
        *TargetEntry.known(),
        *AssumeRole.known(),
        *WatchedView.known(),
        "password",
        "<<",
        "unknown",
    ]
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.dates(),
    st.binary(max_size=5),
    st.sampled_from(
        [
            "30s",
            "eu-west-1",
            "123456789012",
            "0f8fad5b-d9cb-469f-a165-70867728950e",
            "a.b",
            "*.*",
            "arn:aws:iam::123456789012:role/glue-read",
            "http://127.0.0.1:5000",
        ]
    ),
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(max_size=5), inner, max_size=6)
    ),
    max_leaves=25,
)
FILES = st.fixed_dictionaries(
    {"targets": st.lists(st.dictionaries(KEYS, VALUES, max_size=6), max_size=4)},
    optional={"poll_interval": VALUES, "defaults": st.dictionaries(KEYS, VALUES, max_size=4)},
)


SHOWN = ("name", "aws_region", "poll_interval", "settle_period", "resync_interval", "expected_interval")
QUICKLY = settings(deadline=5000)
"""Milliseconds: a hundred times what it takes, for machines that do other things too."""


def judge(content: bytes) -> None:
    """Parse the content; any other exception than ConfigurationError gets out and fails the test."""
    try:
        loaded = config.parse(content, "config.yaml")
    except ConfigurationError as error:
        problems = error.problems
    else:
        assert loaded.settings.targets
        return
    assert problems
    last_line = 1 + sum(content.count(mark) for mark in (b"\n", b"\r", b"\xc2\x85", b"\xe2\x80"))
    for problem in problems:
        assert 1 <= problem.line <= last_line + 1
        assert problem.message.isprintable()
        assert problem.key_path.isprintable()


@QUICKLY
@given(st.binary(max_size=200))
@example(b"\xff\xfe")
def test_any_bytes(content: bytes) -> None:
    """Rubbish is refused, never a crash."""
    judge(content)


@QUICKLY
@given(st.text(alphabet=st.sampled_from("{}[],:-?&*!|>'\"%@`#\n\t <ab1.~="), max_size=60))
def test_any_yaml_punctuation(text: str) -> None:
    """What the parser makes of it is never another error."""
    judge(text.encode())


@QUICKLY
@given(VALUES)
def test_any_value(value: Any) -> None:
    """Also where it is no mapping."""
    judge(yaml.dump(value, allow_unicode=True).encode(errors="replace"))


@settings(QUICKLY, max_examples=300)
@given(FILES)
def test_any_value_in_any_place(value: Any) -> None:
    """Known keys in the wrong places, wrong values in the right ones."""
    judge(yaml.dump(value, allow_unicode=True).encode(errors="replace"))


@settings(QUICKLY, max_examples=300)
@given(st.sampled_from(SEEDS), st.data())
def test_any_damage(seed: bytes, data: st.DataObject) -> None:
    """A piece of a good or a bad file cut out, or something put in."""
    start = data.draw(st.integers(0, len(seed)))
    end = data.draw(st.integers(start, min(len(seed), start + 30)))
    judge(seed[:start] + data.draw(st.binary(max_size=5)) + seed[end:])


@QUICKLY
@given(st.dictionaries(KEYS, st.just("S3CR3TVALU3"), min_size=1), st.lists(KEYS, min_size=1, max_size=3))
def test_no_value_is_ever_shown(secrets: dict[str, str], path: list[str]) -> None:
    """A secret that stands in the wrong place stays one: only names, regions and durations are shown."""
    for shown in SHOWN:
        secrets.pop(shown, None)
    value: Any = secrets
    for key in path:
        value = {key: [value, secrets]}
    for wrong in (value, {"targets": [value, secrets]}, {"defaults": secrets, "targets": [secrets]}):
        with pytest.raises(ConfigurationError) as caught:
            config.parse(yaml.dump(wrong).encode(), "config.yaml")
        assert "S3CR3TVALU3" not in str(caught.value)
