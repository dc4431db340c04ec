"""How the tests are shared out over processes.

A file that tells one story stays in one of them: a fixture of the whole file takes a minute, and must not be
told again in every process. All other tests go wherever there is room. (Marks for groups are not enough:
pytest-xdist hands them over in the test's ID, which later pytests no longer let it change.)
"""

from functools import cache
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

SLOW = (
    *("test_kill", "test_stopping", "test_notifications", "test_large_account"),
    *("test_state", "test_counting", "test_failures", "test_compose"),
)
"""Files whose tests wait long. They come first, so that none of them is left alone in the end."""
BUSY = "test_rules"
"""The file whose tests take a processor all the while. They come in between, while the others wait."""


@cache
def tells_a_story(file: str) -> bool:
    """Tell whether a test file has a fixture of its own for all of its tests."""
    return 'scope="module"' in Path(file).read_text()


class Stories(LoadScopeScheduling):
    """Hands out stories whole, the largest first, and then single tests."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return file if tells_a_story(file) else nodeid

    def _reschedule(self, node: WorkerController) -> None:
        """Let one test wait behind another, and not two: it may take a minute."""
        if not self.workqueue or self._pending_of(self.assigned_work[node]) < 2:
            super()._reschedule(node)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    order = {stem: place for place, stem in enumerate(SLOW)}
    waiting = sorted(
        (item for item in items if item.path.stem != BUSY),
        key=lambda item: order.get(item.path.stem, len(SLOW)),
    )
    busy = [item for item in items if item.path.stem == BUSY]
    places = {item: place / len(kind) for kind in (waiting, busy) for place, item in enumerate(kind)}
    items.sort(key=places.__getitem__)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Stories:
    """Replace what ``--dist`` names."""
    return Stories(config, log)
