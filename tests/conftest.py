"""Of the whole suite: nothing that it prints may hold a secret, and nothing is left to chance."""

import os

import pytest
from hypothesis import settings

from tests.support.printed import capsys, pytest_runtest_makereport

__all__ = ["capsys", "pytest_runtest_makereport"]

# The same examples in every run, however busy the machine is.
settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
settings.load_profile("repeatable")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Return how many processes run the tests: many tests wait for a thread, a socket or another process."""
    return 2 * (os.cpu_count() or 1)
