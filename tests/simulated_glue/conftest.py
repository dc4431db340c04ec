"""A simulated Glue on a clock that the test moves, and boto3's client of it."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import boto3
import pytest

from exporter.simulated_glue.catalog import Catalog
from exporter.simulated_glue.glue import SimulatedGlue
from exporter.simulated_glue.server import serve
from tests.support.clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def glue(clock: ManualClock) -> SimulatedGlue:
    return SimulatedGlue(clock.time)


@pytest.fixture
def catalog(glue: SimulatedGlue) -> Catalog:
    return glue.catalog()


@pytest.fixture
def client(glue: SimulatedGlue) -> Iterator[Any]:
    session: Any = boto3.Session(
        aws_access_key_id="test", aws_secret_access_key="test", region_name="eu-west-1"
    )
    with serve(glue) as url, closing(session.client("glue", endpoint_url=url)) as client:
        yield client
