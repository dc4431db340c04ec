import pytest

from tests.support.view_bench import ViewBench
from tests.support.watching import StoreBench


@pytest.fixture
def bench() -> StoreBench:
    """Return a store of its own, with a clock and a listener."""
    return StoreBench()


@pytest.fixture
def views() -> ViewBench:
    """Return a store that has just begun to watch all views of ``sales``."""
    views = ViewBench()
    views.watch("sales.*")
    return views


@pytest.fixture
def counting(views: ViewBench) -> ViewBench:
    """Return a store whose view has its baseline: no run at all."""
    views.poll()
    return views
