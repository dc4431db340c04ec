"""Log lines: one event a line, for machines to parse and terminals to survive."""

import contextlib
import io
import json
import logging
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.cli.logs import DROPPED, StandardError, configure_logs, printable

PAIR = re.compile(r'(?P<key>[^\s="]+)(?:=(?P<value>"(?:[^"\\]|\\.)*"|[^\s="]*))?(?: |$)')


def parse_logfmt(line: str) -> dict[str, str]:
    """Read one line as logfmt parsers do; a line that they would refuse fails."""
    pairs: dict[str, str] = {}
    place = 0
    while place < len(line):
        match = PAIR.match(line, place)
        assert match, line[place:]
        value = match["value"] or ""
        pairs[match["key"]] = json.loads(value) if value.startswith('"') else value
        place = match.end()
    return pairs


PARSE: Mapping[str, Callable[[str], dict[str, Any]]] = {"json": json.loads, "logfmt": parse_logfmt}
FORMS = pytest.mark.parametrize("form", PARSE)


def logged(form: str, level: str = "debug", **fields: object) -> str:
    stream = io.StringIO()
    configure_logs(level, form, stream)
    structlog.get_logger().info("run ended", **fields)
    return stream.getvalue()


FIELDS = {"run_id": "abc", "error_message": 'größer: "no"\nals a=b'}


def test_a_logfmt_line_begins_with_time_level_and_message_and_leaves_out_none() -> None:
    line = logged("logfmt", status=None, dpu_seconds=0.0, **FIELDS)
    assert line.endswith("\n")
    fields = parse_logfmt(line.rstrip("\n"))
    assert list(fields)[:3] == ["ts", "level", "msg"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", fields.pop("ts"))
    assert fields == {"level": "info", "msg": "run ended", "dpu_seconds": "0.0", **FIELDS}


def test_a_json_line_holds_the_same() -> None:
    fields = json.loads(logged("json", status=None, dpu_seconds=0.0, **FIELDS))
    assert fields.pop("ts").endswith("Z")
    assert fields == {"level": "info", "msg": "run ended", "dpu_seconds": 0.0, **FIELDS}


@settings(deadline=None)  # a busy machine is not a failure
@given(form=st.sampled_from(["logfmt", "json"]), value=st.text())
def test_any_text_is_one_line_that_parses(form: str, value: str) -> None:
    line = logged(form, before="x", error_message=value, after="y").removesuffix("\n")
    assert len(line.splitlines()) == 1
    fields = PARSE[form](line)
    assert fields["error_message"].replace("\\n", "\n") == printable(value).replace("\\n", "\n")
    assert (fields["before"], fields["after"]) == ("x", "y")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", r"\x1b[31mred"),
        ("back\rover", r"back\rover"),
        ("tab\there", r"tab\there"),
        ("\x00\x7f\x9b", r"\x00\x7f\x9b"),
        ("left\u202eto right", r"left\u202eto right"),
        ("half \udc80", r"half \udc80"),
        ("two\nlines", "two\nlines"),
        ("größer 統計 🙂", "größer 統計 🙂"),
        ("", ""),
    ],
)
def test_control_characters_are_made_visible(text: str, shown: str) -> None:
    assert printable(text) == shown


@pytest.mark.parametrize(
    ("level", "shown"),
    [
        ("debug", ["debug", "info", "warning", "error"]),
        ("info", ["info", "warning", "error"]),
        ("warning", ["warning", "error"]),
        ("warn", ["warning", "error"]),
        ("error", ["error"]),
    ],
)
def test_only_messages_of_the_level_or_above_are_logged(level: str, shown: list[str]) -> None:
    stream = io.StringIO()
    configure_logs(level, "json", stream)
    log = structlog.get_logger()
    for method in (log.debug, log.info, log.warning, log.error):
        method("something")
    assert [json.loads(line)["level"] for line in stream.getvalue().splitlines()] == shown


@FORMS
def test_an_exceptions_traceback_stays_on_its_line(form: str) -> None:
    stream = io.StringIO()
    configure_logs("info", form, stream)
    try:
        int("x = 1")
    except ValueError:
        structlog.get_logger().exception("a poll failed", target="prod")
    (line,) = stream.getvalue().splitlines()
    fields = PARSE[form](line)
    assert (fields["level"], fields["target"]) == ("error", "prod")
    assert fields["exception"].startswith("Traceback (most recent call last):\n")
    assert fields["exception"].endswith("ValueError: invalid literal for int() with base 10: 'x = 1'")


@FORMS
def test_warnings_of_libraries_look_the_same(form: str) -> None:
    stream = io.StringIO()
    configure_logs("debug", form, stream)
    logging.getLogger("uvicorn.error").warning("Invalid HTTP request\x1b received from %s", "10.0.0.1")
    (line,) = stream.getvalue().splitlines()
    fields = PARSE[form](line)
    assert fields["level"] == "warning"
    assert fields["msg"] == "Invalid HTTP request\\x1b received from 10.0.0.1"
    assert set(fields) == {"ts", "level", "msg"}


def test_libraries_say_nothing_below_a_warning_whatever_the_level() -> None:
    """The debug lines of the AWS SDK hold signatures and session tokens."""
    stream = io.StringIO()
    configure_logs("debug", "logfmt", stream)
    logging.getLogger("botocore.auth").debug("Signature: secret")
    logging.getLogger("uvicorn.error").info("Started server process")
    assert stream.getvalue() == ""


@contextlib.contextmanager
def into_pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, int]]:
    """Give the ends of a pipe, of which the second one is standard error; it takes 64 KiB and no more.

    No fixture: before each test pytest puts its own standard error in place.
    """
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    with os.fdopen(writer, "w", closefd=False) as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        StandardError.install()
        yield reader, writer
    os.close(reader)
    os.close(writer)


def fill(writer: int) -> None:
    """Leave room for not one byte."""
    for size in (4096, 1):
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(writer, b"x" * size)


def read(reader: int) -> str:
    """Return all that has been written, but for what filled it."""
    text = b""
    with contextlib.suppress(BlockingIOError):
        while chunk := os.read(reader, 1 << 16):
            text += chunk
    return text.decode().lstrip("x")


@FORMS
def test_lines_that_cannot_be_written_are_counted_in_one_line(
    monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    with into_pipe(monkeypatch) as (reader, writer):
        configure_logs("info", form)
        fill(writer)
        structlog.get_logger().info("first")
        logging.getLogger("uvicorn.error").warning("second")
        assert read(reader) == ""
        for message in ("third", "fourth"):
            structlog.get_logger().info(message)
        lines = read(reader).splitlines()
    said, *others = map(PARSE[form], lines)
    assert (said["level"], said["msg"], str(said["lines"])) == ("warning", DROPPED, "2")
    assert [line["msg"] for line in others] == ["third", "fourth"]


def test_a_line_of_which_a_part_was_written_is_ended_before_the_next_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with into_pipe(monkeypatch) as (reader, writer):
        fill(writer)
        os.read(reader, 8192)
        sys.stderr.write("y" * 9000 + "\n")
        assert read(reader).strip("y") == ""
        sys.stderr.write("next\n")
        assert read(reader) == f"\n{DROPPED}: 1\nnext\n"


def test_a_line_waits_for_a_reader_that_is_slow_but_not_for_one_that_hangs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with into_pipe(monkeypatch) as (reader, writer):
        configure_logs("info", "logfmt")
        installed = StandardError.installed()
        assert installed
        fill(writer)
        os.set_blocking(writer, True)
        reads_late = threading.Timer(0.1, read, [reader])
        reads_late.start()
        structlog.get_logger().info("written late")
        reads_late.join()
        assert installed.dropped == 0
        os.set_blocking(writer, False)
        fill(writer)
        os.set_blocking(writer, True)
        for _ in range(1000):
            structlog.get_logger().info("dropped")
        assert installed.dropped == 1000
