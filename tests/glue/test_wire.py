"""The bodies of Glue's answers are checked before botocore takes them for something else."""

import json

import pytest

from exporter.glue import wire
from exporter.glue.record import MalformedRecordError, parse_run
from exporter.glue.wire import MalformedAnswerError, next_token, read_answer, readable_error_body

NO_ANSWERS = {
    "empty": b"",
    "white space": b"  \n",
    "cut JSON": b'{"MaterializedViewRefreshTaskRuns": [{"Status": "RUN',
    "HTML": b"<html><body>It works!</body></html>",
    "null": b"null",
    "a list": b"[]",
    "a string": b'"MaterializedViewRefreshTaskRuns"',
    "a number": b"1",
    "an empty object": b"{}",
    "a null main member": b'{"MaterializedViewRefreshTaskRuns": null}',
    "a main member of another type": b'{"MaterializedViewRefreshTaskRuns": {}}',
    "deep nesting": b'{"MaterializedViewRefreshTaskRuns":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "invalid UTF-8": b'{"MaterializedViewRefreshTaskRuns": [{"Status": "\xff"}]}',
    "an encoded surrogate": b'{"MaterializedViewRefreshTaskRuns": [{"Status": "\xed\xa0\x80"}]}',
    "UTF-16": '{"MaterializedViewRefreshTaskRuns": []}'.encode("utf-16"),
    "two documents": b'{"MaterializedViewRefreshTaskRuns": []}{}',
}


@pytest.mark.parametrize("body", NO_ANSWERS.values(), ids=NO_ANSWERS.keys())
def test_what_is_no_answer_is_refused(body: bytes) -> None:
    """Most of these are "no runs" to botocore, the others an exception of any kind."""
    with pytest.raises(MalformedAnswerError):
        read_answer(wire.LIST_RUNS, body)


@pytest.mark.parametrize(("operation", "member"), wire.MAIN_MEMBERS.items())
def test_each_operation_has_its_main_member(operation: str, member: tuple[str, type]) -> None:
    """An empty list of runs is an answer, a missing one is not."""
    name, json_type = member
    answer = {name: json_type()}
    assert read_answer(operation, json.dumps(answer).encode()) == answer
    with pytest.raises(MalformedAnswerError, match=name):
        read_answer(operation, b'{"Other": []}')


@pytest.mark.parametrize("number", ["1" * 5000, "1e999", "NaN", "-Infinity"])
def test_an_absurd_number_costs_its_record_alone(number: str) -> None:
    """The page that holds it is read all the same."""
    records = f'{{"DPUSeconds": {number}}}, {{"MaterializedViewRefreshTaskRunId": "good"}}'
    answer = read_answer(wire.LIST_RUNS, f'{{"MaterializedViewRefreshTaskRuns": [{records}]}}'.encode())
    page = answer["MaterializedViewRefreshTaskRuns"]
    assert isinstance(page, list)
    bad, good = page
    with pytest.raises(MalformedRecordError):
        parse_run(bad, requested_id="bad")
    assert parse_run(good).run_id == "good"


def test_a_page_is_the_last_one_without_a_token() -> None:
    """Absent, null and empty mean the same; anything but a string is no token."""
    assert [next_token(answer) for answer in ({}, {"NextToken": None}, {"NextToken": ""})] == [None] * 3
    assert next_token({"NextToken": "eyJ"}) == "eyJ"
    wrong: object
    for wrong in (5, True, ["eyJ"], {}):
        with pytest.raises(MalformedAnswerError, match="NextToken"):
            next_token({"NextToken": wrong})


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b'"x"', b"null", b"\xff", b"[" * 100_000, b'{"__type": 5, "message": ["x"]}'],
)
def test_an_error_answer_that_botocore_cannot_parse_is_emptied(body: bytes) -> None:
    """So that its HTTP status still counts."""
    assert readable_error_body(body) == b"{}"


def test_an_error_answer_keeps_code_and_message() -> None:
    """They are what the reason is found by."""
    error = {"__type": "a.b#AccessDeniedException", "Message": "no \ud800"}
    assert json.loads(readable_error_body(json.dumps({**error, "more": {}}).encode())) == error
