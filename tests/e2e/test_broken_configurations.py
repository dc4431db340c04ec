"""Every kind of broken configuration is refused at once, with its line and key, by every command."""

import re
import resource
import shutil
from itertools import pairwise
from pathlib import Path

import pytest

from tests.e2e.program import run

MISTAKES = sorted((Path(__file__).parents[1] / "testdata" / "config" / "invalid").glob("*.yaml"))
"""Each with the lines that it leads to beside it."""


def bomb() -> str:
    """Return ten to the sixteenth values in as many lines."""
    levels = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    names = "abcdefghijklmnop"
    levels += [f"{name}: &{name} [{', '.join(['*' + before] * 10)}]" for before, name in pairwise(names)]
    return "\n".join(levels) + f"\ntargets: *{names[-1]}\n"


HARMFUL = {
    "alias bomb": bomb(),
    "deep nesting": "targets: " + "[" * 30_000 + "]" * 30_000,
    "deep open nesting": "[" * 30_000,
    "deep block nesting": "- " * 30_000 + "a\n",
    "deep mappings": "targets: " + "{a: " * 30_000 + "}" * 30_000,
    "code": 'targets: !!python/object/apply:os.system ["touch x"]\n',
}


def processor_seconds() -> float:
    """Return what ended children have used so far: no busy machine makes it longer, as it does a clock."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_check_config_refuses_each_mistake_with_its_lines(tmp_path: Path) -> None:
    """All in one command: none keeps the next one from being checked."""
    expected = ""
    for file in MISTAKES:
        shutil.copy(file, tmp_path)
        expected += file.with_suffix(".expected").read_text().replace("config.yaml", file.name)
    told = run(tmp_path, "check-config", *(file.name for file in MISTAKES), seconds=60)
    assert (told.status, told.out, told.err) == (2, "", expected)


@pytest.mark.parametrize("command", ["serve", "once"])
def test_what_runs_refuses_it_with_the_same_lines(tmp_path: Path, command: str) -> None:
    (mistake,) = (file for file in MISTAKES if file.stem == "everything_at_once")
    shutil.copy(mistake, tmp_path / "config.yaml")
    told = run(tmp_path, command)
    expected = mistake.with_suffix(".expected").read_text()
    assert (told.status, told.out, told.err) == (2, "", expected)
    numbers = [int(number) for number in re.findall(r"^config\.yaml:(\d+): ", told.err, re.MULTILINE)]
    assert numbers == sorted(numbers)


@pytest.mark.parametrize("kind", HARMFUL)
def test_what_means_harm_is_refused_fast(tmp_path: Path, kind: str) -> None:
    (tmp_path / "config.yaml").write_text(HARMFUL[kind])
    before = processor_seconds()
    told = run(tmp_path, "serve", "--web.listen-address=127.0.0.1:0")
    assert told.status == 2, told
    assert processor_seconds() - before < 30, "not fast"
    assert re.match(r"config\.yaml:\d+: ", told.err)
    assert "Traceback" not in told.err
    assert len(told.err) < 5_000, "so long a message helps nobody"
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"], "code was executed"


@pytest.mark.parametrize("command", ["serve", "once"])
@pytest.mark.parametrize("kind", ["missing", "folder", "not_utf8", "nul_bytes"])
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, kind: str, command: str) -> None:
    path = tmp_path / "broken.yaml"
    if kind == "folder":
        path.mkdir()
    elif kind == "not_utf8":
        path.write_bytes(b"targets: \xff\xfe\xfa\n")
    elif kind == "nul_bytes":
        path.write_bytes(b"targets: \0\n")
    told = run(tmp_path, command, "--config.file=broken.yaml")
    assert told.status == 2
    assert "broken.yaml" in told.err
    assert "Traceback" not in told.err
