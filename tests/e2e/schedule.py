"""How the tests are shared out over processes: a file that tells one story stays in one of them.

A story is a fixture of the whole file: it takes a minute, and must not be told again in every process.
All other tests go wherever there is room. (Marks for groups are not enough: pytest-xdist hands them over in
the test's ID, which later pytests no longer let it change.)
"""

from functools import cache
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling


@cache
def tells_a_story(file: str) -> bool:
    """Tell whether a test file has a fixture of its own for all of its tests."""
    return 'scope="module"' in Path(file).read_text()


class Stories(LoadScopeScheduling):
    """Hands out stories whole, the largest first, and then single tests."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return file if tells_a_story(file) else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Stories:
    """Replace what ``--dist`` names."""
    return Stories(config, log)
