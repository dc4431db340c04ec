import pytest

from tests.support.store_bench import StoreBench


@pytest.fixture
def bench() -> StoreBench:
    """Return a store of its own, with a clock and a listener."""
    return StoreBench()


@pytest.fixture
def views() -> StoreBench:
    """Return a store that has just begun to watch all views of ``sales``."""
    views = StoreBench()
    views.watch("sales.*")
    return views


@pytest.fixture
def counting(views: StoreBench) -> StoreBench:
    """Return a store whose view has its baseline: no run at all."""
    views.poll()
    return views
