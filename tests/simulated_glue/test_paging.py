"""Pages of runs, tables and databases, and the tokens between them."""

import base64
from typing import Any

import pytest

from exporter.simulated_glue import ManualClock, SimulatedGlue

ACCOUNT = "123456789012"


def list_page(client: Any, **parameters: Any) -> tuple[list[str], str | None]:
    answer = client.list_materialized_view_refresh_task_runs(**{"CatalogId": ACCOUNT, **parameters})
    runs = [run["MaterializedViewRefreshTaskRunId"] for run in answer["MaterializedViewRefreshTaskRuns"]]
    return runs, answer.get("NextToken")


def list_all(client: Any, **parameters: Any) -> list[list[str]]:
    pages, token = [], None
    while True:
        page, token = list_page(client, **parameters, **({"NextToken": token} if token else {}))
        pages.append(page)
        if token is None:
            return pages


@pytest.mark.parametrize("size", range(1, 9))
def test_pages_of_any_size_hold_every_run_once(
    glue: SimulatedGlue, clock: ManualClock, client: Any, size: int
) -> None:
    made = [glue.runs().add_run("sales", "daily", created=clock.time() - age) for age in range(7)]
    pages = list_all(client, MaxResults=size)
    assert [run_id for page in pages for run_id in page] == made
    assert [len(page) for page in pages[:-1]] == [size] * (len(pages) - 1)
    assert 0 < len(pages[-1]) <= size


def test_an_empty_catalog_has_one_empty_page(client: Any) -> None:
    assert list_all(client) == [[]]


def test_the_largest_page_holds_a_thousand_runs(glue: SimulatedGlue, client: Any) -> None:
    for _ in range(1001):
        glue.runs().add_run("sales", "daily")
    assert [len(page) for page in list_all(client, MaxResults=1000)] == [1000, 1]
    assert len(list_page(client)[0]) == 100


def test_the_page_size_may_change_between_pages(glue: SimulatedGlue, client: Any) -> None:
    for _ in range(5):
        glue.runs().add_run("sales", "daily")
    first, token = list_page(client, MaxResults=2)
    rest, end = list_page(client, MaxResults=10, NextToken=token)
    assert len({*first, *rest}) == 5
    assert end is None


def test_a_run_that_joins_between_two_pages_moves_nothing(
    glue: SimulatedGlue, clock: ManualClock, client: Any
) -> None:
    made = [glue.runs().add_run("sales", "daily", created=clock.time() - age) for age in range(4)]
    first, token = list_page(client, MaxResults=2)
    clock.advance(1)
    glue.runs().add_run("sales", "daily")
    assert first + list_page(client, NextToken=token)[0] == made


def test_a_token_expires_with_the_run_that_it_points_at(glue: SimulatedGlue, client: Any) -> None:
    for _ in range(3):
        glue.runs().add_run("sales", "daily")
    first, token = list_page(client, MaxResults=1)
    glue.runs().forget_run(first[0])
    with pytest.raises(client.exceptions.InvalidInputException, match="expired"):
        list_page(client, NextToken=token)


def test_a_token_is_good_for_its_own_request_alone(glue: SimulatedGlue, client: Any) -> None:
    for _ in range(3):
        glue.runs().add_run("sales", "daily")
    _, token = list_page(client, MaxResults=1)
    for other in ({"DatabaseName": "sales"}, {"CatalogId": f"{ACCOUNT}:s3tablescatalog/b"}):
        with pytest.raises(client.exceptions.InvalidInputException):
            list_page(client, NextToken=token, **other)


@pytest.mark.parametrize("token", ["", "1", "garbage!", "日本", base64.b64encode(b"x" * 40).decode()])
def test_a_token_that_glue_did_not_give_is_invalid(glue: SimulatedGlue, client: Any, token: str) -> None:
    glue.runs().add_run("sales", "daily")
    with pytest.raises(client.exceptions.InvalidInputException, match="NextToken"):
        list_page(client, NextToken=token)


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_tables_and_databases_have_pages_too(glue: SimulatedGlue, client: Any, size: int) -> None:
    for name in "abc":
        glue.add_view("sales", name)
        glue.add_view(f"database_{name}", "view")
    config = {"PageSize": size}
    tables = client.get_paginator("get_tables").paginate(DatabaseName="sales", PaginationConfig=config)
    pages = [[table["Name"] for table in page["TableList"]] for page in tables]
    assert [name for page in pages for name in page] == ["a", "b", "c"]
    assert max(map(len, pages)) <= size
    databases = client.get_paginator("get_databases").paginate(PaginationConfig=config)
    names = [database["Name"] for page in databases for database in page["DatabaseList"]]
    assert sorted(names) == ["database_a", "database_b", "database_c", "sales"]


@pytest.mark.parametrize("size", [0, 101])
def test_a_page_of_tables_holds_a_hundred_at_most(glue: SimulatedGlue, client: Any, size: int) -> None:
    glue.add_view("sales", "a")
    with pytest.raises(client.exceptions.InvalidInputException):
        client.get_tables(DatabaseName="sales", MaxResults=size)
