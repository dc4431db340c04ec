"""What ``runs`` reads from Glue: one poll, of which all runs are shown."""

from collections.abc import Iterator

import pytest

from exporter.cli.runs import Wanted, read_runs
from exporter.cli.runs_output import Findings, FoundRun
from exporter.clock import SystemClock
from exporter.glue import ClientFactory
from exporter.model.run import Run
from exporter.model.settings import Access, Settings, Target, ViewPattern
from tests.support import bare_faults as faults
from tests.support.bare_glue import GET_RUN, LIST_RUNS, BareGlue
from tests.support.bare_records import ACCOUNT, Listing, sample_run
from tests.support.glue_clients import HASTY, session_with


@pytest.fixture
def glue() -> Iterator[BareGlue]:
    with BareGlue() as bare:
        yield bare


def put(glue: BareGlue, number: int, view: str = "sales.orders", **members: object) -> str:
    """Add a run of a view; the higher its number, the older it is."""
    database, table = view.split(".")
    names = {"DatabaseName": database, "TableName": table}
    return glue.records.put_run({**sample_run(number, now=1_700_000_000), **names, **members})


def patterns(*texts: str) -> tuple[ViewPattern, ...]:
    pairs = (text.split(".") for text in texts)
    return tuple(ViewPattern(database=database, table=table) for database, table in pairs)


def target(
    glue: BareGlue, *views: str, runs: tuple[str, ...] = (), name: str = "prod", exclude: tuple[str, ...] = ()
) -> Target:
    return Target(
        name=name,
        access=Access(aws_region="eu-west-1", endpoint_url=glue.url),
        catalog_id=ACCOUNT,
        run_ids=runs,
        views=patterns(*views),
        exclude_views=patterns(*exclude),
        max_requests_per_second=1000,
    )


def read(*targets: Target, reports: list[str] | None = None) -> Findings:
    clock = SystemClock()
    clients = ClientFactory(clock, session_factory=session_with(), timeouts=HASTY)
    report = (reports if reports is not None else []).append
    try:
        return read_runs(Settings(targets=targets), clients, clock, report)
    finally:
        clients.close()


def ids(findings: Findings) -> set[str]:
    return {found.run.run_id for found in findings.runs}


def test_runs_of_matching_views_are_found_with_one_listing_and_no_call_for_tables(glue: BareGlue) -> None:
    daily, hourly = put(glue, 1, "sales.daily"), put(glue, 2, "sales.hourly")
    put(glue, 3, "sales.tmp_x")
    put(glue, 4, "ops.daily")
    findings = read(target(glue, "sales.*", exclude=("*.tmp_*",)))
    assert (ids(findings), findings.errors, findings.notes) == ({daily, hourly}, [], [])
    found = findings.runs[0]
    assert (found.target, found.aws_region, found.catalog_id) == ("prod", "eu-west-1", ACCOUNT)
    assert glue.count() == glue.count(LIST_RUNS) == 1


def test_a_configured_run_is_shown_whatever_its_view_and_however_its_id_is_written(glue: BareGlue) -> None:
    watched, other, single = put(glue, 1), put(glue, 2, "ops.audit"), put(glue, 3, "finance.daily")
    assert ids(read(target(glue, "*.audit", runs=(watched.upper(),)))) == {watched, other}
    assert [call.operation for call in glue.calls()] == [LIST_RUNS]
    assert ids(read(target(glue, "ops.*", runs=(single,)))) == {single, other}
    assert [call.operation for call in glue.calls()][1:] == [LIST_RUNS, GET_RUN]


def test_a_failed_listing_leaves_the_pages_before_it_and_the_runs_by_id(glue: BareGlue) -> None:
    newest = {put(glue, number) for number in range(5)}
    put(glue, 7)
    by_id = put(glue, 9, "ops.audit")
    glue.listing = Listing(page_limit=5, token_lifetime=-1)
    findings = read(target(glue, "sales.*", runs=(by_id,)))
    assert ids(findings) == {*newest, by_id}
    assert len(findings.errors) == 1


def test_a_record_that_cannot_be_read_is_an_error_and_the_rest_is_found(glue: BareGlue) -> None:
    good = put(glue, 1)
    put(glue, 2, DPUSeconds="many")
    put(glue, 3, DPUSeconds="many")
    findings = read(target(glue, "*.*"))
    assert ids(findings) == {good}
    assert findings.errors == [
        "target prod: ListMaterializedViewRefreshTaskRuns: DPUSeconds is a string, not a number"
    ]


def test_an_answer_cut_short_does_not_pass_for_no_runs(glue: BareGlue) -> None:
    put(glue, 1)
    glue.misbehave(faults.CUT_TEXT)
    findings = read(target(glue, "*.*"))
    assert (list(findings.runs), len(findings.errors)) == ([], 1)


def test_a_run_that_two_targets_watch_is_found_once(glue: BareGlue) -> None:
    run_id = put(glue, 1)
    targets = target(glue, "sales.*", name="first"), target(glue, runs=(run_id.upper(),), name="second")
    assert [found.run.run_id for found in read(*targets).runs] == [run_id]


def test_progress_counts_targets_and_runs(glue: BareGlue) -> None:
    for number in range(25):
        put(glue, number)
    reports: list[str] = []
    read(target(glue, "sales.*"), target(glue, "none.*", name="second"), reports=reports)
    assert reports[-1] == "reading, 2 of 2 targets done, 25 runs"


def found(
    view: str = "sales.orders", aws_region: str = "eu-west-1", catalog_id: str = ACCOUNT, **members: object
) -> FoundRun:
    names = dict(zip(("database", "table"), view.split("."), strict=True))
    run = Run(**{"run_id": "a", **names, **members})  # type: ignore[arg-type] # as the examples below have them
    return FoundRun(target="prod", aws_region=aws_region, catalog_id=catalog_id, run=run)


RUNS = [
    found(run_id="old", status="SUCCEEDED", creation_time=100.0),
    found(run_id="new", status="RUNNING", creation_time=900.0),
    found("ops.audit", run_id="failed", status="FAILED", creation_time=500.0),
    found("sales.returns", run_id="paused", status="Paused", creation_time=600.0),
    found(run_id="bare", aws_region="us-east-1"),
    found(run_id="started", status="RUNNING", start_time=100.0, catalog_id="other"),
]


@pytest.mark.parametrize(
    ("wanted", "selected"),
    [
        (Wanted(), ["new", "paused", "failed", "old", "started", "bare"]),
        (Wanted(limit=2), ["new", "paused"]),
        (Wanted(statuses=frozenset({"RUNNING"})), ["new", "started"]),
        (Wanted(statuses=frozenset({"FAILED", "SUCCEEDED"})), ["failed", "old"]),
        (Wanted(statuses=frozenset({"UNKNOWN"})), ["paused", "bare"]),
        (Wanted(max_age=500.0), ["new", "paused", "failed", "bare"]),
        (Wanted(max_age=500.0, statuses=frozenset({"RUNNING"}), limit=5), ["new"]),
        (Wanted(database="ops"), ["failed"]),
        (Wanted(table="r*"), ["paused"]),
        (Wanted(aws_region="us-east-1"), ["bare"]),
        (Wanted(catalog_id="other"), ["started"]),
    ],
)
def test_the_wanted_runs_are_selected_newest_first(wanted: Wanted, selected: list[str]) -> None:
    assert [one.run.run_id for one in wanted.select(RUNS, 1000.0)] == selected
