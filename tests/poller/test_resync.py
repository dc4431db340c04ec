"""The resync: the calls that finding a target's views takes, when it is due, and what failures cost."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from exporter.errors import Reason
from exporter.model.run import Malformed, Page, Run
from exporter.model.view import SourceTable, View
from exporter.poller.workers import UNREACHABLE
from tests.poller.bench import Bench, SmallPages, old, run, watching
from tests.support.reader import ACCOUNT, MemoryReader
from tests.support.store_bench import DAY

ALL = ("finance.ledger", "finance.revenue", "sales.orders", "sales.returns", "sales.tmp_orders")


def bench(*names: str, exclude: Sequence[str] = (), reader: MemoryReader | None = None) -> Bench:
    """Return a target that watches these views of the usual ones."""
    ready = Bench(watching(*names, exclude=exclude), reader or MemoryReader())
    ready.has(views=ALL)
    return ready


def found(bench: Bench) -> list[str]:
    """Return the views that Glue is known to have."""
    return sorted(f"{key.database}.{key.table}" for key, series in bench.shown.views.items() if series.facts)


def tables(calls: Sequence[str]) -> list[str]:
    """Return the calls that look for views."""
    return [call for call in calls if not call.startswith("list_runs")]


EACH_OF_SALES = "get_table sales.orders, get_table sales.returns, get_table sales.tmp_orders"


@pytest.mark.parametrize(
    ("watched", "calls", "expected"),
    [
        ("sales.orders", "get_table sales.orders", "sales.orders"),
        ("sales.orders, sales.returns, sales.tmp_orders", EACH_OF_SALES, ", ".join(ALL[2:])),
        ("sales.orders, sales.returns, sales.tmp_orders, sales.none", "get_tables sales", ", ".join(ALL[2:])),
        (
            "sales.orders, sales.a, finance.ledger, finance.b",
            "get_table finance.b, get_table finance.ledger, get_table sales.a, get_table sales.orders",
            "finance.ledger, sales.orders",
        ),
        (
            "sales.ret*, finance.ledger",
            "get_table finance.ledger, get_tables sales",
            "finance.ledger, sales.returns",
        ),
        ("*.*", "get_databases, get_tables finance, get_tables sales", ", ".join(ALL)),
        (
            "fin*.*, sales.orders",
            "get_databases, get_table sales.orders, get_tables finance",
            "finance.ledger, finance.revenue, sales.orders",
        ),
        (
            "*.orders, sales.returns",
            "get_databases, get_tables finance, get_tables sales",
            "sales.orders, sales.returns",
        ),
        ("dbt_*.*", "get_databases", ""),
        ("sales.*, !sales.tmp_*", "get_tables sales", "sales.orders, sales.returns"),
        ("sales.tmp_orders, !*.tmp_*", "", ""),
        (
            "sales.a, sales.b, sales.orders, sales.tmp_orders, !*.tmp_*",
            "get_table sales.a, get_table sales.b, get_table sales.orders",
            "sales.orders",
        ),
    ],
)
def test_what_is_asked_for_and_found(watched: str, calls: str, expected: str) -> None:
    """As few calls as it takes, each once, and one listing of runs. After a ``!`` is what is excluded."""
    patterns = watched.split(", ")
    exclude = [pattern[1:] for pattern in patterns if pattern.startswith("!")]
    ready = bench(*(pattern for pattern in patterns if not pattern.startswith("!")), exclude=exclude)
    made = ready.run()
    assert ", ".join(tables(made)) == calls
    assert len(made) - len(tables(made)) == (1 if ready.shown.views else 0)
    assert ", ".join(found(ready)) == expected
    assert all(ready.shown.view_ups[name] for name in found(ready))
    assert (ready.up, ready.error) == (True, None)


def test_all_pages_are_read() -> None:
    ready = bench("*.*")
    ready.reader.page_size = 1
    assert tables(ready.run()) == [
        *("get_databases", "get_databases from 1", "get_tables finance", "get_tables finance from 1"),
        *("get_tables sales", "get_tables sales from 1", "get_tables sales from 2"),
    ]
    assert found(ready) == list(ALL)


# What is not there


@pytest.mark.parametrize("name", ["sales.dropped", "sales.plain"])
def test_a_table_that_is_not_there_or_not_a_view_is_an_answer(name: str) -> None:
    """It is asked for again with the next resync, and no sooner."""
    reader = MemoryReader()
    reader.sources[ACCOUNT, "sales"] = [SourceTable(table="plain")]
    ready = bench(name, reader=reader)
    calls = [f"get_table {name}", f"list_runs {name}"]
    assert ready.run() == calls
    assert (ready.up, ready.error, ready.shown.view_ups) == (True, None, {name: False})
    assert ready.later() == calls[1:]
    assert ready.later(870.0) == [calls[0], calls[1], calls[1]]


@pytest.mark.parametrize("named", [True, False], ids=["named", "not in a complete list"])
def test_a_database_that_is_not_there_is_an_answer(*, named: bool) -> None:
    """What was known of it is gone after two."""
    ready = bench(*(["finance.*", "sales.*"] if named else ["*.*"]))
    ready.run()
    if named:
        ready.reader.fails("get_tables sales", Reason.NOT_FOUND)
    else:
        ready.has(views=ALL[:2])
    ups = []
    for _ in range(2):
        ready.later(900.0)
        ups.append({name for name, up in ready.shown.view_ups.items() if not up})
        assert (ready.up, ready.error) == (True, None)
    assert ups == [set(ALL[2:]), set()]
    assert found(ready) == list(ALL[:2])


# What fails


ANSWERS = sorted(set(Reason) - UNREACHABLE - {Reason.NOT_FOUND})


@pytest.mark.parametrize("reason", ANSWERS)
@pytest.mark.parametrize(
    ("call", "names"),
    [
        ("get_table sales.orders", ["sales.orders", "finance.*"]),
        ("get_tables sales", ["*.*"]),
        ("get_tables sales from 1", ["*.*"]),
        ("get_databases", ["*.*"]),
        ("get_databases from 1", ["*.*"]),
    ],
)
def test_a_failure_costs_only_what_it_kept_from_being_read(
    call: str, names: list[str], reason: Reason
) -> None:
    """Nothing that was not read passes for gone, and half a listing is none."""
    ready = bench(*names)
    ready.reader.page_size = 1
    ready.run()
    known = found(ready)
    error = ready.reader.fails(call, reason)
    for _ in range(3):
        ready.later(900.0)
        assert (ready.up, ready.error) == (False, str(error))
        assert found(ready) == known
        assert all(ready.shown.view_ups.values()), "their runs are read"
    del ready.reader.answers[call]
    ready.later(900.0)
    assert (ready.up, ready.error) == (True, None)


@pytest.mark.parametrize("reason", ANSWERS)
def test_one_failed_database_of_many_is_asked_for_by_itself_at_growing_intervals(reason: Reason) -> None:
    """Up to ``resync_interval``, and when it can be read the target is up at once."""
    names = [f"db_{number:02}.view" for number in range(60)]
    ready = Bench(watching("*.*"))
    ready.has(views=names)
    ready.reader.fails("get_tables db_07", reason)
    assert len(ready.run()) == 62
    asked: list[tuple[int, int]] = []
    for poll in range(1, 61):
        calls = tables(ready.later())
        if calls:
            asked.append((30 * poll, len(calls)))
            assert "get_tables db_07" in calls
    assert asked == [(30, 1), (90, 1), (210, 1), (450, 1), (900, 61), (1800, 61)]
    assert ready.up is False
    del ready.reader.answers["get_tables db_07"]
    every = [tables(ready.later()) for _ in range(30)]
    assert sum(map(len, every)) == 61, "with the next resync"
    assert (ready.up, found(ready)) == (True, names)


def test_a_database_that_failed_and_is_gone_fails_no_more() -> None:
    ready = bench("*.*")
    ready.reader.fails("get_tables sales", Reason.ACCESS_DENIED)
    ready.run()
    assert ready.up is False
    ready.has(views=ALL[:2])
    ready.later(900.0)
    ready.later()
    assert (ready.up, ready.error) == (True, None)


def test_intervals_begin_anew_after_a_success() -> None:
    ready = bench("sales.*")
    for _ in range(2):
        ready.reader.fails("get_tables sales", Reason.THROTTLED)
        ready.later(900.0)
        times = [30 * poll for poll in range(1, 10) if "get_tables sales" in ready.later()]
        assert times == [30, 90, 210]
        del ready.reader.answers["get_tables sales"]
        ready.later(900.0)
        assert ready.up is True


class Unreadable(MemoryReader):
    """A catalog that holds records which cannot be read, on every page of ``sales``."""

    tables: tuple[Malformed, ...] = ()
    databases: tuple[Malformed, ...] = ()

    def get_databases(self, **parameters: Any) -> Page[str]:
        return replace(super().get_databases(**parameters), malformed=self.databases)

    def get_tables(self, database: str, **parameters: Any) -> Page[View | SourceTable]:
        listing = super().get_tables(database, **parameters)
        return replace(listing, malformed=self.tables) if database == "sales" else listing


def malformed_lines(lines: Iterable[Mapping[str, object]]) -> list[str]:
    return [str(line["error"]) for line in lines if "record" in str(line["event"])]


def test_a_malformed_table_costs_no_others_and_two_calls_a_quarter_of_an_hour_later() -> None:
    """A view that is missing there may be the one that could not be read, so none passes for gone."""
    reader = Unreadable()
    reader.tables = (Malformed("orders", "CreateTime is not a number"), Malformed(None, "not an object"))
    ready = bench("*.*", reader=reader)
    with capture_logs() as lines:
        ready.run()
        ready.has(views=ALL[:4])
        calls = [tables(ready.later()) for _ in range(16)]
    assert [call for each in calls for call in each] == ["get_tables sales"] * 4
    assert found(ready) == list(ALL)
    assert (ready.up, ready.error) == (False, "GetTables: table sales.orders: CreateTime is not a number")
    assert malformed_lines(lines) == [
        "GetTables: table sales.orders: CreateTime is not a number",
        "GetTables: not an object",
    ]
    reader.tables = ()
    ready.later(900.0)
    ready.later()
    assert (ready.up, ready.shown.view_ups[ALL[4]]) == (True, False)


def test_a_malformed_database_costs_no_others_but_the_list_is_not_known_to_the_end() -> None:
    reader = Unreadable()
    ready = bench("*.*", reader=reader)
    ready.run()
    reader.databases = (Malformed(None, "a record has no Name"),)
    ready.has(views=ALL[:2])
    with capture_logs() as lines:
        ready.later(900.0)
    assert found(ready) == list(ALL)
    assert all(ready.shown.view_ups.values())
    assert ready.error == "GetDatabases: a record has no Name"
    assert malformed_lines(lines) == ["GetDatabases: a record has no Name"]


class Circle(MemoryReader):
    """Gives the same token with each page."""

    def list_runs(self, **parameters: Any) -> Page[Run]:
        return replace(super().list_runs(**{**parameters, "next_token": None}), next_token="again")

    def get_databases(self, **_: Any) -> Page[str]:
        return replace(super().get_databases(), next_token="again")

    def get_tables(self, database: str, **_: Any) -> Page[View | SourceTable]:
        return replace(super().get_tables(database), next_token="again")


@pytest.mark.parametrize(
    ("pattern", "operation"),
    [
        ("*.*", "GetDatabases"),
        ("sales.*", "GetTables"),
        ("sales.orders", "ListMaterializedViewRefreshTaskRuns"),
    ],
)
def test_a_listing_that_goes_round_in_a_circle_names_its_operation(pattern: str, operation: str) -> None:
    ready = bench(pattern, reader=Circle())
    ready.run()
    assert ready.error == f"{operation}: a paging token came twice"


@pytest.mark.parametrize("held", [[], old(1500)], ids=["empty pages", "the same page"])
def test_a_listing_of_runs_that_has_no_end_is_left(held: list[Run]) -> None:
    """It would take the account's whole rate, again and again."""

    class Endless(MemoryReader):
        def list_runs(self, *, next_token: str | None = None, **parameters: Any) -> Page[Run]:
            page = super().list_runs(**parameters)
            return replace(page, next_token=str(int(next_token or 0) + 1))

    ready = bench("sales.orders", reader=Endless(held))
    assert len(ready.run()) < 210
    assert "the listing does not end" in str(ready.error)


@pytest.mark.parametrize("reason", sorted(UNREACHABLE))
def test_a_dead_endpoint_costs_a_few_calls_and_delays_nothing_once_it_is_back(reason: Reason) -> None:
    """However long it was away: the next poll asks again."""
    ready = bench("a.x", "b.x", "c.x", "d.x", "sales.orders", "finance.ledger")
    for name in ("a.x", "b.x", "c.x", "d.x", "sales.orders", "finance.ledger"):
        ready.reader.fails(f"get_table {name}", reason)
    ready.reader.fails("list_runs *.*", reason)
    for _ in range(20):
        calls = tables(ready.later())
        assert 3 <= len(calls) <= 6, "those that were under way when the third failed"
        assert ready.up is False
    ready.has(views=ALL)
    ready.reader.answers = {}
    ready.later()
    assert (ready.up, found(ready)) == (True, ["finance.ledger", "sales.orders"])


# Where tables may not be read


DENIED = ("get_databases", "get_tables sales", "get_tables finance")


def test_runs_show_no_view_in_a_database_whose_tables_can_be_read() -> None:
    """Where only another one is denied: Glue still lists the runs of views that were dropped long ago."""
    ready = Bench(watching("*.*"))
    runs = run("s"), run("h", of="hr.people"), run("old", DAY, of="sales.gone", status="FAILED")
    ready.has(*runs, views=("sales.orders", "hr.people"))
    ready.reader.fails("get_tables hr", Reason.ACCESS_DENIED)
    ready.run()
    ready.later(900.0)
    assert ready.shown.view_ups == {"sales.orders": True, "hr.people": True}


def denied(*names: str) -> Bench:
    """Return the poll of a target that may only read runs."""
    ready = Bench(watching(*names))
    for call in (*DENIED, *(f"get_table {name}" for name in names)):
        ready.reader.fails(call, Reason.ACCESS_DENIED)
    return ready


@pytest.mark.parametrize("names", [["*.*"], ["sales.orders", "finance.*"], ["finance.ledger", "*.*"]])
def test_a_view_of_any_database_is_found_when_its_first_run_shows_up(names: list[str]) -> None:
    """What is known or named by now must not narrow the look for others."""
    ready = denied(*names)
    ready.has(run("a"))
    ready.run()
    before = set(found(ready))
    ready.has(run("b", of="finance.revenue"), run("a"))
    ready.later()
    assert set(found(ready)) == before | {"finance.revenue"}
    assert ready.up is False


@pytest.mark.parametrize(
    ("names", "scope"),
    [
        (["finance.*"], "finance.*"),
        (["finance.*", "sales.*"], "*.*"),
        (["finance.revenue"], "finance.revenue"),
        (["*.*"], "*.*"),
    ],
)
def test_the_listing_that_globs_need(names: list[str], scope: str) -> None:
    assert f"list_runs {scope}" in denied(*names).run()


def test_where_only_databases_may_not_be_listed_literal_names_are_asked_for_by_name() -> None:
    ready = bench("*.*", "sales.orders")
    ready.has(run("a", of="finance.ledger"), views=ALL)
    error = ready.reader.fails("get_databases", Reason.ACCESS_DENIED)
    assert ready.run() == ["get_databases", "get_table sales.orders", "list_runs *.*"]
    assert found(ready) == ["finance.ledger", "sales.orders"]
    assert ready.shown.facts("sales.orders").refresh_mode == "scheduled"
    assert ready.shown.facts("finance.ledger").refresh_mode == "unknown"
    assert (ready.up, ready.error) == (False, str(error))
    assert tables(ready.later()) == ["get_databases"], "the others have been asked for"


def test_where_databases_may_not_be_listed_those_that_patterns_name_are_read() -> None:
    ready = bench("*.*", "sales.*", "sales.orders", "finance.ledger")
    ready.reader.fails("get_databases", Reason.ACCESS_DENIED)
    assert ready.run() == ["get_databases", "get_table finance.ledger", "get_tables sales", "list_runs *.*"]
    assert {"sales.orders", "sales.returns", "finance.ledger"} <= set(found(ready))


# When


FIRST_PAGE = ["list_runs sales.*"]
WHOLE = ["get_tables sales", *FIRST_PAGE, "list_runs sales.* from 2", "list_runs sales.* from 4"]
"""What a resync asks for to find the views of ``sales`` and read their five runs, two a page."""


def five_runs(*names: str) -> Bench:
    """Return a target that watches these views of ``sales``, where five runs are listed."""
    ready = Bench(watching(*names), SmallPages())
    ready.has(*old(5), views=("sales.orders", "sales.returns"))
    return ready


def test_the_first_poll_of_a_small_account_takes_as_few_calls_as_possible_and_the_next_one_one() -> None:
    ready = five_runs("sales.*")
    assert ready.run() == WHOLE
    assert (ready.up, ready.shown.view_ups) == (True, {"sales.orders": True, "sales.returns": True})
    assert [ready.later() for _ in range(20)] == [FIRST_PAGE] * 20


@pytest.mark.parametrize(("seconds", "due"), [(884.0, False), (885.0, True)])
def test_every_resync_interval_give_or_take_half_a_poll_everything_is_read(
    seconds: float, *, due: bool
) -> None:
    """Polls do not come to the second: one a moment too early must not put it off to the next."""
    ready = five_runs("sales.*")
    ready.run()
    both = sorted([*WHOLE, *FIRST_PAGE])
    assert ready.later(seconds) == (both if due else FIRST_PAGE)
    assert ready.later() == (FIRST_PAGE if due else both)
