"""The daemon is gone as soon as everything is closed and written."""

import subprocess
import sys
import urllib.request
from pathlib import Path
from textwrap import dedent

import pytest
import yaml

from tests.support.bare_glue import BareGlue
from tests.support.bare_records import sample_run

PROGRAM = """
import atexit
import sys
from exporter.cli.main import main

atexit.register(lambda: print("the interpreter is taken apart"))
main(sys.argv[1:])
"""


def said_by(arguments: list[str], environment: dict[str, str], *, stop: bool) -> str:
    """Run a command, told to stop once it has answered; return what it wrote, all of it."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as program:
        assert program.stdout is not None
        lines = [""]
        while stop and "msg=listening" not in lines[-1]:
            lines.append(program.stdout.readline())
            assert lines[-1], lines
        if stop:
            address = lines[-1].partition("address=")[2].partition(" ")[0]
            with urllib.request.urlopen(f"http://{address}/-/healthy", timeout=30) as answer:
                assert answer.status == 200
            program.terminate()
        lines += program.stdout.readlines()
        assert program.wait(30) == 0
    return "".join(lines)


@pytest.fixture
def environment() -> dict[str, str]:
    return {
        "PATH": "/usr/bin:/bin",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "do-not-print",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def test_a_daemon_that_has_stopped_is_not_taken_apart(tmp_path: Path, environment: dict[str, str]) -> None:
    """That took most of a second, in which nothing was left to do."""
    config = tmp_path / "config.yaml"
    with BareGlue() as glue:
        target = {"aws_region": "eu-west-1", "catalog_id": "123456789012", "endpoint_url": glue.url}
        runs = [glue.records.put_run(sample_run(1))]
        config.write_text(yaml.safe_dump({"targets": [{**target, "runs": runs}]}))
        arguments = ["serve", "--config.file", str(config), "--web.listen-address=127.0.0.1:0"]
        said = said_by([*arguments, "--storage.path", str(tmp_path)], environment, stop=True)
    assert "msg=stopped" in said
    assert "taken apart" not in said


def test_the_demo_leaves_no_less_quickly(environment: dict[str, str]) -> None:
    said = said_by(["demo", "--web.listen-address=127.0.0.1:0"], environment, stop=True)
    assert "msg=stopped" in said
    assert "taken apart" not in said


def test_other_commands_end_as_any_program_does(environment: dict[str, str]) -> None:
    assert "taken apart" in said_by(["--version"], environment, stop=False)


@pytest.mark.parametrize("streams", ["out", "err", "out err"])
def test_streams_that_nobody_reads_do_not_matter(streams: str) -> None:
    """Or that the program was started without."""
    leave = f"""
        import os, sys
        from exporter.cli.leaving import leave
        for name in "{streams}".split():
            reader, writer = os.pipe()
            os.close(reader)
            setattr(sys, "std" + name, os.fdopen(writer, "w"))
            getattr(sys, "std" + name).write("not written yet")
        if "err" not in "{streams}":
            sys.stderr = None
        leave(7)
    """
    assert subprocess.run([sys.executable, "-c", dedent(leave)], check=False).returncode == 7
