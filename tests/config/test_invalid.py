"""One file per mistake in testdata/config/invalid, with the exact lines that it leads to beside it."""

import time
import tracemalloc
from pathlib import Path

import pytest

from exporter import config
from exporter.errors import ConfigurationError

DATA = Path(__file__).parents[1] / "testdata" / "config" / "invalid"
FILES = sorted(DATA.glob("*.yaml"))


def errors(content: bytes) -> str:
    with pytest.raises(ConfigurationError) as caught:
        config.parse(content, "config.yaml")
    return str(caught.value)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_mistake_leads_to_its_lines_which_show_no_secret(file: Path) -> None:
    """Whatever key a secret has been written to: each holds the word."""
    lines = errors(file.read_bytes())
    assert lines + "\n" == file.with_suffix(".expected").read_text()
    assert "VERYSECRET" not in lines.upper()


def test_every_mistake_has_its_lines_and_the_other_way_round() -> None:
    assert {file.stem for file in FILES} == {file.stem for file in DATA.glob("*.expected")} != set()


def test_the_error_itself_holds_no_secret() -> None:
    """A traceback would show the error's causes too: there are none."""
    content = (DATA / "secrets_in_wrong_places.yaml").read_bytes()
    with pytest.raises(ConfigurationError) as caught:
        config.parse(content, "config.yaml")
    assert "VERY" not in repr(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__


@pytest.mark.parametrize(
    "text",
    [
        "!!python/object/apply:os.system ['touch {}']",
        "targets: !!python/object/apply:subprocess.check_call [['touch', '{}']]",
        "targets: [!!python/object/new:pathlib.Path {{args: ['{}']}}]",
        "!!python/object/apply:os.system ['touch {}']: x",
    ],
)
def test_no_code_is_run_from_yaml(tmp_path: Path, text: str) -> None:
    trace = tmp_path / "was-here"
    errors(text.format(trace).encode())
    assert not trace.exists()


def test_merged_mappings_count_as_written_out() -> None:
    keys = ", ".join(f"k{i}: v" for i in range(1000))
    merges = "\n".join(f"m{i}: {{<<: *a}}" for i in range(1000))
    assert "aliases expanded" in errors(f"a: &a {{{keys}}}\n{merges}".encode())


def test_keys_count_where_an_alias_repeats_them_too() -> None:
    keys = ", ".join(f"k{i}: v" for i in range(1000))
    repeated = ", ".join(["*a"] * 300)
    assert "aliases expanded" in errors(f"a: &a {{{keys}}}\nb: [{repeated}]".encode())


def test_aliases_are_counted_before_anything_is_made_of_them() -> None:
    """Each key would be kept with its line, half a million times."""
    bomb = "".join(f"a{i}: &a{i} {{x: *a{i - 1}, y: *a{i - 1}}}\n" for i in range(1, 30))
    tracemalloc.start()
    try:
        assert errors(b"a0: &a0 {k: v}\n" + bomb.encode()) == (
            "config.yaml:17: holds more than 500,000 values, aliases expanded"
        )
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_a_chain_of_aliases_is_nested_too_deep() -> None:
    chain = "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 60))
    assert errors(b"a0: &a0 []\n" + chain.encode()) == (
        "config.yaml:1: nested too deep: more than 32 levels, aliases expanded"
    )


def test_a_quoted_number_of_many_digits_is_text_and_an_unquoted_one_is_refused() -> None:
    """Python would take its time for them."""
    began = time.monotonic()
    assert "far too long" in errors(b"poll_interval: " + b"9" * 1_000_000)
    assert "far too long" in errors(b"poll_interval: " + b":".join([b"59"] * 300_000))
    assert time.monotonic() - began < 30


def test_a_wrong_run_among_many_has_its_own_line() -> None:
    runs = "".join(f"    - {number:08x}-d9cb-469f-a165-70867728950e\n    - x\n" for number in range(3000))
    lines = errors(f"targets:\n  - runs:\n    # these\n{runs}".encode()).splitlines()
    assert len(lines) == 3000
    assert lines[-1].startswith('config.yaml:6003: targets[0].runs[5999]: not a valid run ID: "x"; write one')
