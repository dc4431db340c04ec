"""Configurations that mean harm: a configuration, or every error in printable words; never anything else."""

import tempfile
from pathlib import Path
from typing import Any

import yaml
from hypothesis import example
from hypothesis import strategies as st

from exporter.config.web import UNSUPPORTED, TlsServerConfig, WebConfiguration, load_web
from exporter.errors import ConfigurationError
from tests.config import test_any_input as known
from tests.fuzz.hostile import TEXT, damaged, fuzzed

BOMB = b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (name, name, b",".join([b"*%c" % (name - 1)] * 9)) for name in range(98, 107)
)
"""Nine to the tenth entries in nine lines."""
HASH = "$2y$10$mDwo.lAisC94iLAyP81MCesa29IzH37oigHC/42V2pdJlUprsJPze"
WEB_KEYS = st.sampled_from([*WebConfiguration.known(), *TlsServerConfig.known(), *UNSUPPORTED])
WEB_VALUES: st.SearchStrategy[Any] = st.recursive(
    known.SCALARS | TEXT | st.sampled_from([HASH, "TLS12", "NoClientCert", "server.crt"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WEB_KEYS | TEXT, inner, max_size=5),
    max_leaves=15,
)
WEB_FILES = st.dictionaries(WEB_KEYS | TEXT, WEB_VALUES, max_size=5)


def dumped(value: object) -> bytes:
    return yaml.dump(value, allow_unicode=True).encode(errors="replace")


@fuzzed(st.binary(max_size=300), share=4)
@example(BOMB)
@example(b"[" * 100_000)
@example(b"? " * 50_000)
@example(b"- " * 50_000)
@example(b"{a: " * 30_000)
@example(b"&a " * 10_000)
@example(b"targets: &a [*a]")
@example(b"!!python/object/apply:os.system ['true']")
@example(b"%YAML 9.9\n---\n%TAG ! !\n")
def test_any_configuration_bytes(content: bytes) -> None:
    known.judge(content)


@fuzzed(known.FILES, share=6)
def test_any_configuration(value: Any) -> None:
    known.judge(dumped(value))


@fuzzed(damaged(st.sampled_from(known.SEEDS)), share=6)
def test_any_damaged_configuration(content: bytes) -> None:
    known.judge(content)


def judge_web(content: bytes) -> None:
    """Load a web configuration."""
    with tempfile.TemporaryDirectory(prefix="fuzz") as folder:
        file = Path(folder) / "web.yml"
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


@fuzzed(st.binary(max_size=300), share=3)
@example(BOMB)
@example(b"[" * 100_000)
@example(b"basic_auth_users: &a {b: *a}")
def test_any_web_configuration_bytes(content: bytes) -> None:
    judge_web(content)


@fuzzed(WEB_FILES, share=5)
def test_any_web_configuration(value: Any) -> None:
    judge_web(dumped(value))


@fuzzed(damaged(WEB_FILES.map(dumped)), share=4)
def test_any_damaged_web_configuration(content: bytes) -> None:
    judge_web(content)
