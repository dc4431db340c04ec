"""When views are looked for, which listings are read to their end, and what many run IDs cost."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from exporter.errors import Reason
from exporter.model.run import Run, RunListing
from exporter.model.settings import Target, ViewPattern
from exporter.model.view import View
from exporter.poller.calls import UNREACHABLE
from exporter.poller.journal import Journal
from exporter.poller.poll import TargetPoll
from tests.poller.test_poll import Bench
from tests.support.clock import START
from tests.support.reader import MemoryReader, glue_error
from tests.support.watching import ended, running, target, watch

THROTTLED = glue_error(Reason.THROTTLED, operation="GetTables")
DENIED = glue_error(Reason.ACCESS_DENIED, operation="GetTables")
TO_THE_END = ["get_tables sales", "list_runs sales.*", "list_runs sales.* from 2", "list_runs sales.* from 4"]
"""What is asked for to look through ``sales`` and read its five runs, two a page."""


class SmallPages(MemoryReader):
    """Two runs a page."""

    def list_runs(
        self,
        *,
        database: str | None = None,
        table: str | None = None,
        next_token: str | None = None,
        max_results: int = 2,
    ) -> RunListing:
        """Return a small page."""
        return super().list_runs(
            database=database, table=table, next_token=next_token, max_results=max_results
        )


def watching(*names: str, exclude: Sequence[str] = ()) -> Target:
    """Return a target that watches these views."""
    return replace(target("prod"), views=patterns(*names), exclude_views=patterns(*exclude))


def patterns(*names: str) -> tuple[ViewPattern, ...]:
    """Return patterns as a configuration writes them."""
    pairs = (name.split(".") for name in names)
    return tuple(ViewPattern(database=database, table=table) for database, table in pairs)


def views(*names: str) -> list[View]:
    """Return views that are named ``database.table``."""
    pairs = (name.split(".") for name in names)
    return [View(database=database, table=table, refresh_seconds=3600.0) for database, table in pairs]


def run(run_id: str, hours: float, view: str = "sales.orders", *, over: bool = True) -> Run:
    """Return a run that was created so many hours before the clock's start."""
    database, table = view.split(".")
    one = ended(run_id, end_time=START - 7200.0) if over else running(run_id)
    return one._replace(database=database, table=table, creation_time=START - 3600.0 * hours)


def bench(*names: str, reader: MemoryReader | None = None) -> Bench:
    """Return a target that watches these views of ``sales``, where five runs are listed, newest first."""
    ready = Bench(watching(*names), reader=reader or SmallPages())
    ready.reader.views = views("sales.orders", "sales.returns")
    for number in range(5):
        ready.reader.holds(run(f"run-{number}", hours=number))
    return ready


# When


@pytest.mark.parametrize(("seconds", "due"), [(884.0, False), (885.0, True)])
def test_every_resync_interval_give_or_take_half_a_poll_all_is_looked_through(
    seconds: float, *, due: bool
) -> None:
    """Polls do not come to the second: one a moment too early must not put it off to the next."""
    ready = bench("sales.*")
    assert ready.run() == TO_THE_END
    assert ready.later() == ["list_runs sales.*"]
    assert ready.later(seconds - 30.0) == (TO_THE_END if due else ["list_runs sales.*"])
    assert ready.later() == (["list_runs sales.*"] if due else TO_THE_END)


@pytest.mark.parametrize(
    "other", [watching("sales.o*"), watching("sales.*", exclude=["sales.r*"])], ids=["views", "exclude_views"]
)
def test_other_patterns_are_an_occasion_to_look_at_once(other: Target) -> None:
    ready = bench("sales.*")
    ready.run()
    ready.store.configure(watch(other))
    calls = ready.later()
    assert calls[0] == "get_tables sales"
    assert calls[-1].endswith(" from 4")
    assert len(ready.later()) == 1


def test_a_look_that_failed_is_repeated_at_the_next_poll() -> None:
    """What it missed meanwhile is not known by its runs: that is for where tables may not be read at all."""
    ready = bench("sales.*")
    ready.reader.answers["get_tables sales"] = THROTTLED
    assert ready.run() == ["get_tables sales"]
    assert ready.later() == ["get_tables sales"]
    assert ready.store.views() == []
    del ready.reader.answers["get_tables sales"]
    assert ready.later() == TO_THE_END


def test_a_view_that_is_found_between_two_looks_at_all_has_all_pages_read_for_it() -> None:
    """Its baseline may be on the last one."""
    ready = bench("sales.orders", "sales.returns", "sales.s*")
    ready.reader.answers["get_tables sales"] = THROTTLED
    ready.run()
    del ready.reader.answers["get_tables sales"]
    ready.reader.views += views("sales.stock")
    assert ready.later() == TO_THE_END
    assert ready.later() == ["list_runs sales.*"]


def test_tables_that_may_not_be_read_are_asked_for_at_growing_intervals_up_to_resync_interval() -> None:
    ready = bench("sales.*")
    ready.reader.answers["get_tables sales"] = DENIED
    times = [30 * poll for poll in range(95) if "get_tables sales" in ready.later()]
    assert times == [0, 30, 90, 210, 450, 930, 1830, 2730]
    del ready.reader.answers["get_tables sales"]
    for _ in range(35):
        ready.later()
    ready.reader.answers["get_tables sales"] = DENIED
    times = [30 * poll for poll in range(40) if "get_tables sales" in ready.later()]
    assert [after - times[0] for after in times[:3]] == [0, 30, 90], "as after the first time"


def test_after_a_restart_what_is_new_comes_first_and_all_the_rest_with_the_next_poll() -> None:
    ready = bench("sales.*")
    ready.run()
    ready.poll = TargetPoll("prod", ready.reader, ready.store, Journal(), ready.clock)
    assert ready.later() == TO_THE_END[:2]
    assert ready.later() == TO_THE_END[1:]
    assert ready.later() == ["list_runs sales.*"]


def test_after_a_restart_what_was_learnt_of_one_views_listing_is_known_too() -> None:
    ready = bench("sales.orders")
    first_page, *others = (f"list_runs sales.orders{page}" for page in ("", " from 2", " from 4"))
    assert ready.run() == ["get_table sales.orders", first_page, *others]
    ready.poll = TargetPoll("prod", ready.reader, ready.store, Journal(), ready.clock)
    assert ready.later() == ["get_table sales.orders", first_page]


def test_after_a_restart_a_listing_that_nobody_has_read_is_read_to_its_end() -> None:
    ready = bench("sales.orders")
    ready.run()
    ready.store.configure(watch(watching("sales.*")))
    ready.poll = TargetPoll("prod", ready.reader, ready.store, Journal(), ready.clock)
    assert ready.later() == TO_THE_END


# Which listings


@pytest.mark.parametrize(
    ("others", "resync_interval", "narrow"),
    [
        pytest.param(3000, 60.0, True, id="4 pages and 1, against 2 and 2"),
        pytest.param(2000, 60.0, False, id="3 pages and 1, against 2 and 2"),
        pytest.param(2000, 30.0, True, id="3 pages, against 2"),
        pytest.param(3000, 900.0, False, id="4 pages and 29, against 2 and 58"),
    ],
)
def test_once_all_runs_have_been_seen_the_listings_that_take_the_fewest_calls_are_read(
    others: int, resync_interval: float, *, narrow: bool
) -> None:
    ready = bench("sales.orders", "finance.revenue", reader=MemoryReader())
    ready.store.configure(watch(ready.target, resync_interval=resync_interval))
    ready.reader.views = views("sales.orders", "finance.revenue")
    for number in range(others):
        ready.reader.holds(run(f"other-{number}", 100.0 + number, "dbt.models"))
    ready.run()
    for _ in range(3):
        listings = {call.split(" from ")[0] for call in ready.later() if call.startswith("list_runs")}
        both = {"list_runs finance.*", "list_runs sales.*"}
        assert listings == (both if narrow else {"list_runs *.*"})


def test_unsettled_runs_of_a_view_are_read_with_its_listing_where_that_takes_fewer_calls() -> None:
    """Two on the second page: one call instead of two."""
    ready = bench("sales.orders", reader=MemoryReader())
    for number in range(5, 1500):
        ready.reader.holds(run(f"run-{number}", hours=number, over=number not in (1200, 1300)))
    ready.run()
    assert ready.later() == ["list_runs sales.orders", "list_runs sales.orders from 1000"]


# Many run IDs


def configured(count: int, *, listed: int, others: int = 0) -> Bench:
    """Return a target with so many run IDs, of which some are listed, and the others cannot be read now."""
    ready = Bench(target("prod", *(f"run-{number}" for number in range(count))))
    for number in range(count):
        ready.reader.answers[f"run-{number}"] = THROTTLED
    for number in range(listed):
        ready.reader.holds(run(f"run-{number}", hours=number, over=False))
    for number in range(others):
        ready.reader.holds(run(f"other-{number}", hours=100.0 + number))
    return ready


def listings(calls: Sequence[str]) -> int:
    """Return how many pages of listings were asked for."""
    return sum(call.startswith("list_runs") for call in calls)


@pytest.mark.parametrize(("count", "tried"), [(24, False), (25, True)])
def test_from_25_run_ids_on_a_listing_is_tried(count: int, *, tried: bool) -> None:
    ready = configured(count, listed=count)
    assert len(ready.run()) == (1 if tried else count)
    assert set(ready.shown.ups.values()) == {True}


@pytest.mark.parametrize(("count", "pages"), [(25, 2), (39, 3)])
def test_a_page_has_to_be_worth_ten_run_ids(count: int, pages: int) -> None:
    """Of four pages, none of which holds any."""
    calls = configured(count, listed=0, others=3500).run()
    assert (listings(calls), len(calls)) == (pages, pages + count)


@pytest.mark.parametrize(
    ("listed", "others", "again"),
    [(0, 999, False), (1, 999, True), (1, 1000, False), (2, 999, True), (2, 1998, True)],
)
def test_a_listing_that_holds_less_than_one_run_id_a_page_is_not_tried_again_for_a_while(
    listed: int, others: int, *, again: bool
) -> None:
    ready = configured(25, listed=listed, others=others)
    assert listings(ready.run())
    assert bool(listings(ready.later())) is again
    assert listings(ready.later(900.0 - 30.0))


@pytest.mark.parametrize(
    ("reason", "up"), [(Reason.ACCESS_DENIED, True), (Reason.THROTTLED, True), (Reason.TIMEOUT, False)]
)
def test_a_listing_that_fails_costs_nothing_unless_glue_cannot_be_reached(
    reason: Reason, *, up: bool
) -> None:
    """All runs are asked for by their IDs, and the listing is left alone for a while."""
    ready = configured(25, listed=25)
    ready.reader.answers["list_runs *.*"] = glue_error(
        reason, operation="ListMaterializedViewRefreshTaskRuns"
    )
    assert len(ready.run()) == 1 + 25
    assert ready.up is up
    assert len(ready.later()) == 25
    assert listings(ready.later(900.0 - 30.0)) == 1


@pytest.mark.parametrize("reason", sorted(UNREACHABLE))
def test_a_look_for_views_that_is_given_up_says_what_kept_it_from_glue(reason: Reason) -> None:
    """Not that the time was too short: of that there was enough."""
    bench = Bench(watching("a.x", "b.x", "c.x", "d.x"))
    for name in ("a.x", "b.x", "c.x", "d.x"):
        bench.reader.answers[f"get_table {name}"] = glue_error(reason, operation="GetTable")
    bench.run()
    assert bench.up is False
    assert bench.state.error == "GetTable: no"
