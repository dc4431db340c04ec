"""A simulated Glue on a clock that the test moves, and boto3 clients for it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import boto3
import pytest
from botocore.config import Config

from exporter.simulated_glue import ManualClock, SimulatedGlue

_SESSION: Any = boto3.Session()  # one, because its loader keeps the service models


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def glue(clock: ManualClock) -> Iterator[SimulatedGlue]:
    with SimulatedGlue(clock=clock) as simulated:
        yield simulated


ClientFactory = Callable[..., Any]


@pytest.fixture
def make_client(glue: SimulatedGlue) -> Iterator[ClientFactory]:
    """Make a boto3 client that sends what it is given, valid or not, once."""
    with ExitStack() as clients:

        def make(service: str = "glue", *, region: str = "eu-west-1", **overrides: Any) -> Any:
            arguments: dict[str, Any] = {
                "region_name": region,
                "endpoint_url": glue.endpoint_url,
                "aws_access_key_id": "test",
                "aws_secret_access_key": "test",
                "config": Config(
                    retries={"total_max_attempts": 1},
                    parameter_validation=False,
                    connect_timeout=2,
                    read_timeout=5,
                ),
                **overrides,
            }
            return clients.enter_context(closing(_SESSION.client(service, **arguments)))

        yield make


@pytest.fixture
def client(make_client: ClientFactory) -> Any:
    return make_client()


ACCOUNT = "123456789012"


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
