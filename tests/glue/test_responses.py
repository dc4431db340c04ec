"""Answers of Glue become frozen values; what cannot be read is refused, and costs no more than itself."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import pytest

from exporter.errors import GlueError, Reason
from exporter.glue import GlueCatalog
from exporter.model.run import MalformedRun, Run
from exporter.model.view import MalformedView, SourceTable, View
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
        """Return what is read of a run's record."""
        return self._answered(json_answer({"MaterializedViewRefreshTaskRun": record})).get_run(RUN_ID)

    def run_with(self, **members: object) -> Run:
        return self.run({ID: RUN_ID, **members})

    def table(self, **record: object) -> View | SourceTable:
        """Return what is read of a table's record."""
        return self._answered(json_answer({"Table": record})).get_table("sales", "v")

    def listing(self, body: bytes) -> GlueCatalog:
        """Return the catalog, of which every page is this body."""
        return self._answered(answer(body))

    def _answered(self, fault: Fault) -> GlueCatalog:
        self.glue.judge = lambda _: fault
        return self.catalog


@pytest.fixture(scope="module")
def read() -> Iterator[Reader]:
    with BareGlue() as glue, catalog_of(target(glue.url, rate=10_000)) as catalog:
        yield Reader(glue, catalog)


def test_every_member_of_a_run_is_read(read: Reader) -> None:
    """Times are Unix seconds, and everything else is as Glue wrote it."""
    assert read.run_with(
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
def test_what_glue_did_not_report_is_none(read: Reader, absent: Mapping[str, object]) -> None:
    """Null is the same as not there."""
    assert read.run_with(**absent) == Run(run_id=RUN_ID)


def test_zero_and_empty_are_values(read: Reader) -> None:
    """A run of 0 DPU seconds is not a run of unknown cost."""
    run = read.run_with(DPUSeconds=0, ProcessedBytes=0, DatabaseName="", CreationTime=0)
    assert (run.dpu_seconds, run.processed_bytes, run.database, run.creation_time) == (0.0, 0, "", 0.0)


def test_numbers_have_one_type_whatever_the_json_writer_preferred(read: Reader) -> None:
    """``12.0`` bytes are 12, and ``-0.0`` is not a negative number."""
    run = read.run_with(ProcessedBytes=12.0, DPUSeconds=-0.0, StartTime=5, LastUpdated=-0.0)
    assert (repr(run.processed_bytes), repr(run.dpu_seconds)) == ("12", "0.0")
    assert (repr(run.start_time), repr(run.last_updated)) == ("5.0", "0.0")


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
    """Only numbers of the years 1970 to 9999 are times, true is not a number, and the message is one line."""
    for member in members:
        for value in values:
            with pytest.raises(GlueError, match=f"{member} is ") as caught:
                read.run_with(**{member: value})
            assert caught.value.reason is Reason.UNEXPECTED
            assert "\n" not in str(caught.value)


@pytest.mark.parametrize("record", [None, [], "run", 1, True])
def test_a_record_that_is_not_an_object_is_refused(read: Reader, record: object) -> None:
    """Whatever stands there instead."""
    with pytest.raises(GlueError, match="MaterializedViewRefreshTaskRun"):
        read.run(record)
    listed = read.listing(json.dumps({f"{'MaterializedViewRefreshTaskRun'}s": [record]}).encode()).list_runs()
    assert (listed.runs, len(listed.malformed)) == ((), 1)


@pytest.mark.parametrize(
    ("reported", "shown"), [(RUN_ID.upper(), RUN_ID.upper()), (None, RUN_ID), ("", RUN_ID)]
)
def test_a_run_id_is_shown_as_glue_writes_it(read: Reader, reported: str | None, shown: str) -> None:
    """The configuration may write it in another case; a record without an ID has the configured one."""
    assert read.run({ID: reported}) == Run(run_id=shown)


def test_a_lone_surrogate_is_replaced(read: Reader) -> None:
    """JSON can escape one, and no exposition could be encoded with it; pairs and other Unicode stay."""
    run = read.run_with(ErrorMessage="a\ud800b \U0001f600 é\udfff")
    assert run.error_message == "a\ufffdb \U0001f600 é\ufffd"


def test_a_scheduled_view_is_read(read: Reader) -> None:
    """The schedule is in seconds; the database is the one that was asked for."""
    view = read.table(
        Name="daily",
        DatabaseName="elsewhere",
        CreateTime=1_700_000_000,
        IsMaterializedView=True,
        ViewDefinition={"RefreshSeconds": 3600, "Definer": "arn:aws:iam::123456789012:role/x"},
    )
    assert view == View(
        database="sales", table="daily", creation_time=1_700_000_000.0, refresh_seconds=3600.0
    )


@pytest.mark.parametrize(
    "definition", [{}, {"ViewDefinition": None}, {"ViewDefinition": {"RefreshSeconds": 0}}]
)
def test_a_view_without_a_schedule_does_not_refresh_by_itself(
    read: Reader, definition: Mapping[str, object]
) -> None:
    """No schedule is None, never 0 seconds."""
    view = read.table(Name="v", IsMaterializedView=True, **definition)
    assert view == View(database="sales", table="v")


@pytest.mark.parametrize("record", [{}, {"IsMaterializedView": False}, {"IsMaterializedView": None}])
def test_a_plain_table_is_not_a_view(read: Reader, record: Mapping[str, object]) -> None:
    """It may be a source of one."""
    assert read.table(Name="t", **record) == SourceTable(table="t")


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
    """The view's runs are read all the same."""
    for value in values:
        assert fresh(read, **{member: value}) == replace(FRESH, **{field: None}), value  # type: ignore[arg-type] # one of many fields


@pytest.mark.parametrize("value", [None, [], ORDERS, {}, [ORDERS, None], [ORDERS, 5]])
def test_sources_are_all_known_or_none(read: Reader, value: object) -> None:
    """Those that could be read would pass for all."""
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


def test_a_view_without_a_snapshot_says_so(read: Reader) -> None:
    """The model's minimum, -1, is Iceberg's own word for it."""
    assert fresh(read, ViewVersionId=-1) == replace(FRESH, version_id="-1")


@pytest.mark.parametrize(
    ("record", "iceberg"),
    [
        ({"Parameters": {"table_type": "ICEBERG"}}, True),
        ({"Parameters": {"table_type": "iceberg", "EXTERNAL": "TRUE"}}, True),
        ({"IcebergTableMetadata": {}}, True),
        ({"Parameters": {"classification": "parquet"}}, False),
        ({"Parameters": {"table_type": 5}, "IcebergTableMetadata": None}, False),
        ({"Parameters": ["ICEBERG"]}, False),
    ],
)
def test_a_source_is_known_to_be_an_iceberg_table(
    read: Reader, record: Mapping[str, object], *, iceberg: bool
) -> None:
    source = read.table(Name="orders", UpdateTime=1_700_000_000, **record)
    assert isinstance(source, SourceTable)
    assert (source.update_time, source.iceberg) == (1_700_000_000.0, iceberg)


def test_a_resource_link_does_not_say_when_its_target_changed(read: Reader) -> None:
    """Its times are its own: taken for the target's, they would hide every change."""
    link = {"TargetTable": {"DatabaseName": "sales", "Name": "orders"}, "IcebergTableMetadata": {}}
    assert read.table(Name="orders", UpdateTime=5, **link) == SourceTable(table="orders", iceberg=True)


def test_a_malformed_table_is_not_a_failure(read: Reader) -> None:
    """It is not a view: at the most, a source is not known."""
    assert read.table(Name=5, UpdateTime="today") == SourceTable(table="v")
    page = b'{"TableList":[{"Name":"t","UpdateTime":-1},{"Name":"\xff"},{}]}'
    listing = read.listing(page).get_tables("sales")
    assert (listing.sources, listing.malformed) == ((SourceTable(table="t"),), ())


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
    """A wrong type never passes for a missing member."""
    with pytest.raises(GlueError, match=" is "):
        read.table(**{"Name": "v", "IsMaterializedView": True, **wrong})


DEEP = b"[" * 100_000 + b"]" * 100_000
DEEP_OBJECT = b'{"a":[{"[":"\\"]}"},' * 50_000 + b"1" + b"]}" * 50_000

NO_LISTINGS = {
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
    "deep all through": DEEP,
    "UTF-16": '{"MaterializedViewRefreshTaskRuns": []}'.encode("utf-16"),
    "two documents": b'{"MaterializedViewRefreshTaskRuns": []}{}',
    "a token that is not UTF-8": b'{"MaterializedViewRefreshTaskRuns":[],"NextToken":"\xff"}',
    "a token that is a number": b'{"MaterializedViewRefreshTaskRuns":[],"NextToken":5}',
    "a token that is a list": b'{"MaterializedViewRefreshTaskRuns":[],"NextToken":["eyJ"]}',
    "broken between two records": b'{"MaterializedViewRefreshTaskRuns":[{"New":' + DEEP + b'},,{"a":1}]}',
    "broken after a string": b'{"MaterializedViewRefreshTaskRuns":[{"New":' + DEEP + b'}],"NextToken":"\\',
}


@pytest.mark.parametrize("body", NO_LISTINGS.values(), ids=NO_LISTINGS.keys())
def test_a_broken_listing_never_passes_for_an_empty_one(read: Reader, body: bytes) -> None:
    """Most of these are "no runs" to botocore, the others an exception of any kind."""
    with pytest.raises(GlueError) as caught:
        read.listing(body).list_runs()
    assert caught.value.reason is Reason.UNEXPECTED


def test_an_empty_list_must_be_there(read: Reader) -> None:
    """In every operation that lists; another operation's answer is none."""
    listings: dict[str, Callable[[], tuple[object, ...]]] = {
        "MaterializedViewRefreshTaskRuns": lambda: read.catalog.list_runs().runs,
        "TableList": lambda: read.catalog.get_tables("sales").views,
        "DatabaseList": lambda: read.catalog.get_databases().names,
    }
    for member, listed in listings.items():
        read.listing(b'{"%s": []}' % member.encode())
        assert listed() == ()
        read.listing(b'{"Other": []}')
        with pytest.raises(GlueError, match=f"lacks {member}"):
            listed()


@pytest.mark.parametrize("token", [b"", b',"NextToken":null', b',"NextToken":""'])
def test_a_page_without_a_token_is_the_last_one(read: Reader, token: bytes) -> None:
    """Absent, null and empty mean the same."""
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
    """Neither deep nesting nor bytes that are not UTF-8 nor absurd numbers fail the listing around them."""
    records = [RUN % (b"a", b""), RUN % (b"b", members), RUN % (b"c", b"")]
    body = b'{"MaterializedViewRefreshTaskRuns":[' + b",".join(records) + b'],"NextToken":"more"}'
    stats = RequestStats()
    with BareGlue(answer(body)) as glue, catalog_of(target(glue.url), stats=stats) as catalog:
        listing = catalog.list_runs()
    bad = expected if isinstance(expected, str) else None
    assert [run for run in listing.runs if run.run_id != "b"] == [Run(run_id="a"), Run(run_id="c")]
    assert [run for run in listing.runs if run.run_id == "b"] == ([] if bad else [expected])
    assert listing.malformed == ((MalformedRun("b", bad),) if bad else ())
    assert listing.next_token == "more"
    assert failures(stats) == ({(LIST_RUNS, "unexpected"): 1} if bad else {})


def test_views_and_databases_that_cannot_be_read_cost_themselves_alone(read: Reader) -> None:
    """As runs do; a name that is not UTF-8 is shown as well as it can be."""
    views = (
        b'{"TableList":[{"Name":"v","IsMaterializedView":true},{"Name":"w\xff","IsMaterializedView":true}]}'
    )
    tables = read.listing(views).get_tables("sales")
    assert tables.views == (View(database="sales", table="v"),)
    assert tables.malformed == (MalformedView("w\ufffd", "Name is not UTF-8"),)
    databases = read.listing(
        b'{"DatabaseList":[{"Name":"d"},{"Name":"\xff"},{"Name":%s},{}]}' % DEEP
    ).get_databases()
    assert databases.names == ("d",)
    assert databases.malformed == ("Name is not UTF-8", "Name is a list, not a string", "Name is missing")


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
