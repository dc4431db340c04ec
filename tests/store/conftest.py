import pytest

from tests.support.watching import StoreBench


@pytest.fixture
def bench() -> StoreBench:
    """Return a store of its own, with a clock and a listener."""
    return StoreBench()
