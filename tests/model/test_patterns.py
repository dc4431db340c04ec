"""Which runs and views a target watches, and which of several has them."""

import pytest

from exporter.model.patterns import Ownership, ViewMatcher
from exporter.model.settings import Access, Target, ViewPattern
from tests.support.operations import counted


def pattern(text: str) -> ViewPattern:
    database, table = text.split(".")
    return ViewPattern(database=database, table=table)


def matcher(*patterns: str | ViewPattern, exclude: tuple[str, ...] = ()) -> ViewMatcher:
    views = tuple(pattern(one) if isinstance(one, str) else one for one in patterns)
    excluded = tuple(pattern(one) for one in exclude)
    return ViewMatcher(Target(name="prod", access=Access(), views=views, exclude_views=excluded))


def target(name: str, *patterns: str, run_ids: tuple[str, ...] = ()) -> Target:
    return Target(name=name, access=Access(), views=tuple(map(pattern, patterns)), run_ids=run_ids)


@pytest.mark.parametrize(
    ("patterns", "watched"),
    [
        (["sales.orders"], ["sales.orders"]),
        (["sales.*"], ["sales.orders", "sales.returns"]),
        (["*.orders"], ["sales.orders", "finance.orders"]),
        (["sales.o*", "finance.?rders"], ["sales.orders", "finance.orders"]),
        (["sales.order"], []),
        (["sale.*", "*.rders"], []),
        (["Sales.*"], []),
        (["sales.order[rs]", "sales.return]"], ["sales.orders"]),
    ],
)
def test_a_view_is_watched_where_both_its_names_match_one_pattern_as_a_whole(
    patterns: list[str], watched: list[str]
) -> None:
    views = ["sales.orders", "sales.returns", "finance.orders"]
    one = matcher(*patterns)
    assert [view for view in views if one.matching(*view.split("."))] == watched


def test_an_excluded_view_is_not_watched_even_where_it_is_named_outright() -> None:
    one = matcher("sales.*", "sales.tmp_orders", "sales.orders", exclude=("sales.tmp_*",))
    assert one.matching("sales", "tmp_orders") == ()
    assert one.matching("sales", "orders")
    assert one.literals == (("sales", "orders"),)


def test_all_patterns_that_want_a_view_are_returned_the_one_that_names_it_first() -> None:
    glob, other_glob, name = pattern("sales.*"), pattern("*.orders"), pattern("sales.orders")
    assert matcher(glob, name, other_glob).matching("sales", "orders") == (name, glob, other_glob)


def test_views_that_are_named_outright_are_returned_once_each_in_the_order_of_the_file() -> None:
    one = matcher("sales.orders", "finance.*", "dbt.models", "sales.orders")
    assert one.literals == (("sales", "orders"), ("dbt", "models"))


def test_only_globs_make_a_database_worth_looking_through() -> None:
    """A view that is named outright is asked for by its name."""
    one = matcher("sales.orders", "fin*.daily", "dbt.*")
    assert [name for name in ("sales", "finance", "dbt", "hr") if one.database_matches(name)] == [
        "finance",
        "dbt",
    ]


@pytest.mark.parametrize(
    ("patterns", "databases"),
    [
        (["sales.orders"], ()),
        (["sales.*", "dbt.m*", "sales.?", "finance.orders"], ("sales", "dbt")),
        (["sales.*", "fin*.daily"], None),
        (["sales.*", "*.*"], None),
    ],
)
def test_databases_that_globs_name_outright_unless_one_of_them_is_a_glob(
    patterns: list[str], databases: tuple[str, ...] | None
) -> None:
    assert matcher(*patterns).glob_databases() == databases


def test_the_first_target_in_the_file_owns_what_several_ask_for() -> None:
    first = target("first", "sales.*", "hr.people", run_ids=("A", "b"))
    second = target("second", "*.*", "sales.orders", "hr.people", "dbt.models", run_ids=("a", "C"))
    ownership = Ownership([first, second])
    assert ownership.runs == {"a": "first", "b": "first", "c": "second"}
    assert ownership.spellings == {"a": "A", "c": "C"}
    assert ownership.of_view("sales", "orders") == (first, (pattern("sales.*"),))
    assert ownership.of_view("dbt", "models") == (second, (pattern("dbt.models"), pattern("*.*")))
    assert ownership.conflicts == {("second", "first"): ["a", "sales.orders", "hr.people"]}


def test_views_that_are_named_literally_are_looked_up_and_not_compared_with_each_other() -> None:
    """There may be thousands of them."""
    calls = []
    for count in (100, 1000):
        names = [f"sales.view_{number}" for number in range(count)]
        targets = [target("first", *names[::2], "hr.*"), target("second", *names)]
        with counted() as done:
            ownership = Ownership(targets)
            for name in names:
                ownership.of_view(*name.split("."))
        calls.append(done.calls)
    assert calls[1] <= 10.5 * calls[0]
