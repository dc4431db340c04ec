"""A simulated Glue on a clock that the test moves, and boto3 clients for it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import boto3
import pytest
from botocore.config import Config

from exporter.simulated_glue import SimulatedGlue
from tests.support.clock import ManualClock

ACCOUNT = "123456789012"
_SESSION: Any = boto3.Session()  # one, because its loader keeps the service models


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def glue(clock: ManualClock) -> Iterator[SimulatedGlue]:
    with SimulatedGlue(now=clock.time) as simulated:
        yield simulated


@pytest.fixture
def make_client(glue: SimulatedGlue) -> Iterator[Callable[..., Any]]:
    """Make a boto3 client that sends what it is given, valid or not, once."""
    with ExitStack() as clients:

        def make(service: str = "glue", *, region: str = "eu-west-1", **overrides: Any) -> Any:
            arguments: dict[str, Any] = {
                "region_name": region,
                "endpoint_url": glue.endpoint_url,
                "aws_access_key_id": "test",
                "aws_secret_access_key": "test",
                "config": Config(retries={"total_max_attempts": 1}, parameter_validation=False),
                **overrides,
            }
            return clients.enter_context(closing(_SESSION.client(service, **arguments)))

        yield make


@pytest.fixture
def client(make_client: Callable[..., Any]) -> Any:
    return make_client()


@pytest.fixture
def get_run(client: Any) -> Callable[[str], dict[str, Any]]:
    """Return the record of a run of the account's catalog, as boto3 parses it."""

    def get(run_id: str) -> dict[str, Any]:
        answer = client.get_materialized_view_refresh_task_run(
            CatalogId=ACCOUNT, MaterializedViewRefreshTaskRunId=run_id
        )
        record: dict[str, Any] = answer["MaterializedViewRefreshTaskRun"]
        return record

    return get


@pytest.fixture
def listed(client: Any) -> Callable[..., list[str]]:
    """Return the IDs of the runs of a listing, in its order."""

    def listed(client: Any = client, **parameters: Any) -> list[str]:
        pages = client.get_paginator("list_materialized_view_refresh_task_runs")
        return [
            run["MaterializedViewRefreshTaskRunId"]
            for page in pages.paginate(**{"CatalogId": ACCOUNT, **parameters})
            for run in page["MaterializedViewRefreshTaskRuns"]
        ]

    return listed
