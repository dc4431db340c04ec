"""Where tables may not be read, views are found by their runs: wherever a pattern could want one."""

from dataclasses import replace

import pytest

from exporter.errors import Reason
from exporter.model.settings import ViewPattern
from tests.poller.test_poll import Bench
from tests.support.reader import glue_error
from tests.support.watching import ended, target


def denied(*patterns: tuple[str, str]) -> Bench:
    """Return the poll of a target with these patterns that may only read runs."""
    views = tuple(ViewPattern(database=database, table=table) for database, table in patterns)
    bench = Bench(replace(target("prod"), views=views))
    names = ["get_databases", *(f"get_tables {d}" for d, _ in patterns)]
    for call in (*names, *(f"get_table {d}.{t}" for d, t in patterns)):
        bench.reader.answers[call] = glue_error(Reason.ACCESS_DENIED, operation="GetTables")
    return bench


def found(bench: Bench) -> set[str]:
    """Return the views that are watched."""
    return {f"{view.key.database}.{view.key.table}" for view in bench.store.views()}


def test_a_view_of_another_database_is_found_when_its_first_run_shows_up() -> None:
    """The databases of the views that are known by now must not narrow the look for others."""
    bench = denied(("*", "*"))
    bench.reader.holds(ended("a"))
    bench.run()
    assert found(bench) == {"sales.daily_orders"}
    bench.reader.holds(ended("b")._replace(database="finance", table="revenue"))
    bench.later()
    assert found(bench) == {"sales.daily_orders", "finance.revenue"}


@pytest.mark.parametrize("named", [("sales", "daily_orders"), ("finance", "ledger")])
def test_a_view_that_is_named_does_not_keep_those_of_a_glob_from_being_found(named: tuple[str, str]) -> None:
    bench = denied(named, ("finance", "*"))
    bench.reader.holds(ended("b")._replace(database="finance", table="revenue"))
    bench.run()
    assert found(bench) == {".".join(named), "finance.revenue"}


def test_a_glob_of_one_database_needs_the_listing_of_that_database_alone() -> None:
    bench = denied(("finance", "*"))
    assert "list_runs finance.*" in bench.run()


def test_globs_of_two_databases_need_the_listing_of_the_whole_catalog() -> None:
    bench = denied(("finance", "*"), ("sales", "*"))
    assert "list_runs *.*" in bench.run()


def test_named_views_alone_need_their_own_listing() -> None:
    bench = denied(("finance", "revenue"))
    assert "list_runs finance.revenue" in bench.run()
