"""The counters of requests: what is counted, where, and that a reader sees one moment."""

from exporter.errors import Reason
from exporter.store.series import DURATION_BUCKETS, OPERATIONS, RequestStats

GET, LIST = "GetMaterializedViewRefreshTaskRun", "ListMaterializedViewRefreshTaskRuns"


def test_every_operation_and_every_reason_is_there_from_the_start_at_0() -> None:
    read = RequestStats().read()
    assert tuple(read) == OPERATIONS
    for counts in read.values():
        assert counts.requests == 0
        assert counts.failures == dict.fromkeys(Reason, 0)
        assert counts.duration_buckets == (0,) * (len(DURATION_BUCKETS) + 1)
        assert counts.duration_sum == 0.0


def test_an_attempt_counts_for_its_operation_in_the_bucket_of_its_duration() -> None:
    stats = RequestStats()
    for seconds in (0.05, 0.0625, 0.0625, 11.0):
        stats.attempt(GET, seconds)
    counts = stats.read()[GET]
    assert counts.requests == 4
    assert counts.duration_buckets == (1, 2, 0, 0, 0, 0, 0, 0, 1)
    assert counts.duration_sum == 0.05 + 0.0625 + 0.0625 + 11.0
    assert stats.read()[LIST] == RequestStats().read()[LIST]


def test_a_failure_counts_for_its_operation_and_reason_alone() -> None:
    stats = RequestStats()
    for _ in range(2):
        stats.failure(GET, Reason.THROTTLED)
    counts = stats.read()[GET]
    assert counts.failures == dict.fromkeys(Reason, 0) | {Reason.THROTTLED: 2}
    assert counts.requests == 0
    assert stats.read()[LIST] == RequestStats().read()[LIST]


def test_what_has_been_read_does_not_change_any_more() -> None:
    stats = RequestStats()
    before = stats.read()[GET]
    stats.attempt(GET, 0.1)
    stats.failure(GET, Reason.TIMEOUT)
    assert before == RequestStats().read()[GET]


def test_glues_time_is_that_of_the_last_answer() -> None:
    stats = RequestStats()
    assert (stats.clock_skew, stats.glue_time_ahead) == (None, None)
    for time in (1000.0, 1031.0):
        stats.glue_time(time, ours=time - 5.0, monotonic=time - 990.0)
    assert (stats.clock_skew, stats.glue_time_ahead) == (5.0, 990.0)


def test_every_change_is_another_version() -> None:
    stats = RequestStats()
    versions = [stats.version]
    stats.attempt(GET, 0.1)
    versions.append(stats.version)
    stats.attempt(GET, 0.1)
    versions.append(stats.version)
    stats.failure(GET, Reason.TIMEOUT)
    versions.append(stats.version)
    stats.failure(GET, Reason.TIMEOUT)
    versions.append(stats.version)
    stats.glue_time(1000.0, ours=1000.0, monotonic=0.0)
    versions.append(stats.version)
    stats.glue_time(1000.0, ours=1000.0, monotonic=0.0)
    versions.append(stats.version)
    assert versions == sorted(set(versions))
    stats.read()
    assert stats.version == versions[-1]
