"""Fixtures of the Glue client's tests."""

from collections.abc import Iterator

import pytest

from exporter.cli.logs import configure_logs
from tests.support.logging_state import logging_as_before


@pytest.fixture(autouse=True)
def _logs_of_the_program() -> Iterator[None]:
    with logging_as_before():
        configure_logs("info", "logfmt")
        yield
