"""The calls that reading source tables takes."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from exporter.errors import Reason
from exporter.model.view import SourceTable, View
from tests.poller.bench import Bench, run, watching
from tests.support.clock import START
from tests.support.reader import ACCOUNT
from tests.support.store_bench import view

OTHER = "210987654321"


def arn(name: str, account: str = ACCOUNT) -> str:
    return f"arn:aws:glue:eu-west-1:{account}:table/{name.replace('.', '/')}"


def reading(name: str, *sources: str) -> View:
    return replace(view(name), sources=tuple(sources))


def bench(*views: View, tables: Sequence[str] = (), page_size: int = 100, watch: str = "mv*.*") -> Bench:
    """Return a target that watches these views; its account holds these other tables."""
    found = Bench(watching(watch))
    found.reader.views = list(views)
    found.reader.page_size = page_size
    for name in tables:
        database, _, table = name.partition(".")
        known = SourceTable(table=table, update_time=START - 3600.0, iceberg=True)
        found.reader.sources.setdefault((ACCOUNT, database), []).append(known)
    return found


def source_calls(calls: Sequence[str]) -> list[str]:
    """Return the calls for source tables: those for views are about databases of other names."""
    return [call for call in calls if call.startswith("get_table") and " mv" not in call]


def resyncs(bench: Bench) -> Iterator[list[str]]:
    """Yield the calls for source tables of one resync after the other."""
    while True:
        yield source_calls(bench.later(900.0))


def test_5000_views_over_800_tables_in_60_databases_take_a_page_each() -> None:
    names = [f"raw{number % 60}.table{number}" for number in range(800)]
    views = [
        reading(
            f"mv{number % 20}.view{number}", *(arn(names[(7 * number + more) % 800]) for more in range(3))
        )
        for number in range(5000)
    ]
    watched = bench(*views, tables=names)
    assert len(source_calls(watched.run())) <= 66, "60 pages hold them all"
    assert len(next(resyncs(watched))) <= 66
    assert watched.shown.targets["prod"].source_tables == {"read": 800, "unreadable": 0}
    assert all(series.facts and series.facts.source_updated_time for series in watched.shown.views.values())


def test_the_pages_that_are_read_for_the_views_hold_their_sources_too() -> None:
    watched = bench(reading("mv.a", arn("mv.raw"), arn("mv.b")), view("mv.b"), tables=["mv.raw"])
    watched.reader.views[1] = replace(watched.reader.views[1], update_time=START - 60.0)
    watched.run()
    assert [call for call in watched.reader.calls if "get_table" in call] == ["get_tables mv"]
    assert watched.shown.facts("mv.a").source_updated_time == START - 60.0


def test_a_few_sources_of_a_large_database_are_read_by_name() -> None:
    names = [f"raw.t{number:03}" for number in range(200)]
    watched = bench(reading("mv.a", arn(names[0]), arn(names[150])), tables=names, page_size=10)
    watched.run()
    assert next(resyncs(watched)) == ["get_table raw.t000", "get_table raw.t150"]


def test_pages_end_once_they_held_all_and_the_next_resync_takes_as_many() -> None:
    names = [f"raw.t{number:03}" for number in range(200)]
    watched = bench(reading("mv.a", *map(arn, names[:20])), tables=names, page_size=10)
    assert source_calls(watched.run()) == ["get_tables raw", "get_tables raw from 10"]
    assert len(next(resyncs(watched))) == 2


def test_a_database_with_more_pages_than_sources_costs_no_more_than_their_number_in_the_long_run() -> None:
    names = [f"raw.t{number:03}" for number in range(600)]
    watched = bench(reading("mv.a", *map(arn, names[::50])), tables=names, page_size=10)
    assert len(source_calls(watched.run())) <= 2 * 12
    assert len(next(resyncs(watched))) == 12


def test_a_source_that_is_gone_is_no_longer_asked_for_once_all_pages_were_read() -> None:
    watched = bench(reading("mv.a", *map(arn, ("raw.a", "raw.b", "raw.gone"))), tables=["raw.a", "raw.b"])
    assert source_calls(watched.run()) == ["get_tables raw"]
    assert watched.shown.targets["prod"].source_tables == {"read": 2, "unreadable": 1}


def test_a_database_of_another_account_that_is_denied_takes_one_call() -> None:
    watched = bench(reading("mv.a", *(arn(f"raw.{name}", OTHER) for name in "abc")))
    watched.reader.fails(f"get_tables raw in {OTHER}", Reason.ACCESS_DENIED)
    assert source_calls(watched.run()) == [f"get_tables raw in {OTHER}"]
    assert watched.up
    assert source_calls(watched.later(60.0)) == [], "not before the next resync"


@pytest.mark.parametrize("reason", [Reason.THROTTLED, Reason.UNEXPECTED])
def test_a_database_that_could_not_be_read_is_soon_asked_for_again_by_itself(reason: Reason) -> None:
    watched = bench(reading("mv.a", arn("raw.a"), arn("more.b")), tables=["raw.a", "more.b"])
    watched.reader.fails("get_table raw.a", reason)
    watched.run()
    assert watched.up
    del watched.reader.answers["get_table raw.a"]
    assert source_calls([*watched.later(30.0), *watched.later(30.0)]) == ["get_table raw.a"]
    assert watched.shown.facts("mv.a").source_updated_time == START - 3600.0


@pytest.mark.parametrize("reason", [Reason.THROTTLED, Reason.TIMEOUT, Reason.UNEXPECTED])
def test_a_view_is_judged_by_age_only_where_two_resyncs_could_not_read_its_sources(reason: Reason) -> None:
    """Sources may rest for days: an outage of minutes must not make all their views overdue."""
    watched = bench(reading("mv.a", arn("raw.a")), tables=["raw.a"])
    watched.run()
    watched.reader.fails("get_table raw.a", reason)
    for _ in range(59):  # up to 30 s before the second resync since then
        watched.later(30.0)
        assert watched.up
        assert watched.shown.facts("mv.a").source_updated_time == START - 3600.0
    watched.later(30.0)
    assert watched.shown.facts("mv.a").source_updated_time is None


def test_a_view_is_not_judged_by_age_before_its_sources_have_been_asked_for() -> None:
    """The first resync of a large account takes minutes, in which its first poll is long over."""
    watched = bench(replace(reading("mv.a", arn("raw.a")), refresh_seconds=60.0), tables=["raw.a"])
    watched.reader.holds(run("a", 600.0, of="mv.a"))
    asked = watched.reader.hang("get_table raw.a")
    watched.poll.run(lambda: watched.clock.advance(10.0))
    assert watched.shown.facts("mv.a").last_success
    assert watched.shown.facts("mv.a").stale_since is None
    asked.set()
    watched.await_resync()
    assert watched.shown.facts("mv.a").source_updated_time == START - 3600.0
    assert watched.shown.facts("mv.a").stale_since is None
    watched.reader.fails("get_table raw.a", Reason.ACCESS_DENIED)
    next(resyncs(watched))
    assert watched.shown.facts("mv.a").stale_since == START - 540.0


def test_where_runs_alone_are_denied_sources_are_still_read() -> None:
    """A view that falls behind its sources must not look fresh."""
    watched = bench(reading("mv.a", arn("raw.clicks")), tables=["raw.clicks"])
    watched.run()
    watched.reader.fails("list_runs mv.a", Reason.ACCESS_DENIED)
    for _ in range(2):
        assert next(resyncs(watched)) == ["get_table raw.clicks"]


def test_where_tables_and_runs_are_denied_no_sources_are_asked_for() -> None:
    """What was known of them stays."""
    watched = bench(reading("mv.a", arn("raw.a")), tables=["raw.a"], watch="mv.*")
    watched.run()
    watched.reader.fails("get_tables mv", Reason.ACCESS_DENIED)
    assert next(resyncs(watched)) == ["get_table raw.a"]
    for scope in ("mv.a", "mv.*"):
        watched.reader.fails(f"list_runs {scope}", Reason.ACCESS_DENIED)
    assert next(resyncs(watched)) == []
    assert watched.shown.targets["prod"].source_tables == {"read": 1, "unreadable": 0}


def test_sources_that_no_view_has_any_more_are_no_longer_asked_for() -> None:
    watched = bench(reading("mv.a", arn("raw.a")), tables=["raw.a", "raw.b"])
    watched.run()
    watched.reader.views = [reading("mv.a", arn("raw.b"))]
    assert next(resyncs(watched)) == ["get_table raw.b"]
    assert watched.shown.targets["prod"].source_tables == {"read": 1, "unreadable": 0}
