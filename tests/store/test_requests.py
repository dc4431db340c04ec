"""The counters of requests: what is counted, where, and that a reader sees one moment."""

from exporter.errors import Reason
from exporter.store.series import DURATION_BUCKETS, OPERATIONS, RequestStats

GET, LIST = "GetMaterializedViewRefreshTaskRun", "ListMaterializedViewRefreshTaskRuns"


def test_every_operation_and_every_reason_is_there_from_the_start_at_0() -> None:
    read = RequestStats().read()
    assert tuple(read) == OPERATIONS
    for counts in read.values():
        assert (counts.requests, counts.duration_sum) == (0, 0.0)
        assert counts.failures == dict.fromkeys(Reason, 0)
        assert counts.duration_buckets == (0,) * (len(DURATION_BUCKETS) + 1)


def test_an_attempt_and_a_failure_count_for_their_operation_alone() -> None:
    """What has been read before does not change any more, and every change is another version."""
    stats = RequestStats()
    before, versions = stats.read()[GET], [stats.version]
    for seconds in (0.05, 0.0625, 0.0625, 11.0):
        stats.attempt(GET, seconds)
        versions.append(stats.version)
    for _ in range(2):
        stats.failure(GET, Reason.THROTTLED)
        versions.append(stats.version)
    counts = stats.read()[GET]
    assert counts.requests == 4
    assert counts.duration_buckets == (1, 2, 0, 0, 0, 0, 0, 0, 1)
    assert counts.duration_sum == 0.05 + 0.0625 + 0.0625 + 11.0
    assert counts.failures == dict.fromkeys(Reason, 0) | {Reason.THROTTLED: 2}
    assert [before, stats.read()[LIST]] == [RequestStats().read()[GET], RequestStats().read()[LIST]]
    assert versions == sorted(set(versions))
    assert stats.version == versions[-1]


def test_glues_time_is_that_of_the_last_answer() -> None:
    stats = RequestStats()
    assert (stats.clock_skew, stats.glue_time_ahead) == (None, None)
    for time in (1000.0, 1031.0):
        before = stats.version
        stats.glue_time(time, ours=time - 5.0, monotonic=time - 990.0)
        assert stats.version > before
    assert (stats.clock_skew, stats.glue_time_ahead) == (5.0, 990.0)
