"""Answers of Glue become frozen values; what cannot be read is refused, and costs no more than itself."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import pytest

from exporter.errors import GlueError, Reason
from exporter.glue.client import GlueCatalog
from exporter.model.run import Malformed, Page, Run
from exporter.model.view import SourceTable, View
from exporter.store.series import RequestStats
from tests.support.bare_faults import Fault, answer, json_answer
from tests.support.bare_glue import BareGlue
from tests.support.glue_clients import catalog_of, failures, target

RUN_ID = "0f8fad5b-d9cb-469f-a165-70867728950e"
ID = "MaterializedViewRefreshTaskRunId"
LIST_RUNS = "ListMaterializedViewRefreshTaskRuns"
TIMES = ("CreationTime", "StartTime", "EndTime", "LastUpdated")
STRINGS = ("DatabaseName", "TableName", "Status", "RefreshType", "Role", "CustomerId", "ErrorMessage")
NOT_FINITE = [float("nan"), float("inf"), float("-inf")]


class Reader:
    """A catalog whose answers a test writes."""

    def __init__(self, glue: BareGlue, catalog: GlueCatalog) -> None:
        self.glue = glue
        self.catalog = catalog

    def run(self, record: object) -> Run:
        return self._answered(json_answer({"MaterializedViewRefreshTaskRun": record})).get_run(RUN_ID)

    def run_with(self, **members: object) -> Run:
        return self.run({ID: RUN_ID, **members})

    def table(self, **record: object) -> View | SourceTable:
        return self._answered(json_answer({"Table": record})).get_table("sales", "v")

    def listing(self, body: bytes) -> GlueCatalog:
        return self._answered(answer(body))

    def _answered(self, fault: Fault) -> GlueCatalog:
        self.glue.judge = lambda _: fault
        return self.catalog


@pytest.fixture(scope="module")
def read() -> Iterator[Reader]:
    with BareGlue() as glue, catalog_of(target(glue.url, rate=10_000)) as catalog:
        yield Reader(glue, catalog)


def test_every_member_of_a_run_is_read(read: Reader) -> None:
    members = {
        "database": ("DatabaseName", "sales"),
        "table": ("TableName", "daily_orders"),
        "status": ("Status", "FAILED"),
        "refresh_type": ("RefreshType", "INCREMENTAL"),
        "role": ("Role", "arn:aws:iam::123456789012:role/refresh"),
        "customer_id": ("CustomerId", "123456789012"),
        "error_message": ("ErrorMessage", "no\nluck"),
        "creation_time": ("CreationTime", 1_700_000_000.25),
        "start_time": ("StartTime", 1_700_000_010.5),
        "end_time": ("EndTime", 1_700_000_290),
        "last_updated": ("LastUpdated", 1_700_000_300),
        "dpu_seconds": ("DPUSeconds", 12.5),
        "processed_bytes": ("ProcessedBytes", 2**63 - 1),
    }
    expected = Run(RUN_ID, *(value for _, value in members.values()))  # type: ignore[arg-type]  # of many types
    assert read.run_with(**dict(members.values()), NewMember={"of": "a later model"}) == expected
    assert ("run_id", *members) == Run._fields


@pytest.mark.parametrize("absent", [{}, dict.fromkeys((*STRINGS, *TIMES, "DPUSeconds", "ProcessedBytes"))])
def test_what_glue_did_not_report_is_none(read: Reader, absent: Mapping[str, object]) -> None:
    assert read.run_with(**absent) == Run(run_id=RUN_ID)


def test_zero_and_empty_are_values_of_one_type_whatever_the_json_writer_preferred(read: Reader) -> None:
    """A run of 0 DPU seconds is not one of unknown cost; ``12.0`` bytes are 12; -0.0 is not negative."""
    run = read.run_with(DPUSeconds=0, ProcessedBytes=0, DatabaseName="", CreationTime=0)
    assert (run.dpu_seconds, run.processed_bytes, run.database, run.creation_time) == (0.0, 0, "", 0.0)
    run = read.run_with(ProcessedBytes=12.0, DPUSeconds=-0.0, StartTime=5)
    assert [*map(repr, (run.processed_bytes, run.dpu_seconds, run.start_time))] == ["12", "0.0", "5.0"]


WRONG: Mapping[str, tuple[tuple[str, ...], list[object]]] = {
    "a string": (STRINGS, [1, 1.5, True, [], {}]),
    "a time": (
        TIMES,
        ["yesterday", "1700000000", True, [], {}, -1, 1e300, 253_402_300_800, 10**400, *NOT_FINITE],
    ),
    "an amount": (("DPUSeconds",), ["many", True, [], {}, -0.5, 10**400, *NOT_FINITE]),
    "a long": (("ProcessedBytes",), ["12", False, [], {}, -1, 1.5, 2**63, 1e300, *NOT_FINITE]),
    "an ID": ((ID,), [7, [], RUN_ID.replace("0", "1")]),
}


@pytest.mark.parametrize(("members", "values"), WRONG.values(), ids=WRONG.keys())
def test_a_member_of_another_type_or_out_of_range_is_refused(
    read: Reader, members: tuple[str, ...], values: list[object]
) -> None:
    """Only numbers of the years 1970 to 9999 are times, and true is not a number."""
    for member in members:
        for value in values:
            with pytest.raises(GlueError, match=f"{member} is ") as caught:
                read.run_with(**{member: value})
            assert caught.value.reason is Reason.UNEXPECTED
            assert "\n" not in str(caught.value)


@pytest.mark.parametrize("record", [None, [], "run", 1, True])
def test_a_record_that_is_not_an_object_is_refused(read: Reader, record: object) -> None:
    with pytest.raises(GlueError, match="MaterializedViewRefreshTaskRun"):
        read.run(record)
    listed = read.listing(json.dumps({"MaterializedViewRefreshTaskRuns": [record]}).encode()).list_runs()
    assert (listed.items, len(listed.malformed)) == ((), 1)


@pytest.mark.parametrize(
    ("reported", "shown"), [(RUN_ID.upper(), RUN_ID.upper()), (None, RUN_ID), ("", RUN_ID)]
)
def test_a_run_id_is_shown_as_glue_writes_it(read: Reader, reported: str | None, shown: str) -> None:
    """The configuration may write it in another case; a record without an ID has the configured one."""
    assert read.run({ID: reported}) == Run(run_id=shown)


@pytest.mark.parametrize("member", STRINGS)
def test_what_utf_8_cannot_write_is_replaced(read: Reader, member: str) -> None:
    """JSON can escape half a surrogate pair, and no exposition could be encoded with it."""
    run = read.run_with(**{member: "a\ud800b \U0001f600 é\udfff"})
    assert "a\ufffdb \U0001f600 é\ufffd" in run


@pytest.mark.parametrize(
    ("definition", "seconds"),
    [
        ({"ViewDefinition": {"RefreshSeconds": 3600, "Definer": "arn:aws:iam::123456789012:role/x"}}, 3600.0),
        ({"ViewDefinition": {"RefreshSeconds": 0}}, None),
        ({"ViewDefinition": None}, None),
        ({}, None),
    ],
)
def test_a_view_is_read_with_its_schedule_if_it_has_one(
    read: Reader, definition: Mapping[str, object], seconds: float | None
) -> None:
    """The database is the one that was asked for."""
    record = {"Name": "v", "DatabaseName": "elsewhere", "CreateTime": 5, "IsMaterializedView": True}
    expected = View(database="sales", table="v", creation_time=5.0, refresh_seconds=seconds)
    assert read.table(**record, **definition) == expected


ORDERS = "arn:aws:glue:eu-west-1:123456789012:table/sales/orders"
RETURNS = "arn:aws:glue:eu-west-1:123456789012:table/sales/returns"
FRESHNESS = {
    "IsManaged": True,
    "ViewVersionId": 7_301_442_990_712_386_401,
    "SubObjects": [ORDERS, RETURNS, ORDERS],
    "SubObjectVersionIds": [9, 5_120_000_000_000_000_001],
    "SubObjectsStatistics": [{"SourceType": "ICEBERG", "FileCount": 3}] * 3,
}
FRESH = View(
    database="sales",
    table="v",
    update_time=1_700_000_000.5,
    owner="finance",
    managed=True,
    version_id="7301442990712386401",
    source_version_ids=("5120000000000000001", "9"),
    sources=(ORDERS, RETURNS),
    iceberg_sources=True,
)


def fresh(read: Reader, **wrong: object) -> View | SourceTable:
    """Return what is read of a view that has all that freshness needs, and some of it otherwise."""
    of_the_table = {"UpdateTime", "Owner"}
    definition = FRESHNESS | {name: value for name, value in wrong.items() if name not in of_the_table}
    table = {"UpdateTime": 1_700_000_000.5, "Owner": "finance"}
    table |= {name: value for name, value in wrong.items() if name in of_the_table}
    return read.table(Name="v", IsMaterializedView=True, ViewDefinition=definition, **table)


def test_what_freshness_needs_of_a_view_is_read(read: Reader) -> None:
    """Each source once, and the sources' snapshots in one order: Glue's is undocumented."""
    assert fresh(read) == FRESH
    assert fresh(read, ViewVersionId=-1) == replace(FRESH, version_id="-1"), "Iceberg's word for no snapshot"
    assert fresh(read, SubObjectVersionIds=FRESHNESS["SubObjectVersionIds"][::-1]) == FRESH  # type: ignore[index] # a list


@pytest.mark.parametrize(
    ("member", "values", "field"),
    [
        ("UpdateTime", [None, "today", -1, True], "update_time"),
        ("Owner", [None, "", 5, ["finance"]], "owner"),
        ("IsManaged", [None, "yes", 1], "managed"),
        ("ViewVersionId", [None, "7", -2, 2**63, 1.5, {}], "version_id"),
        ("SubObjectVersionIds", [None, [], 7, {}, [7, None], ["7"], [[7]]], "source_version_ids"),
    ],
)
def test_a_malformed_member_of_freshness_costs_itself_alone(
    read: Reader, member: str, values: list[object], field: str
) -> None:
    for value in values:
        assert fresh(read, **{member: value}) == replace(FRESH, **{field: None}), value  # type: ignore[arg-type] # one of many fields


@pytest.mark.parametrize("value", [None, [], ORDERS, {}, [ORDERS, None], [ORDERS, 5]])
def test_sources_are_all_known_or_none(read: Reader, value: object) -> None:
    assert fresh(read, SubObjects=value) == replace(FRESH, sources=None, iceberg_sources=False)


@pytest.mark.parametrize(
    "statistics",
    [
        *(None, [], {}, "ICEBERG", [None] * 3, [{}] * 3, [{"SourceType": "ICEBERG"}] * 2),
        [{"SourceType": "ICEBERG"}, {"SourceType": "HIVE_PARQUET"}, {"SourceType": "ICEBERG"}],
    ],
)
def test_statistics_speak_for_all_sources_or_for_none(read: Reader, statistics: object) -> None:
    """An entry does not say which source it describes."""
    assert fresh(read, SubObjectsStatistics=statistics) == replace(FRESH, iceberg_sources=False)


@pytest.mark.parametrize(
    ("record", "iceberg"),
    [
        ({"Parameters": {"table_type": "ICEBERG"}}, True),
        ({"Parameters": {"table_type": "iceberg", "EXTERNAL": "TRUE"}}, True),
        ({"IcebergTableMetadata": {}}, True),
        ({"IsMaterializedView": False}, False),
        ({"IsMaterializedView": None}, False),
        ({"Parameters": {"classification": "parquet"}}, False),
        ({"Parameters": {"table_type": 5}, "IcebergTableMetadata": None}, False),
        ({"Parameters": ["ICEBERG"]}, False),
    ],
)
def test_another_table_may_be_a_source_which_is_known_to_be_an_iceberg_table(
    read: Reader, record: Mapping[str, object], *, iceberg: bool
) -> None:
    expected = SourceTable(table="orders", update_time=5.0, iceberg=iceberg)
    assert read.table(Name="orders", UpdateTime=5, **record) == expected


def test_a_resource_link_does_not_say_when_its_target_changed(read: Reader) -> None:
    """Its times are its own: taken for the target's, they would hide every change."""
    link = {"TargetTable": {"DatabaseName": "sales", "Name": "orders"}, "IcebergTableMetadata": {}}
    assert read.table(Name="orders", UpdateTime=5, **link) == SourceTable(table="orders", iceberg=True)


def test_a_malformed_table_is_not_a_failure(read: Reader) -> None:
    """It is not a view: at the most, a source is not known."""
    assert read.table(Name=5, UpdateTime="today") == SourceTable(table="")
    page = b'{"TableList":[{"Name":"t","UpdateTime":-1},{"Name":5},{}]}'
    listing = read.listing(page).get_tables("sales")
    assert listing == Page((SourceTable(table="t"), SourceTable(table=""), SourceTable(table="")))


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
def test_a_malformed_view_is_refused(read: Reader, wrong: Mapping[str, object]) -> None:
    with pytest.raises(GlueError, match=" is "):
        read.table(**{"Name": "v", "IsMaterializedView": True, **wrong})


DEEP = b"[" * 100_000 + b"]" * 100_000
DEEP_OBJECT = b'{"a":[{"[":"\\"]}"},' * 50_000 + b"1" + b"]}" * 50_000

NO_LISTINGS = {
    "empty": b"",
    "cut JSON": b'{"MaterializedViewRefreshTaskRuns": [{"Status": "RUN',
    "HTML": b"<html><body>It works!</body></html>",
    "null": b"null",
    "a list": b"[]",
    "an empty object": b"{}",
    "a null main member": b'{"MaterializedViewRefreshTaskRuns": null}',
    "a main member of another type": b'{"MaterializedViewRefreshTaskRuns": {}}',
    "a deep main member": b'{"MaterializedViewRefreshTaskRuns":' + b'{"a":' * 60_000 + b"1" + b"}" * 60_001,
    "deep and cut short": b'{"MaterializedViewRefreshTaskRuns":[' + b"[" * 100_000,
    "deep all through": DEEP,
    "UTF-16": '{"MaterializedViewRefreshTaskRuns": []}'.encode("utf-16"),
    "two documents": b'{"MaterializedViewRefreshTaskRuns": []}{}',
    "a token that is not UTF-8": b'{"MaterializedViewRefreshTaskRuns":[],"NextToken":"\xff"}',
    "a token that is a number": b'{"MaterializedViewRefreshTaskRuns":[],"NextToken":5}',
    "broken between two records": b'{"MaterializedViewRefreshTaskRuns":[{"New":' + DEEP + b'},,{"a":1}]}',
    "broken after a string": b'{"MaterializedViewRefreshTaskRuns":[{"New":' + DEEP + b'}],"NextToken":"\\',
}


@pytest.mark.parametrize("body", NO_LISTINGS.values(), ids=NO_LISTINGS.keys())
def test_a_broken_listing_never_passes_for_an_empty_one(read: Reader, body: bytes) -> None:
    """Most of these are "no runs" to botocore."""
    with pytest.raises(GlueError) as caught:
        read.listing(body).list_runs()
    assert caught.value.reason is Reason.UNEXPECTED


def test_an_empty_list_must_be_there(read: Reader) -> None:
    listings: dict[str, Callable[[], tuple[object, ...]]] = {
        "MaterializedViewRefreshTaskRuns": lambda: read.catalog.list_runs().items,
        "TableList": lambda: read.catalog.get_tables("sales").items,
        "DatabaseList": lambda: read.catalog.get_databases().items,
    }
    for member, listed in listings.items():
        read.listing(b'{"%s": []}' % member.encode())
        assert listed() == ()
        read.listing(b'{"Other": []}')
        with pytest.raises(GlueError, match=f"lacks {member}"):
            listed()


@pytest.mark.parametrize("token", [b"", b',"NextToken":null', b',"NextToken":""'])
def test_a_page_without_a_token_is_the_last_one(read: Reader, token: bytes) -> None:
    assert read.listing(b'{"TableList":[]%s}' % token).get_tables("sales").next_token is None


RUN = b'{"MaterializedViewRefreshTaskRunId":"%s"%s}'
STATUS = Run(run_id="b", status="FAILED")
NOT_AN_AMOUNT = "DPUSeconds is not a finite number of at least 0"

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
    "a number of 5,000 digits": (b',"DPUSeconds":' + b"1" * 5000, NOT_AN_AMOUNT),
    "an infinite number": (b',"DPUSeconds":1e999', NOT_AN_AMOUNT),
    "NaN": (b',"DPUSeconds":NaN', NOT_AN_AMOUNT),
    "minus infinity": (b',"DPUSeconds":-Infinity', NOT_AN_AMOUNT),
}  # fmt: skip


@pytest.mark.parametrize(("members", "expected"), RECORDS.values(), ids=RECORDS.keys())
def test_a_run_that_cannot_be_read_costs_itself_alone(members: bytes, expected: Run | str) -> None:
    records = [RUN % (b"a", b""), RUN % (b"b", members), RUN % (b"c", b"")]
    body = b'{"MaterializedViewRefreshTaskRuns":[' + b",".join(records) + b'],"NextToken":"more"}'
    stats = RequestStats()
    with BareGlue(answer(body)) as glue, catalog_of(target(glue.url), stats=stats) as catalog:
        listing = catalog.list_runs()
    bad = expected if isinstance(expected, str) else None
    assert [run for run in listing.items if run.run_id != "b"] == [Run(run_id="a"), Run(run_id="c")]
    assert [run for run in listing.items if run.run_id == "b"] == ([] if bad else [expected])
    assert listing.malformed == ((Malformed("b", bad),) if bad else ())
    assert listing.next_token == "more"
    assert failures(stats) == ({(LIST_RUNS, "unexpected"): 1} if bad else {})


def test_views_and_databases_that_cannot_be_read_cost_themselves_alone(read: Reader) -> None:
    views: list[dict[str, object]] = [{"Name": "v"}, {"Name": "w\udcff", "CreateTime": -1}, {"Name": 5}]
    page = json.dumps({"TableList": [{"IsMaterializedView": True, **view} for view in views]})
    tables = read.listing(page.encode()).get_tables("sales")
    assert tables.items == (View(database="sales", table="v"),)
    assert [bad.name for bad in tables.malformed] == ["w\ufffd", None]
    databases = read.listing(b'{"DatabaseList":[{"Name":"d"},{"Name":%s},{}]}' % DEEP).get_databases()
    assert databases.items == ("d",)
    messages = [bad.message for bad in databases.malformed]
    assert messages == ["Name is a list, not a string", "Name is missing"]


@pytest.mark.parametrize(
    "unit", [b"[],", b'"",', b'"\\n",', b"\\"], ids=["lists", "strings", "escapes", "backslashes"]
)
def test_deep_nesting_is_read_in_linear_time(read: Reader, unit: bytes) -> None:
    """An endpoint that means harm keeps a core busy for seconds, not for hours."""
    body = b'{"MaterializedViewRefreshTaskRuns":[' + DEEP + b"," + unit * (2_000_000 // len(unit))
    with pytest.raises(GlueError, match="cut short"):
        read.listing(body).list_runs()


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b'"x"', b"null", b"\xff", DEEP, b'{"__type": 5, "message": ["x"]}'],
    ids=range(8),
)
def test_an_error_that_cannot_be_read_counts_by_its_status(read: Reader, body: bytes) -> None:
    """Botocore alone would raise AttributeError for some of these."""
    read.glue.judge = lambda _: Fault(body=body, status=403)
    with pytest.raises(GlueError, match="HTTP status 403") as caught:
        read.catalog.get_run(RUN_ID)
    assert caught.value.reason is Reason.ACCESS_DENIED
