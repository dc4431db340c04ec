"""The counters of requests: a reader asks again after every change, and what it has read stays as it is.

What is counted, and where: tests/glue/test_instrumentation.py.
"""

from exporter.errors import Reason
from exporter.store.series import OPERATIONS, RequestStats


def test_every_change_is_another_version() -> None:
    stats = RequestStats()
    before, versions = stats.read(), [stats.version]
    stats.attempt(OPERATIONS[0], 0.5)
    versions.append(stats.version)
    stats.failure(OPERATIONS[0], Reason.THROTTLED)
    versions.append(stats.version)
    stats.glue_time(1000.0, ours=995.0, monotonic=10.0)
    versions.append(stats.version)
    assert versions == sorted(set(versions))
    assert before == RequestStats().read() != stats.read()
