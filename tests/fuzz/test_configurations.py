"""Configurations that mean harm: a configuration, or every error in printable words; never anything else."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example
from hypothesis import strategies as st

from exporter import config
from exporter.config.schema import CONFIGURATION
from exporter.config.web import UNSUPPORTED, WEB_CONFIGURATION, load_web
from exporter.errors import ConfigurationError
from tests.fuzz.hostile import TEXT, damaged, fuzzed

DATA = Path(__file__).parents[1] / "testdata" / "config"
SEEDS = [file.read_bytes() for file in sorted(DATA.glob("*/*.yaml")) if file.stat().st_size < 5000]


def known(schema: Any) -> list[str]:
    """Return the keys of all mappings that a schema describes."""
    parts = schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ()
    own = list(schema.get("properties", ())) if isinstance(schema, dict) else []
    return list(dict.fromkeys([*own, *(key for part in parts for key in known(part))]))


KEYS = st.sampled_from([*known(CONFIGURATION.schema), "password", "<<", "unknown"])
RIGHT = [
    *("30s", "eu-west-1", "123456789012", "0f8fad5b-d9cb-469f-a165-70867728950e", "a.b", "*.*"),
    *("arn:aws:iam::123456789012:role/glue-read", "http://127.0.0.1:5000"),
]
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.dates(),
    st.binary(max_size=5),
    st.sampled_from(RIGHT),
)


def values(scalars: st.SearchStrategy[Any], keys: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    return st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=6),
        max_leaves=25,
    )


VALUES = values(SCALARS, KEYS | st.text(max_size=5))
FILES = st.fixed_dictionaries(
    {"targets": st.lists(st.dictionaries(KEYS, VALUES, max_size=6), max_size=4)},
    optional={"poll_interval": VALUES, "defaults": st.dictionaries(KEYS, VALUES, max_size=4)},
)
SHOWN = {"name", "aws_region", "poll_interval", "settle_period", "resync_interval", "expected_interval"}
"""Keys whose values may be in messages."""
BOMB = b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (name, name, b",".join([b"*%c" % (name - 1)] * 9)) for name in range(98, 107)
)
"""Nine to the tenth entries in nine lines."""
HASH = "$2y$10$mDwo.lAisC94iLAyP81MCesa29IzH37oigHC/42V2pdJlUprsJPze"
WEB_KEYS = st.sampled_from([*known(WEB_CONFIGURATION.schema), *UNSUPPORTED]) | TEXT
WEB_VALUES = values(SCALARS | TEXT | st.sampled_from([HASH, "TLS12", "NoClientCert", "a.crt"]), WEB_KEYS)
WEB_FILES = st.dictionaries(WEB_KEYS, WEB_VALUES, max_size=5)


def dumped(value: object) -> bytes:
    return yaml.dump(value, allow_unicode=True).encode(errors="replace")


PUNCTUATION = st.text(alphabet=st.sampled_from("{}[],:-?&*!|>'\"%@`#\n\t <ab1.~="), max_size=60)


@fuzzed(
    FILES.map(dumped)
    | damaged(st.sampled_from(SEEDS))
    | PUNCTUATION.map(str.encode)
    | st.binary(max_size=300),
    share=20,
)
@example(BOMB)
@example(b"[" * 100_000)
@example(b"? " * 50_000)
@example(b"- " * 50_000)
@example(b"{a: " * 30_000)
@example(b"&a " * 10_000)
@example(b"targets: &a [*a]")
@example(b"a: &a {<<: *a}")
@example(b"!!python/object/apply:os.system ['true']")
@example(b"%YAML 9.9\n---\n%TAG ! !\n")
def test_any_configuration(content: bytes) -> None:
    try:
        loaded = config.parse(content, "config.yaml")
    except ConfigurationError as error:
        problems = error.problems
    else:
        assert loaded.settings.targets
        return
    assert problems
    for problem in problems:
        assert 1 <= problem.line <= len(content) + 2
        assert problem.message.isprintable()
        assert problem.key_path.isprintable()


@fuzzed(
    st.dictionaries(KEYS.filter(lambda key: key not in SHOWN), st.just("S3CR3TVALU3"), min_size=1),
    st.lists(KEYS, min_size=1, max_size=3),
    share=4,
)
def test_no_value_is_ever_shown(secrets: dict[str, str], path: list[str]) -> None:
    """A secret that stands in the wrong place stays one: only names, regions and durations are shown."""
    value: Any = secrets
    for key in path:
        value = {key: [value, secrets]}
    for wrong in (value, {"targets": [value, secrets]}, {"defaults": secrets, "targets": [secrets]}):
        with pytest.raises(ConfigurationError) as caught:
            config.parse(yaml.dump(wrong).encode(), "config.yaml")
        assert "S3CR3TVALU3" not in str(caught.value)


@fuzzed(st.binary(max_size=300) | WEB_FILES.map(dumped) | damaged(WEB_FILES.map(dumped)), share=12)
@example(BOMB)
@example(b"[" * 100_000)
@example(b"basic_auth_users: &a {b: *a}")
def test_any_web_configuration(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    file = tmp_path_factory.getbasetemp() / "web.yml"
    file.write_bytes(content)
    try:
        loaded = load_web(file)
    except ConfigurationError as error:
        assert error.problems
        for line in error.lines():
            assert line.isprintable()
            assert HASH not in line
    else:
        assert HASH not in repr(loaded.settings)
