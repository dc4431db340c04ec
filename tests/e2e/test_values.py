"""What Glue reports is what a scrape tells: no more, no less, in both formats."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.e2e.exposition import EXPORTER, RUN, STATUSES, Exposition
from tests.e2e.program import OPENMETRICS, Program, serve, target
from tests.support.bare_glue import GET_RUN, BareGlue
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
REASONS = {
    *("access_denied", "not_found", "invalid_input", "throttled"),
    *("timeout", "unavailable", "credentials", "unexpected"),
}
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
    whole = sample_run(200, now=NOW)
    variants: dict[str, dict[str, object]] = {
        BARE: {},
        ODD: whole | {"DatabaseName": ODD_DATABASE, "TableName": ODD_TABLE, "Role": 'r"\\\n'},
        ZERO: whole | {"DPUSeconds": 0.0, "ProcessedBytes": 0},
        PAUSED: {"Status": "PAUSED", "StartTime": NOW - 50},
        PAUSED_AND_ENDED: whole | {"Status": "PAUSED"},
        NO_STATUS: {"DatabaseName": "d", "TableName": "t", "DPUSeconds": 1.5},
        SURROGATE: whole | {"TableName": "lone \ud800 surrogate"},
        CONTROL: whole | {"TableName": "nul \0 bell \a del \x7f"},
        BACKWARDS: whole | {"StartTime": NOW, "EndTime": NOW - 10},
        OTHER_TYPE: whole | {"RefreshType": "PARTIAL"},
    }
    records = [sample_run(number, status=status, now=NOW) for number, status in enumerate(STATUSES, 1)]
    records += [{**record, "MaterializedViewRefreshTaskRunId": run_id} for run_id, record in variants.items()]
    return [glue.records.put_run(record) for record in records]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Start one exporter over every kind of run, and wait for its first complete poll."""
    with BareGlue() as glue:
        watched = target(glue.url, *fill(glue), UNKNOWN_ID, max_requests_per_second=100)
        config = {"poll_interval": "5s", "settle_period": "0s", "targets": [watched]}
        with serve(tmp_path_factory.mktemp("values"), config) as program:
            yield Scene(glue, program, program.await_polls())


def test_every_listed_status_is_one_and_the_others_zero(scene: Scene) -> None:
    for number, status in enumerate(STATUSES, 1):
        assert scene.scraped.status(sample_run_id(number)) == status
        assert len(scene.scraped.series(f"{RUN}status", run_id=sample_run_id(number))) == 5


def test_a_complete_run_has_every_value(scene: Scene) -> None:
    run_id = sample_run_id(3)
    record = scene.glue.records.run(run_id)
    place = {"aws_region": "eu-west-1", "catalog_id": ACCOUNT, "run_id": run_id}
    labels = {**place, "database": record["DatabaseName"], "table": record["TableName"]}
    info = {"refresh_type": "INCREMENTAL", "role": record["Role"], "customer_id": ACCOUNT}
    expected = {
        "duration_seconds": (labels, record["EndTime"] - record["StartTime"]),
        "dpu_seconds": (labels, record["DPUSeconds"]),
        "processed_bytes": (labels, record["ProcessedBytes"]),
        "creation_timestamp_seconds": (labels, record["CreationTime"]),
        "start_timestamp_seconds": (labels, record["StartTime"]),
        "end_timestamp_seconds": (labels, record["EndTime"]),
        "last_updated_timestamp_seconds": (labels, record["LastUpdated"]),
        "info": (labels | info, 1),
        "up": (place, 1),
    }
    for name, series in expected.items():
        assert scene.scraped.series(RUN + name, run_id=run_id) == [series]


def test_what_glue_does_not_report_is_absent(scene: Scene) -> None:
    for name in (*VALUES, *TIMES, "status"):
        assert scene.scraped.series(RUN + name, run_id=BARE) == [], name
    ((labels, value),) = scene.scraped.series(f"{RUN}info", run_id=BARE)
    assert (labels["database"], labels["table"], labels["refresh_type"], value) == ("", "", "UNKNOWN", 1)
    assert scene.scraped.value(f"{RUN}up", run_id=BARE) == 1
    assert scene.scraped.status(NO_STATUS) is None
    assert scene.scraped.value(f"{RUN}dpu_seconds", run_id=NO_STATUS) == 1.5
    for name in ("duration_seconds", "start_timestamp_seconds"):
        not_started = sample_run_id(1)
        assert scene.scraped.series(RUN + name, run_id=not_started) == []


def test_what_the_api_does_not_list_is_unknown_and_warned_of(scene: Scene) -> None:
    for run_id in (PAUSED, PAUSED_AND_ENDED):
        assert scene.scraped.status(run_id) == "UNKNOWN"
        assert len(scene.scraped.series(f"{RUN}status", run_id=run_id)) == 6
    assert "PAUSED" in scene.program.log
    ((labels, _),) = scene.scraped.series(f"{RUN}info", run_id=OTHER_TYPE)
    assert labels["refresh_type"] == "UNKNOWN"


def test_an_unknown_id_is_down_and_has_no_values_and_its_target_is_up(scene: Scene) -> None:
    assert scene.scraped.value(f"{RUN}up", run_id=UNKNOWN_ID) == 0
    for name in (*VALUES, *TIMES, "status", "info"):
        assert scene.scraped.series(RUN + name, run_id=UNKNOWN_ID) == [], name
    assert scene.scraped.up() == 1
    assert scene.scraped.failures("test").keys() == {"not_found"}


def test_zero_is_zero_and_not_absent_and_a_duration_is_never_negative(scene: Scene) -> None:
    assert scene.scraped.value(f"{RUN}dpu_seconds", run_id=ZERO) == 0
    assert scene.scraped.value(f"{RUN}processed_bytes", run_id=ZERO) == 0
    assert scene.scraped.value(f"{RUN}duration_seconds", run_id=BACKWARDS) == 0


def test_odd_labels_come_back_as_they_were(scene: Scene) -> None:
    ((labels, _),) = scene.scraped.series(f"{RUN}info", run_id=ODD)
    assert (labels["database"], labels["table"], labels["role"]) == (ODD_DATABASE, ODD_TABLE, 'r"\\\n')


def test_text_that_is_no_unicode_breaks_no_scrape(scene: Scene) -> None:
    """The other runs of this scene are there in spite of it: it stands in the same scrape."""
    for run_id in (SURROGATE, CONTROL):
        assert scene.scraped.value(f"{RUN}up", run_id=run_id) is not None


def test_a_running_run_grows_older_with_every_scrape(scene: Scene) -> None:
    started = scene.glue.records.run(sample_run_id(2))["StartTime"]
    for _ in range(2):
        before = time.time()
        text = scene.program.get("/metrics").text
        shown = Exposition(text).value(f"{RUN}duration_seconds", run_id=sample_run_id(2))
        assert shown
        assert before - 0.1 < started + shown < time.time() + 0.1
        time.sleep(1.1)


def test_the_exporter_tells_about_itself(scene: Scene) -> None:
    ((build, one),) = scene.scraped.series(f"{EXPORTER}build_info")
    assert build.keys() == {"version", "python_version", "boto3_version"}
    assert one == 1
    info = {"target": "test", "aws_region": "eu-west-1", "catalog_id": ACCOUNT}
    assert scene.scraped.series(f"{EXPORTER}target_info") == [(info, 1)]
    for name in ("last_poll_timestamp_seconds", "last_success_timestamp_seconds"):
        assert 0 <= time.time() - (scene.scraped.value(f"{EXPORTER}target_{name}") or 0) < 120
    assert (scene.scraped.value(f"{EXPORTER}target_last_poll_duration_seconds") or 99) < 30
    assert abs(scene.scraped.value(f"{EXPORTER}target_clock_skew_seconds") or 0) < 30
    for prefix in ("process_", "python_"):
        assert any(name.startswith(prefix) for name in scene.scraped.names())
    states = {labels["state"]: value for labels, value in scene.scraped.series(f"{EXPORTER}target_runs")}
    assert states.keys() == {"active", "settling", "settled", "unfetched"}
    assert (sum(states.values()), states["unfetched"]) == (16, 1)


def test_requests_are_counted_as_the_server_counts_them_and_every_reason_starts_at_zero(scene: Scene) -> None:
    def agree(scraped: Exposition) -> bool:
        counted = scraped.value(f"{EXPORTER}api_requests_total", operation=GET_RUN)
        timed = scraped.value(f"{EXPORTER}api_request_duration_seconds_count", operation=GET_RUN)
        return counted == timed == scene.glue.count(GET_RUN)

    scene.program.scrape_until(agree, 10, "the exporter and the server count alike")
    failures = scene.scraped.series(f"{EXPORTER}api_request_failures_total", operation=GET_RUN)
    assert {labels["reason"] for labels, _ in failures} == REASONS


def test_openmetrics_says_the_same(scene: Scene) -> None:
    reply = scene.program.get("/metrics", Accept=OPENMETRICS)
    assert reply.headers["Content-Type"].startswith("application/openmetrics-text")
    assert "version=1.0.0" in reply.headers["Content-Type"]
    assert reply.text.endswith("# EOF\n")
    plain = scene.program.get("/metrics").headers["Content-Type"]
    assert plain.lower().split("; ") == ["text/plain", "version=0.0.4", "charset=utf-8"]
    other = Exposition(reply.text, openmetrics=True)
    text = scene.program.scrape()
    assert other.types[f"{RUN}status"] == text.types[f"{RUN}status"] == "gauge"
    assert sorted(set(other.names())) == sorted(set(text.names()))
    for name in sorted(set(text.names())):
        if name.startswith("glue_mv_refresh_"):
            ours = {frozenset(labels.items()) for labels, _ in text.series(name)}
            assert {frozenset(labels.items()) for labels, _ in other.series(name)} == ours, name
    assert other.series(f"{RUN}dpu_seconds") == text.series(f"{RUN}dpu_seconds")
