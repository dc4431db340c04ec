"""Pages of runs, tables and databases, and the tokens between them."""

from collections.abc import Callable
from typing import Any

import pytest

from exporter.simulated_glue import SimulatedGlue
from tests.support.clock import ManualClock

ACCOUNT = "123456789012"


def page(client: Any, **parameters: Any) -> tuple[list[str], str | None]:
    answer = client.list_materialized_view_refresh_task_runs(**{"CatalogId": ACCOUNT, **parameters})
    runs = [run["MaterializedViewRefreshTaskRunId"] for run in answer["MaterializedViewRefreshTaskRuns"]]
    return runs, answer.get("NextToken")


@pytest.fixture
def made(glue: SimulatedGlue, clock: ManualClock) -> list[str]:
    """Seven runs, the newest first."""
    return [glue.runs().add_run("sales", "daily", created=clock.time() - age) for age in range(7)]


@pytest.mark.parametrize("size", [1, 3, 6, 7, 8])
def test_pages_of_any_size_hold_every_run_once(
    made: list[str], listed: Callable[..., list[str]], size: int
) -> None:
    assert listed(PaginationConfig={"PageSize": size}) == made


def test_a_page_holds_a_hundred_runs_or_as_many_as_asked_for(glue: SimulatedGlue, client: Any) -> None:
    assert page(client) == ([], None)
    for _ in range(1001):
        glue.runs().add_run("sales", "daily")
    first, token = page(client, MaxResults=1000)
    assert (len(first), len(page(client)[0])) == (1000, 100)
    rest, end = page(client, NextToken=token)
    assert (len(rest), end) == (1, None)


def test_a_run_that_joins_between_two_pages_moves_nothing(
    glue: SimulatedGlue, clock: ManualClock, client: Any, made: list[str]
) -> None:
    first, token = page(client, MaxResults=2)
    clock.advance(1)
    glue.runs().add_run("sales", "daily")
    assert first + page(client, NextToken=token)[0] == made


@pytest.mark.usefixtures("made")
def test_a_token_is_good_for_its_own_request_alone(client: Any) -> None:
    _, token = page(client, MaxResults=1)
    for other in (
        {"DatabaseName": "sales"},
        {"CatalogId": f"{ACCOUNT}:s3tablescatalog/b"},
        {"NextToken": ""},
        {"NextToken": "garbage!"},
        {"NextToken": f"{token}x"},  # its run is not there
    ):
        with pytest.raises(client.exceptions.InvalidInputException, match="NextToken"):
            page(client, **{"NextToken": token, **other})


@pytest.mark.parametrize("size", [1, 2, 100])
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
