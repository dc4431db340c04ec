"""Answers of Glue become frozen values; what cannot be read is refused, and costs no more than itself."""

import json
from collections.abc import Mapping

import pytest

from exporter.errors import Reason
from exporter.glue.responses import (
    MAIN_MEMBERS,
    Answer,
    MalformedAnswerError,
    MalformedRecordError,
    parse_database,
    parse_run,
    parse_runs,
    parse_view,
    read_answer,
    readable_error_body,
)
from exporter.model.run import MalformedRun, Run
from exporter.model.view import MalformedView, View
from exporter.store.series import RequestStats
from tests.support.bare_faults import answer
from tests.support.bare_glue import BareGlue
from tests.support.glue_clients import catalog_of, failures, target

RUN_ID = "0f8fad5b-d9cb-469f-a165-70867728950e"
ID = "MaterializedViewRefreshTaskRunId"
LIST_RUNS = "ListMaterializedViewRefreshTaskRuns"
TIMES = ("CreationTime", "StartTime", "EndTime", "LastUpdated")
STRINGS = ("DatabaseName", "TableName", "Status", "RefreshType", "Role", "CustomerId", "ErrorMessage")


def run_with(**members: object) -> Run:
    return parse_run({"MaterializedViewRefreshTaskRunId": RUN_ID, **members})


def test_every_member_of_a_run_is_read() -> None:
    """Times are Unix seconds, and everything else is as Glue wrote it."""
    assert run_with(
        CustomerId="123456789012",
        DatabaseName="sales",
        TableName="daily_orders",
        CatalogId="123456789012",
        Role="arn:aws:iam::123456789012:role/refresh",
        Status="FAILED",
        CreationTime=1_700_000_000.25,
        LastUpdated=1_700_000_300,
        StartTime=1_700_000_010.5,
        EndTime=1_700_000_290,
        ErrorMessage="no\nluck",
        DPUSeconds=12.5,
        RefreshType="INCREMENTAL",
        ProcessedBytes=2**63 - 1,
        NewMember={"of": "a later model"},
    ) == Run(
        run_id=RUN_ID,
        customer_id="123456789012",
        database="sales",
        table="daily_orders",
        role="arn:aws:iam::123456789012:role/refresh",
        status="FAILED",
        creation_time=1_700_000_000.25,
        last_updated=1_700_000_300.0,
        start_time=1_700_000_010.5,
        end_time=1_700_000_290.0,
        error_message="no\nluck",
        dpu_seconds=12.5,
        refresh_type="INCREMENTAL",
        processed_bytes=9223372036854775807,
    )


@pytest.mark.parametrize("absent", [{}, dict.fromkeys((*STRINGS, *TIMES, "DPUSeconds", "ProcessedBytes"))])
def test_what_glue_did_not_report_is_none(absent: Mapping[str, object]) -> None:
    """Null is the same as not there."""
    assert run_with(**absent) == Run(run_id=RUN_ID)


def test_zero_and_empty_are_values() -> None:
    """A run of 0 DPU seconds is not a run of unknown cost."""
    run = run_with(DPUSeconds=0, ProcessedBytes=0, DatabaseName="", CreationTime=0)
    assert (run.dpu_seconds, run.processed_bytes, run.database, run.creation_time) == (0.0, 0, "", 0.0)


def test_numbers_have_one_type_whatever_the_json_writer_preferred() -> None:
    """``12.0`` bytes are 12, and ``-0.0`` is no negative number."""
    run = run_with(ProcessedBytes=12.0, DPUSeconds=-0.0, StartTime=5)
    assert (repr(run.processed_bytes), repr(run.dpu_seconds), repr(run.start_time)) == ("12", "0.0", "5.0")
    assert repr(run_with(LastUpdated=-0.0).last_updated) == "0.0"


@pytest.mark.parametrize("member", STRINGS)
@pytest.mark.parametrize("value", [1, 1.5, True, [], {}])
def test_a_string_of_another_type_is_refused(member: str, value: object) -> None:
    """The message names the member."""
    with pytest.raises(MalformedRecordError, match=f"^{member} is .*, not a string$"):
        run_with(**{member: value})


@pytest.mark.parametrize("member", TIMES)
@pytest.mark.parametrize(
    "value",
    [
        "yesterday",
        "1700000000",
        True,
        [],
        {},
        -1,
        1e300,
        253_402_300_800,
        10**400,
        *map(float, ("nan", "inf", "-inf")),
    ],
)
def test_a_time_that_is_none_is_refused(member: str, value: object) -> None:
    """Only numbers of the years 1970 to 9999 are times; true is not a number."""
    with pytest.raises(MalformedRecordError, match=f"^{member} is "):
        run_with(**{member: value})


@pytest.mark.parametrize("value", ["many", True, [], {}, -0.5, 10**400, *map(float, ("nan", "inf", "-inf"))])
def test_a_cost_that_is_no_finite_number_from_0_on_is_refused(value: object) -> None:
    """DPU seconds end in sums, where one NaN would spoil everything after it."""
    with pytest.raises(MalformedRecordError, match=r"^DPUSeconds is "):
        run_with(DPUSeconds=value)


@pytest.mark.parametrize("value", ["12", False, [], {}, -1, 1.5, 2**63, 1e300, *map(float, ("nan", "inf"))])
def test_a_byte_count_that_is_no_long_is_refused(value: object) -> None:
    """Bytes are whole numbers below 2^63."""
    with pytest.raises(MalformedRecordError, match=r"^ProcessedBytes is "):
        run_with(ProcessedBytes=value)


@pytest.mark.parametrize("record", [None, [], "run", 1, True])
def test_a_record_that_is_no_object_is_refused(record: object) -> None:
    """Whatever stands in the list instead."""
    with pytest.raises(MalformedRecordError, match=r"^the run is "):
        parse_run(record)


@pytest.mark.parametrize("run_id", [None, "", 7])
def test_a_listed_record_must_name_its_run(run_id: object) -> None:
    """Nobody could tell whose values they are."""
    with pytest.raises(MalformedRecordError, match="MaterializedViewRefreshTaskRunId"):
        parse_run({"MaterializedViewRefreshTaskRunId": run_id})


def test_the_record_of_another_run_is_refused() -> None:
    """Its values would appear under the wrong ID."""
    with pytest.raises(MalformedRecordError, match="another run"):
        parse_run({"MaterializedViewRefreshTaskRunId": RUN_ID}, requested_id=RUN_ID.replace("0", "1"))


def test_a_lone_surrogate_is_replaced() -> None:
    """JSON can escape one, and no exposition could be encoded with it; pairs and other Unicode stay."""
    escaped = r'{"ErrorMessage": "a\ud800b \ud83d\ude00 é\udfff"}'
    assert parse_run(json.loads(escaped), requested_id=RUN_ID).error_message == "a\ufffdb \U0001f600 é\ufffd"


def test_a_scheduled_view_is_read() -> None:
    """The schedule is in seconds; the database is the one that was asked for."""
    record = {
        "Name": "daily",
        "DatabaseName": "elsewhere",
        "CreateTime": 1_700_000_000,
        "IsMaterializedView": True,
        "ViewDefinition": {"RefreshSeconds": 3600, "Definer": "arn:aws:iam::123456789012:role/x"},
    }
    view = View(database="sales", table="daily", creation_time=1_700_000_000.0, refresh_seconds=3600.0)
    assert parse_view(record, database="sales") == view


@pytest.mark.parametrize(
    "definition", [{}, {"ViewDefinition": None}, {"ViewDefinition": {"RefreshSeconds": 0}}]
)
def test_a_view_without_a_schedule_does_not_refresh_by_itself(definition: Mapping[str, object]) -> None:
    """No schedule is None, never 0 seconds."""
    view = parse_view({"Name": "v", "IsMaterializedView": True, **definition}, database="d")
    assert view == View(database="d", table="v")


@pytest.mark.parametrize(
    "record", [{"Name": "t"}, {"IsMaterializedView": False}, {"IsMaterializedView": None}]
)
def test_a_plain_table_is_no_view(record: Mapping[str, object]) -> None:
    """Whatever else its record holds."""
    assert parse_view(record, database="d") is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"IsMaterializedView": "yes"},
        {"IsMaterializedView": 1},
        {"Name": None},
        {"Name": 5},
        {"CreateTime": "today"},
        {"ViewDefinition": []},
        {"ViewDefinition": {"RefreshSeconds": -1}},
        {"ViewDefinition": {"RefreshSeconds": "3600"}},
    ],
)
def test_a_malformed_view_is_refused(wrong: Mapping[str, object]) -> None:
    """A wrong type never passes for a missing member."""
    with pytest.raises(MalformedRecordError):
        parse_view({"Name": "v", "IsMaterializedView": True, **wrong}, database="d")


def test_a_database_is_its_name() -> None:
    """And without one it is malformed."""
    assert parse_database({"Name": "sales"}) == "sales"
    with pytest.raises(MalformedRecordError, match="Name is missing"):
        parse_database({"Description": "sales"})


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
    "a deep main member": b'{"MaterializedViewRefreshTaskRuns":' + b'{"a":' * 60_000 + b"1" + b"}" * 60_001,
    "deep and cut short": b'{"MaterializedViewRefreshTaskRuns":[' + b"[" * 100_000,
    "deep all through": b"[" * 100_000 + b"]" * 100_000,
    "a token that is not UTF-8": b'{"MaterializedViewRefreshTaskRuns":[],"NextToken":"\xff"}',
    "UTF-16": '{"MaterializedViewRefreshTaskRuns": []}'.encode("utf-16"),
    "two documents": b'{"MaterializedViewRefreshTaskRuns": []}{}',
}


@pytest.mark.parametrize("body", NO_ANSWERS.values(), ids=NO_ANSWERS.keys())
def test_what_is_no_answer_is_refused(body: bytes) -> None:
    """Most of these are "no runs" to botocore, the others an exception of any kind."""
    with pytest.raises(MalformedAnswerError):
        read_answer(LIST_RUNS, body)


@pytest.mark.parametrize(("operation", "member"), MAIN_MEMBERS.items())
def test_each_operation_has_its_main_member(operation: str, member: tuple[str, type]) -> None:
    """An empty list of runs is an answer, a missing one is not."""
    name, json_type = member
    body = json.dumps({name: json_type(), "NextToken": "eyJ"}).encode()
    assert read_answer(operation, body) == Answer(json_type(), "eyJ")
    with pytest.raises(MalformedAnswerError, match=name):
        read_answer(operation, b'{"Other": []}')


@pytest.mark.parametrize("number", ["1" * 5000, "1e999", "NaN", "-Infinity"])
def test_an_absurd_number_costs_its_record_alone(number: str) -> None:
    """The page that holds it is read all the same."""
    records = f'{{"{ID}": "bad", "DPUSeconds": {number}}}, {{"MaterializedViewRefreshTaskRunId": "good"}}'
    answer = read_answer(LIST_RUNS, f'{{"MaterializedViewRefreshTaskRuns": [{records}]}}'.encode())
    listing = parse_runs(answer)
    assert listing.runs == (Run(run_id="good"),)
    assert listing.malformed == (MalformedRun("bad", "DPUSeconds is not a finite number of at least 0"),)


@pytest.mark.parametrize("token", [b"", b',"NextToken":null', b',"NextToken":""'])
def test_a_page_without_a_token_is_the_last_one(token: bytes) -> None:
    """Absent, null and empty mean the same."""
    assert read_answer("GetTables", b'{"TableList":[]%s}' % token) == Answer([], None)


@pytest.mark.parametrize("token", [b"5", b"true", b'["eyJ"]', b"{}"])
def test_a_token_that_is_not_a_string_is_refused(token: bytes) -> None:
    """The page after it could not be read, and the listing would seem complete."""
    with pytest.raises(MalformedAnswerError, match="NextToken"):
        read_answer("GetTables", b'{"TableList":[],"NextToken":%s}' % token)


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


DEEP = b"[" * 100_000 + b"]" * 100_000
DEEP_OBJECT = b'{"a":[{"[":"\\"]}"},' * 50_000 + b"1" + b"]}" * 50_000
RUN = b'{"MaterializedViewRefreshTaskRunId":"%s"%s}'
STATUS = Run(run_id="b", status="FAILED")

RECORDS = {
    "deep in an unknown member": (b',"Status":"FAILED","New":' + DEEP, STATUS),
    "deep before a known member": (b',"New":' + DEEP_OBJECT + b',"Status":"FAILED"', STATUS),
    "deep in a known member": (b',"Status":' + DEEP, "Status is a list, not a string"),
    "deep objects in a known member": (b',"EndTime":' + DEEP_OBJECT, "EndTime is an object, not a number"),
    "brackets in a string": (
        b',"New":' + DEEP + b',"Status":"FAILED","ErrorMessage":"' + b"[" * 100 + b'\\\\\\"{"',
        STATUS._replace(error_message="[" * 100 + '\\"{'),
    ),
    "a byte in a name": (b',"DatabaseName":"sales\xff"', "DatabaseName is not UTF-8"),
    "an encoded surrogate": (b',"TableName":"\xed\xa0\x80"', "TableName is not UTF-8"),
    "a byte in a message": (
        b',"Status":"FAILED","ErrorMessage":"no \xfe \xc3\xa9"', STATUS._replace(error_message="no \ufffd é")
    ),
    "a byte in an unknown member": (b',"Status":"FAILED","New\xff":"\xfe"', STATUS),
    "both": (b',"New":' + DEEP + b',"Role":"\xff"', "Role is not UTF-8"),
}  # fmt: skip


@pytest.mark.parametrize(("members", "expected"), RECORDS.values(), ids=RECORDS.keys())
def test_a_run_that_cannot_be_read_costs_itself_alone(members: bytes, expected: Run | str) -> None:
    """Neither deep nesting nor bytes that are not UTF-8 fail the listing around them."""
    records = [RUN % (b"a", b""), RUN % (b"b", members), RUN % (b"c", b"")]
    body = b'{"MaterializedViewRefreshTaskRuns":[' + b",".join(records) + b'],"NextToken":"more"}'
    stats = RequestStats()
    with BareGlue() as glue, catalog_of(target(glue.url), stats=stats) as catalog:
        glue.misbehave(answer(body))
        listing = catalog.list_runs()
    bad = expected if isinstance(expected, str) else None
    assert [run for run in listing.runs if run.run_id != "b"] == [Run(run_id="a"), Run(run_id="c")]
    assert [run for run in listing.runs if run.run_id == "b"] == ([] if bad else [expected])
    assert listing.malformed == ((MalformedRun("b", bad),) if bad else ())
    assert listing.next_token == "more"
    counted = {("ListMaterializedViewRefreshTaskRuns", str(Reason.UNEXPECTED)): 1} if bad else {}
    assert failures(stats) == counted


def test_views_and_databases_that_cannot_be_read_cost_themselves_alone() -> None:
    """As runs do; a name that is not UTF-8 is shown as well as it can be."""
    views = (
        b'{"TableList":[{"Name":"v","IsMaterializedView":true},{"Name":"w\xff","IsMaterializedView":true}]}'
    )
    databases = b'{"DatabaseList":[{"Name":"d"},{"Name":"\xff"},{"Name":%s}]}' % DEEP
    with BareGlue() as glue, catalog_of(target(glue.url)) as catalog:
        glue.misbehave(answer(views), operation="GetTables")
        glue.misbehave(answer(databases), operation="GetDatabases")
        tables, names = catalog.get_tables("d"), catalog.get_databases()
    assert [view.table for view in tables.views] == ["v"]
    assert tables.malformed == (MalformedView("w\ufffd", "Name is not UTF-8"),)
    assert names.names == ("d",)
    assert names.malformed == ("Name is not UTF-8", "Name is a list, not a string")


@pytest.mark.parametrize(
    "unit", [b"[],", b'"",', b'"\\n",', b"\\"], ids=["lists", "strings", "escapes", "backslashes"]
)
def test_deep_nesting_is_read_in_linear_time(unit: bytes) -> None:
    """An endpoint that means harm keeps a core busy for seconds, not for hours."""
    body = b'{"MaterializedViewRefreshTaskRuns":[' + DEEP + b"," + unit * (2_000_000 // len(unit))
    with pytest.raises(MalformedAnswerError):
        read_answer(LIST_RUNS, body)
