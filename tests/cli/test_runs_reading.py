"""What ``runs`` asks Glue, and what it makes of the answers."""

import time
from collections.abc import Iterator

import pytest

from exporter.cli.found_runs import FoundRun, RunFilter
from exporter.cli.progress import Progress
from exporter.cli.runs_reading import Findings, read_runs
from exporter.clock import SystemClock
from exporter.glue import ClientFactory
from exporter.model.run import Run
from exporter.model.settings import Access, Settings, Target, ViewPattern
from exporter.poller.poll import CALLS_AT_ONCE
from tests.support import bare_faults as faults
from tests.support.bare_glue import GET_RUN, LIST_RUNS, BareGlue
from tests.support.bare_records import ACCOUNT, Listing, sample_run, sample_run_id
from tests.support.glue_clients import HASTY, session_with


@pytest.fixture
def glue() -> Iterator[BareGlue]:
    with BareGlue() as bare:
        yield bare


def put(
    glue: BareGlue, number: int, view: str = "sales.orders", *, catalog_id: str = ACCOUNT, **members: object
) -> str:
    """Add a run of a view; the higher its number, the older it is."""
    database, table = view.split(".")
    record = {
        **sample_run(number, now=1_700_000_000),
        "DatabaseName": database,
        "TableName": table,
        **members,
    }
    return glue.records.put_run(record, catalog_id=catalog_id)


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


def read(*targets: Target, progress: Progress | None = None) -> Findings:
    clients = ClientFactory(SystemClock(), session_factory=session_with(), timeouts=HASTY)
    try:
        return read_runs(Settings(targets=targets), clients, progress or Progress())
    finally:
        clients.close()


def ids(findings: Findings) -> set[str]:
    return {found.run.run_id for found in findings.runs}


@pytest.mark.parametrize(
    ("views", "asked"),
    [
        (["sales.orders"], {("sales", "orders")}),
        (["sales.*"], {("sales", None)}),
        (["sales.*", "sales.orders"], {("sales", None)}),
        (["sales.a", "sales.b"], {("sales", None)}),
        (["sales.*", "ops.audit"], {(None, None)}),
        (["s*.orders"], {(None, None)}),
    ],
)
def test_one_listing_is_read_as_narrow_as_the_patterns_allow(
    glue: BareGlue, views: list[str], asked: set[tuple[str | None, str | None]]
) -> None:
    put(glue, 1, "sales.orders")
    put(glue, 2, "ops.audit")
    read(target(glue, *views))
    filters = [
        (call.parameters.get("DatabaseName"), call.parameters.get("TableName"))
        for call in glue.calls(LIST_RUNS)
    ]
    assert set(filters) == asked
    assert len(filters) == 1


def test_runs_of_matching_views_are_found_and_no_others(glue: BareGlue) -> None:
    daily, hourly = put(glue, 1, "sales.daily"), put(glue, 2, "sales.hourly")
    put(glue, 3, "sales.tmp_x")
    put(glue, 4, "ops.daily")
    findings = read(target(glue, "sales.*", exclude=("*.tmp_*",)))
    assert (ids(findings), findings.errors, findings.notes) == ({daily, hourly}, [], [])
    assert glue.count() == glue.count(LIST_RUNS) == 1


def test_a_found_run_tells_where_it_was_found(glue: BareGlue) -> None:
    put(glue, 1)
    (found,) = read(target(glue, "sales.*")).runs
    assert (found.target, found.aws_region, found.catalog_id) == ("prod", "eu-west-1", ACCOUNT)


def test_all_pages_are_read_in_any_order_and_a_run_on_two_pages_is_one(glue: BareGlue) -> None:
    expected = {put(glue, number) for number in range(25)}
    glue.listing = Listing(order="random", page_limit=10, overlap=3)
    findings = read(target(glue, "*.*"))
    assert ids(findings) == expected
    assert len(findings.runs) == 25


def test_a_record_without_names_is_of_the_view_that_was_asked_for(glue: BareGlue) -> None:
    """Not this Glue's way, which filters by the names; another one may."""
    glue.misbehave(
        faults.answer(
            b'{"MaterializedViewRefreshTaskRuns":[{"MaterializedViewRefreshTaskRunId":"'
            + sample_run_id(1).encode()
            + b'"}]}'
        )
    )
    (found,) = read(target(glue, "sales.orders")).runs
    assert (found.run.database, found.run.table) == ("sales", "orders")


def test_a_configured_run_that_a_listing_holds_is_not_asked_for(glue: BareGlue) -> None:
    """It is one of the target's even where no pattern matches its view, and however its ID is written."""
    watched, other = put(glue, 1, "sales.orders"), put(glue, 2, "ops.audit")
    findings = read(target(glue, "*.audit", runs=(watched.upper(),)))
    assert ids(findings) == {watched, other}
    assert [call.operation for call in glue.calls()] == [LIST_RUNS]


def test_a_configured_run_that_no_listing_held_is_asked_for(glue: BareGlue) -> None:
    watched, other = put(glue, 1, "sales.orders"), put(glue, 2, "ops.audit")
    assert ids(read(target(glue, "ops.*", runs=(watched,)))) == {watched, other}
    assert [call.operation for call in glue.calls()] == [LIST_RUNS, GET_RUN]


def test_a_single_configured_run_is_asked_for_by_its_id(glue: BareGlue) -> None:
    run_id = put(glue, 1)
    assert ids(read(target(glue, runs=(run_id,)))) == {run_id}
    assert [call.operation for call in glue.calls()] == [GET_RUN]


def test_many_configured_runs_are_looked_for_in_the_listing_while_that_saves_calls(glue: BareGlue) -> None:
    newest = tuple(put(glue, number) for number in range(30))
    for number in range(30, 60):
        put(glue, number)
    oldest = put(glue, 60)
    glue.listing = Listing(page_limit=10)
    assert ids(read(target(glue, runs=(*newest, oldest)))) == {*newest, oldest}
    assert (glue.count(LIST_RUNS), glue.count(GET_RUN)) == (3, 1)


def test_configured_runs_need_no_permission_to_list(glue: BareGlue) -> None:
    run_ids = tuple(put(glue, number) for number in range(3))
    glue.misbehave(faults.ACCESS_DENIED, operation=LIST_RUNS)
    findings = read(target(glue, runs=run_ids))
    assert (ids(findings), findings.errors) == (set(run_ids), [])


def test_runs_that_glue_does_not_know_are_no_failure(glue: BareGlue) -> None:
    known = put(glue, 0)
    unknown = tuple(sample_run_id(number) for number in range(1, 8))
    findings = read(target(glue, runs=(known, *unknown)))
    assert ids(findings) == {known}
    assert findings.errors == []
    assert findings.notes == [f"target prod: Glue does not know {', '.join(unknown[:5])} and 2 more"]


def test_one_target_that_cannot_be_read_leaves_the_others_whole(glue: BareGlue) -> None:
    run_id = put(glue, 1)
    with BareGlue() as denied:
        denied.misbehave(faults.ACCESS_DENIED)
        findings = read(target(denied, "ops.*", name="denied"), target(glue, "sales.*"))
    assert ids(findings) == {run_id}
    assert findings.errors == [
        "target denied: ListMaterializedViewRefreshTaskRuns: AccessDeniedException: as told by the test"
    ]


def test_a_failed_listing_leaves_the_pages_before_it_and_the_runs_by_id(glue: BareGlue) -> None:
    newest = {put(glue, number) for number in range(5)}
    put(glue, 7)
    by_id = put(glue, 9, "ops.audit")
    glue.listing = Listing(page_limit=5, token_lifetime=-1)
    findings = read(target(glue, "sales.*", runs=(by_id,)))
    assert ids(findings) == {*newest, by_id}
    assert len(findings.errors) == 1


def test_a_record_that_cannot_be_read_is_told_and_the_rest_is_found(glue: BareGlue) -> None:
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
    assert findings.runs == []
    assert len(findings.errors) == 1


def test_a_listing_without_an_end_is_left(glue: BareGlue) -> None:
    run_id = put(glue, 1)
    glue.listing = Listing(endless=True)
    findings = read(target(glue, "*.*"))
    assert ids(findings) == {run_id}
    assert findings.errors == ["target prod: ListMaterializedViewRefreshTaskRuns: the listing does not end"]


def test_a_target_is_given_up_where_glue_cannot_be_reached(glue: BareGlue) -> None:
    """A hundred run IDs at a dead endpoint must not take a hundred timeouts."""
    glue.misbehave(faults.CUT_CONNECTION)
    findings = read(target(glue, runs=tuple(sample_run_id(number) for number in range(100))))
    assert glue.count() <= 2 * (3 + CALLS_AT_ONCE), "three calls of two attempts, and those under way by then"
    assert len(findings.errors) == 1


def test_a_run_that_two_targets_want_is_found_once(glue: BareGlue) -> None:
    run_id = put(glue, 1)
    targets = target(glue, "sales.*", name="first"), target(glue, runs=(run_id.upper(),), name="second")
    assert [found.run.run_id for found in read(*targets).runs] == [run_id]


def test_progress_counts_targets_and_runs(glue: BareGlue) -> None:
    for number in range(25):
        put(glue, number)
    targets: list[tuple[int, int]] = []
    runs: list[int] = []
    progress = Progress(targets=lambda ended, of: targets.append((ended, of)), runs=runs.append)
    read(target(glue, "sales.*"), target(glue, "none.*", name="second"), progress=progress)
    assert targets == sorted(targets)
    assert (targets[-1], runs[-1]) == ((2, 2), 25)


def test_calls_keep_to_the_rate_of_the_target(glue: BareGlue) -> None:
    for number in range(5):
        put(glue, number)
    glue.listing = Listing(page_limit=1)
    slow = Target(
        name="slow",
        access=Access(aws_region="eu-west-1", endpoint_url=glue.url),
        catalog_id=ACCOUNT,
        views=patterns("*.*"),
        max_requests_per_second=10.0,
    )
    started = time.monotonic()
    read(slow, Target(name="fast", access=slow.access, catalog_id=ACCOUNT, views=patterns("*.*")))
    assert glue.count(LIST_RUNS) == 10
    assert time.monotonic() - started > 1.0, "five a second is the lowest of both, for they share the access"


def found(**members: object) -> FoundRun:
    run = Run(**{"run_id": "a", **members})  # type: ignore[arg-type] # as the examples below have them
    return FoundRun(target="prod", aws_region="eu-west-1", catalog_id=ACCOUNT, run=run)


RUNS = [
    found(run_id="old", status="SUCCEEDED", creation_time=100.0),
    found(run_id="new", status="RUNNING", creation_time=900.0),
    found(run_id="failed", status="FAILED", creation_time=500.0),
    found(run_id="paused", status="PAUSED", creation_time=600.0),
    found(run_id="bare"),
    found(run_id="started", status="RUNNING", start_time=100.0),
]


@pytest.mark.parametrize(
    ("wanted", "selected"),
    [
        (RunFilter(), ["new", "paused", "failed", "old", "started", "bare"]),
        (RunFilter(limit=2), ["new", "paused"]),
        (RunFilter(statuses=frozenset({"RUNNING"})), ["new", "started"]),
        (RunFilter(statuses=frozenset({"FAILED", "SUCCEEDED"})), ["failed", "old"]),
        (RunFilter(statuses=frozenset({"UNKNOWN"})), ["paused", "bare"]),
        (RunFilter(max_age=500.0), ["new", "paused", "failed", "bare"]),
        (RunFilter(max_age=500.0, statuses=frozenset({"RUNNING"}), limit=5), ["new"]),
    ],
)
def test_the_wanted_runs_are_selected_newest_first(wanted: RunFilter, selected: list[str]) -> None:
    assert [one.run.run_id for one in wanted.select(RUNS, 1000.0)] == selected
