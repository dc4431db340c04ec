"""What Glue reports is what a scrape tells: no more, no less, in both formats."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.e2e.exposition import EXPORTER, REASONS, RUN, STATUSES, Exposition
from tests.e2e.program import OPENMETRICS, Program, serve, target
from tests.support.bare_glue import BareGlue
from tests.support.bare_records import ACCOUNT, sample_run, sample_run_id

NOW = time.time()
(
    BARE,
    ODD,
    ZERO,
    PAUSED,
    PAUSED_AND_ENDED,
    NO_STATUS,
    UNKNOWN_ID,
    SURROGATE,
    CONTROL,
    BACKWARDS,
    OTHER_TYPE,
) = (sample_run_id(number) for number in range(100, 111))
ODD_DATABASE = 'quote " back \\ slash'
ODD_TABLE = "line\nbreak\r\n\\n 日本語 \U0001f9ca \u2028 é\u0301 #{}=,"
VALUES = ("duration_seconds", "dpu_seconds", "processed_bytes")
TIMES = (
    "creation_timestamp_seconds",
    "start_timestamp_seconds",
    "end_timestamp_seconds",
    "last_updated_timestamp_seconds",
)


@dataclass
class Scene:
    """One exporter, what it asks, and its first complete scrape."""

    glue: BareGlue
    program: Program
    scraped: Exposition


def fill(glue: BareGlue) -> list[str]:
    records = [sample_run(number, status=status, now=NOW) for number, status in enumerate(STATUSES, 1)]
    whole = sample_run(200, now=NOW)
    records += [
        {"MaterializedViewRefreshTaskRunId": BARE},
        whole
        | {
            "MaterializedViewRefreshTaskRunId": ODD,
            "DatabaseName": ODD_DATABASE,
            "TableName": ODD_TABLE,
            "Role": 'r"\\\n',
        },
        whole | {"MaterializedViewRefreshTaskRunId": ZERO, "DPUSeconds": 0.0, "ProcessedBytes": 0},
        {"MaterializedViewRefreshTaskRunId": PAUSED, "Status": "PAUSED", "StartTime": NOW - 50},
        whole | {"MaterializedViewRefreshTaskRunId": PAUSED_AND_ENDED, "Status": "PAUSED"},
        {
            "MaterializedViewRefreshTaskRunId": NO_STATUS,
            "DatabaseName": "d",
            "TableName": "t",
            "DPUSeconds": 1.5,
        },
        whole | {"MaterializedViewRefreshTaskRunId": SURROGATE, "TableName": "lone \ud800 surrogate"},
        whole | {"MaterializedViewRefreshTaskRunId": CONTROL, "TableName": "nul \0 bell \a del \x7f"},
        whole | {"MaterializedViewRefreshTaskRunId": BACKWARDS, "StartTime": NOW, "EndTime": NOW - 10},
        whole | {"MaterializedViewRefreshTaskRunId": OTHER_TYPE, "RefreshType": "PARTIAL"},
    ]
    return [glue.records.put_run(record) for record in records]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Start one exporter over every kind of run, and wait for its first complete poll."""
    with BareGlue() as glue:
        runs = [*fill(glue), UNKNOWN_ID]
        config = {
            "poll_interval": "5s",
            "settle_period": "0s",
            "targets": [target(glue.url, *runs, max_requests_per_second=100)],
        }
        with serve(tmp_path_factory.mktemp("values"), config) as program:
            scraped = program.scrape_until(
                lambda e: e.value(f"{EXPORTER}target_last_poll_timestamp_seconds", target="test"),
                what="the first poll ended",
            )
            yield Scene(glue, program, scraped)


def test_the_target_is_up_in_spite_of_an_unknown_id(scene: Scene) -> None:
    assert scene.scraped.value(f"{EXPORTER}target_up", target="test") == 1
    assert scene.scraped.failures("test").keys() == {"not_found"}


def test_every_listed_status_is_one_and_the_others_zero(scene: Scene) -> None:
    for number, status in enumerate(STATUSES, 1):
        assert scene.scraped.status(sample_run_id(number)) == status
        assert len(scene.scraped.series(f"{RUN}status", run_id=sample_run_id(number))) == 5


def test_a_complete_run_has_every_value(scene: Scene) -> None:
    record = scene.glue.records.run(sample_run_id(3))
    labels = {
        "aws_region": "eu-west-1",
        "catalog_id": ACCOUNT,
        "database": record["DatabaseName"],
        "table": record["TableName"],
        "run_id": sample_run_id(3),
    }
    expected = {
        "duration_seconds": record["EndTime"] - record["StartTime"],
        "dpu_seconds": record["DPUSeconds"],
        "processed_bytes": record["ProcessedBytes"],
        "creation_timestamp_seconds": record["CreationTime"],
        "start_timestamp_seconds": record["StartTime"],
        "end_timestamp_seconds": record["EndTime"],
        "last_updated_timestamp_seconds": record["LastUpdated"],
    }
    for name, value in expected.items():
        assert scene.scraped.series(RUN + name, run_id=sample_run_id(3)) == [(labels, value)]
    assert scene.scraped.series(f"{RUN}info", run_id=sample_run_id(3)) == [
        (labels | {"refresh_type": "INCREMENTAL", "role": record["Role"], "customer_id": ACCOUNT}, 1)
    ]
    assert scene.scraped.series(f"{RUN}up", run_id=sample_run_id(3)) == [
        ({"aws_region": "eu-west-1", "catalog_id": ACCOUNT, "run_id": sample_run_id(3)}, 1)
    ]


def test_what_glue_does_not_report_is_absent(scene: Scene) -> None:
    for name in (*VALUES, *TIMES, "status"):
        assert scene.scraped.series(RUN + name, run_id=BARE) == [], name
    ((labels, value),) = scene.scraped.series(f"{RUN}info", run_id=BARE)
    assert (labels["database"], labels["table"], labels["refresh_type"], value) == ("", "", "UNKNOWN", 1)
    assert scene.scraped.value(f"{RUN}up", run_id=BARE) == 1


def test_a_run_that_has_not_started_has_no_duration(scene: Scene) -> None:
    assert scene.scraped.series(f"{RUN}duration_seconds", run_id=sample_run_id(1)) == []
    assert scene.scraped.series(f"{RUN}start_timestamp_seconds", run_id=sample_run_id(1)) == []


def test_without_a_status_there_is_no_status_series(scene: Scene) -> None:
    assert scene.scraped.status(NO_STATUS) is None
    assert scene.scraped.value(f"{RUN}dpu_seconds", run_id=NO_STATUS) == 1.5


def test_an_unlisted_status_adds_unknown_and_is_warned_of_once(scene: Scene) -> None:
    assert scene.scraped.status(PAUSED) == "UNKNOWN"
    assert scene.scraped.status(PAUSED_AND_ENDED) == "UNKNOWN"
    assert len(scene.scraped.series(f"{RUN}status", run_id=PAUSED)) == 6
    assert "PAUSED" in scene.program.log


def test_an_unlisted_refresh_type_is_unknown(scene: Scene) -> None:
    ((labels, _),) = scene.scraped.series(f"{RUN}info", run_id=OTHER_TYPE)
    assert labels["refresh_type"] == "UNKNOWN"


def test_an_unknown_id_is_down_and_has_no_values(scene: Scene) -> None:
    assert scene.scraped.value(f"{RUN}up", run_id=UNKNOWN_ID) == 0
    for name in (*VALUES, *TIMES, "status", "info"):
        assert scene.scraped.series(RUN + name, run_id=UNKNOWN_ID) == [], name


def test_zero_is_zero_and_not_absent(scene: Scene) -> None:
    assert scene.scraped.value(f"{RUN}dpu_seconds", run_id=ZERO) == 0
    assert scene.scraped.value(f"{RUN}processed_bytes", run_id=ZERO) == 0


def test_odd_labels_come_back_as_they_were(scene: Scene) -> None:
    ((labels, _),) = scene.scraped.series(f"{RUN}info", run_id=ODD)
    assert (labels["database"], labels["table"], labels["role"]) == (ODD_DATABASE, ODD_TABLE, 'r"\\\n')


def test_text_that_is_no_unicode_breaks_no_scrape(scene: Scene) -> None:
    """The other runs of this scene are there in spite of it: it stands in the same scrape."""
    for run_id in (SURROGATE, CONTROL):
        assert scene.scraped.value(f"{RUN}up", run_id=run_id) is not None


def test_a_duration_is_never_negative(scene: Scene) -> None:
    assert scene.scraped.value(f"{RUN}duration_seconds", run_id=BACKWARDS) == 0


def test_a_running_run_grows_older_with_every_scrape(scene: Scene) -> None:
    before = scene.program.scrape().value(f"{RUN}duration_seconds", run_id=sample_run_id(2))
    time.sleep(1.1)
    after = scene.program.scrape().value(f"{RUN}duration_seconds", run_id=sample_run_id(2))
    assert before
    assert after
    assert 1 < after - before < 5
    started = scene.glue.records.run(sample_run_id(2))["StartTime"]
    assert abs(time.time() - started - after) < 3


def test_the_exporter_tells_about_itself(scene: Scene) -> None:
    build = scene.scraped.series(f"{EXPORTER}build_info")
    assert [value for _, value in build] == [1]
    assert build[0][0].keys() == {"version", "python_version", "boto3_version"}
    assert scene.scraped.series(f"{EXPORTER}target_info", target="test") == [
        ({"target": "test", "aws_region": "eu-west-1", "catalog_id": ACCOUNT}, 1)
    ]
    for name in ("last_poll_timestamp_seconds", "last_success_timestamp_seconds"):
        value = scene.scraped.value(f"{EXPORTER}target_{name}", target="test")
        assert value is not None
        assert 0 <= time.time() - value < 120
    assert (scene.scraped.value(f"{EXPORTER}target_last_poll_duration_seconds", target="test") or 99) < 30
    assert abs(scene.scraped.value(f"{EXPORTER}target_clock_skew_seconds", target="test") or 0) < 2
    assert any(name.startswith("process_") for name in scene.scraped.names())
    assert any(name.startswith("python_") for name in scene.scraped.names())


def test_runs_are_counted_by_what_becomes_of_them(scene: Scene) -> None:
    states = {
        labels["state"]: value
        for labels, value in scene.scraped.series(f"{EXPORTER}target_runs", target="test")
    }
    assert states.keys() == {"active", "settling", "settled", "unfetched"}
    assert sum(states.values()) == 16
    assert states["unfetched"] == 1


def test_every_reason_starts_at_zero(scene: Scene) -> None:
    reasons = {
        labels["reason"]
        for labels, _ in scene.scraped.series(
            f"{EXPORTER}api_request_failures_total",
            target="test",
            operation="GetMaterializedViewRefreshTaskRun",
        )
    }
    assert reasons == set(REASONS)


def test_requests_are_counted_as_the_server_counts_them(scene: Scene) -> None:
    def agree(scraped: Exposition) -> bool:
        operation = "GetMaterializedViewRefreshTaskRun"
        counted = scraped.value(f"{EXPORTER}api_requests_total", target="test", operation=operation)
        timed = scraped.value(
            f"{EXPORTER}api_request_duration_seconds_count", target="test", operation=operation
        )
        return counted == timed == scene.glue.count(operation)

    scene.program.scrape_until(agree, 10, "the exporter and the server count alike")


def test_openmetrics_says_the_same(scene: Scene) -> None:
    reply = scene.program.get("/metrics", Accept=OPENMETRICS)
    assert reply.headers["Content-Type"].startswith("application/openmetrics-text")
    assert "version=1.0.0" in reply.headers["Content-Type"]
    assert reply.text.endswith("# EOF\n")
    other = Exposition(reply.text, openmetrics=True)
    text = scene.program.scrape()
    assert other.types[f"{RUN}status"] == text.types[f"{RUN}status"] == "gauge"
    assert sorted(set(other.names())) == sorted(set(text.names()))
    for name in sorted(set(text.names())):
        if name.startswith("glue_mv_refresh_"):
            ours = {frozenset(labels.items()) for labels, _ in text.series(name)}
            assert {frozenset(labels.items()) for labels, _ in other.series(name)} == ours, name
    assert other.series(f"{RUN}dpu_seconds") == text.series(f"{RUN}dpu_seconds")


def test_the_text_format_says_what_it_is(scene: Scene) -> None:
    reply = scene.program.get("/metrics")
    assert reply.headers["Content-Type"].startswith("text/plain")
    assert "version=0.0.4" in reply.headers["Content-Type"]
    assert "charset=utf-8" in reply.headers["Content-Type"].lower()
