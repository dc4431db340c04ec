"""Records of Glue's answers become frozen values, or are refused."""

import json
from collections.abc import Mapping

import pytest

from exporter.glue.record import MalformedRecordError, identifier, parse_database, parse_run, parse_view
from exporter.model.run import Run
from exporter.model.view import View

RUN_ID = "0f8fad5b-d9cb-469f-a165-70867728950e"
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
    """Only numbers of the years 1970 to 9999 are times; true is no number."""
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


@pytest.mark.parametrize("reported", [{}, {"MaterializedViewRefreshTaskRunId": RUN_ID.lower()}])
def test_a_requested_run_keeps_the_spelling_of_the_request(reported: Mapping[str, object]) -> None:
    """It is the label that the configuration asked for."""
    assert parse_run(reported, requested_id=RUN_ID.upper()).run_id == RUN_ID.upper()


def test_the_record_of_another_run_is_refused() -> None:
    """Its values would appear under the wrong ID."""
    with pytest.raises(MalformedRecordError, match="another run"):
        parse_run({"MaterializedViewRefreshTaskRunId": RUN_ID}, requested_id=RUN_ID.replace("0", "1"))


def test_a_lone_surrogate_is_replaced() -> None:
    """JSON can escape one, and no exposition could be encoded with it; pairs and other Unicode stay."""
    escaped = r'{"ErrorMessage": "a\ud800b \ud83d\ude00 é\udfff"}'
    assert parse_run(json.loads(escaped), requested_id=RUN_ID).error_message == "a\ufffdb \U0001f600 é\ufffd"


@pytest.mark.parametrize(
    ("record", "expected"),
    [({"Name": "x"}, "x"), ({"Name": ""}, None), ({"Name": 1}, None), ({}, None), ([], None)],
)
def test_a_malformed_record_is_named_where_it_can_be(record: object, expected: str | None) -> None:
    """The log line says which one it was."""
    assert identifier(record, "Name") == expected


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
