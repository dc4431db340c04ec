"""Whether a view is as fresh as its sources: from Glue's answers over HTTP to the metrics and the JSON."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.bare_faults import ACCESS_DENIED, THROTTLED, UNAVAILABLE, Fault
from tests.support.bare_glue import LIST_RUNS, Call
from tests.support.bare_records import Listing, sample_run, sample_run_id
from tests.support.clock import START
from tests.support.watched_glue import WatchedGlue, watched_glue

HOUR = 3600.0
MINUTE = 60.0
LAST = START - 1800.0
"""When the view was last refreshed before the story begins: by a run of ten minutes."""


def put_run(watched: WatchedGlue, number: int, start: float, **members: Any) -> None:
    """Have Glue list a run of the view that took ten minutes."""
    record = {
        **sample_run(number, now=start),
        "DatabaseName": "sales",
        "TableName": "daily",
        "CreationTime": start,
        "StartTime": start,
        "EndTime": start + 600.0,
        "LastUpdated": start + 600.0,
        **members,
    }
    watched.glue.records.put_run({name: value for name, value in record.items() if value is not None})


def put_view(watched: WatchedGlue, *sources: str, **members: Any) -> None:
    """Have Glue hold the view, refreshed every hour, with these sources."""
    definition = {
        "ViewVersionId": 1,
        "SubObjects": list(sources),
        "IsManaged": True,
        **members.pop("definition", {}),
    }
    known = {"CreateTime": START - 100 * HOUR, "UpdateTime": LAST, "Owner": "etl"}
    watched.glue.records.put_view(
        "sales", "daily", refresh_seconds=3600, definition=definition, **{**known, **members}
    )


def put_source(watched: WatchedGlue, update_time: float = START - 10 * HOUR, **members: Any) -> str:
    """Have Glue hold the source table, or change it."""
    return watched.glue.records.put_source("raw", "orders", update_time=update_time, **members)


def change_source(watched: WatchedGlue, time: float) -> None:
    """Let the clock go on to this time, and the source change then."""
    watched.at(time)
    put_source(watched, time)


def stale_since(watched: WatchedGlue) -> float | None:
    return watched.value("refresh_view_stale_since_timestamp_seconds")


def data_time(watched: WatchedGlue) -> float | None:
    return watched.value("refresh_view_data_timestamp_seconds")


@pytest.fixture(params=["", pytest.param("restarted", marks=pytest.mark.long)])
def watched(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[WatchedGlue]:
    """Give an exporter that watches a view with one source; once more, restarted again and again."""
    with watched_glue(tmp_path) as found:
        put_view(found, put_source(found))
        put_run(found, 1, LAST - 600.0)
        found.restarting = bool(request.param)
        found.poll()
        yield found


def test_a_view_whose_sources_rest_is_never_overdue(watched: WatchedGlue) -> None:
    """Glue skips its refreshes meanwhile."""
    watched.at(START + 5 * HOUR)
    assert stale_since(watched) is None
    assert watched.status["overdue"] is False
    assert data_time(watched) == LAST
    assert watched.value("refresh_view_source_updated_timestamp_seconds") == START - 10 * HOUR
    assert watched.value("exporter_target_source_tables", state="read") == 1
    assert watched.value("exporter_target_source_tables", state="unreadable") == 0
    assert watched.value("refresh_view_info", owner="etl", managed="true") == 1
    assert watched.status["owner"] == "etl"


def test_a_view_is_overdue_one_and_a_half_intervals_after_its_source_changed(watched: WatchedGlue) -> None:
    changed = START + 5 * HOUR + MINUTE
    change_source(watched, changed)
    watched.at(changed + 15 * MINUTE)
    assert stale_since(watched) == changed, "at the next resync"
    watched.at(changed + 90 * MINUTE)
    assert watched.status["overdue"] is False
    watched.at(changed + 90 * MINUTE + 5)
    assert watched.status["overdue"] is True


def test_many_changes_count_from_the_first(watched: WatchedGlue) -> None:
    first = START + HOUR
    for number in range(6):
        change_source(watched, first + number * 20 * MINUTE)
    watched.at(first + 2 * HOUR)
    assert stale_since(watched) == first
    assert watched.status["overdue"] is True
    assert watched.value("refresh_view_source_updated_timestamp_seconds") == first + 100 * MINUTE


def test_a_run_refreshes_what_had_changed_before_it_began(watched: WatchedGlue) -> None:
    change_source(watched, START + HOUR)
    change_source(watched, START + 2 * HOUR + MINUTE)
    watched.at(START + 2.5 * HOUR)
    put_run(watched, 2, START + 1.5 * HOUR)
    watched.at(START + 3 * HOUR)
    assert stale_since(watched) == START + 2 * HOUR + MINUTE
    put_run(watched, 3, START + 2.5 * HOUR)
    watched.at(START + 3.5 * HOUR)
    assert stale_since(watched) is None


def test_a_change_while_a_run_went_on_is_still_lacking_after_it(watched: WatchedGlue) -> None:
    """Also when the snapshot, younger than the change, is seen before the run's end."""
    start = START + HOUR
    watched.at(start)
    put_run(watched, 2, start, Status="RUNNING", EndTime=None)
    change_source(watched, start + 5 * MINUTE)
    watched.at(start + 595.0)
    new = {"ViewVersionId": 2}
    watched.glue.records.change_table("sales", "daily", definition=new, UpdateTime=start + 590.0)
    watched.at(start + 15 * MINUTE)
    put_run(watched, 2, start)
    watched.at(start + 40 * MINUTE)
    assert stale_since(watched) == start + 5 * MINUTE
    assert data_time(watched) == start + 600.0


def test_a_new_snapshot_without_a_run_is_a_refresh(watched: WatchedGlue) -> None:
    change_source(watched, START + HOUR)
    watched.at(START + 2 * HOUR + MINUTE)
    assert stale_since(watched) == START + HOUR
    refreshed = START + 2 * HOUR
    watched.glue.records.change_table("sales", "daily", definition={"ViewVersionId": 2}, UpdateTime=refreshed)
    watched.at(START + 2 * HOUR + 15 * MINUTE)
    assert stale_since(watched) is None
    assert data_time(watched) == refreshed
    change_source(watched, refreshed + HOUR)
    watched.at(refreshed + 2 * HOUR)
    assert stale_since(watched) == refreshed + HOUR


def test_neither_an_alter_nor_a_compaction_makes_a_view_fresher(watched: WatchedGlue) -> None:
    versions = {"SubObjectVersionIds": [7]}
    watched.glue.records.change_table("sales", "daily", definition=versions)
    change_source(watched, START + HOUR)
    watched.at(START + 2 * HOUR)
    watched.glue.records.change_table("sales", "daily", UpdateTime=START + 2 * HOUR)  # ALTER
    watched.at(START + 2.5 * HOUR)
    new = {"ViewVersionId": 2}  # a compaction of the view: it refers to the same snapshots of its source
    watched.glue.records.change_table("sales", "daily", definition=new, UpdateTime=START + 2.5 * HOUR)
    change_source(watched, START + 3 * HOUR)  # a compaction of the source
    watched.at(START + 3.5 * HOUR)
    assert stale_since(watched) == START + HOUR
    assert data_time(watched) == LAST


def test_a_view_created_anew_under_its_name_is_stale_until_it_holds_data(watched: WatchedGlue) -> None:
    created = START + HOUR
    watched.at(created)
    watched.glue.records.change_table(
        "sales", "daily", definition={"ViewVersionId": -1}, CreateTime=created, UpdateTime=created
    )
    watched.at(START + 2 * HOUR)
    assert stale_since(watched) == created
    filled = {"ViewVersionId": 5}
    watched.glue.records.change_table("sales", "daily", definition=filled, UpdateTime=created + HOUR)
    watched.at(START + 3 * HOUR)
    assert stale_since(watched) is None


def test_a_stuck_run_excuses_nothing(watched: WatchedGlue) -> None:
    change_source(watched, START + MINUTE)
    watched.at(START + HOUR)
    put_run(watched, 2, START + HOUR, Status="RUNNING", EndTime=None)
    watched.at(START + 1.9 * HOUR)
    assert (watched.status["overdue"], watched.status["stuck"]) == (False, False)
    watched.at(START + 2.1 * HOUR)
    assert (watched.status["overdue"], watched.status["stuck"]) == (True, True)


def test_a_view_that_was_never_refreshed_is_stale_since_its_creation() -> None:
    with watched_glue() as watched:
        put_view(watched, put_source(watched), CreateTime=START - HOUR)
        watched.poll()
        assert stale_since(watched) == START - HOUR
        assert data_time(watched) is None
        put_run(watched, 1, START, Status="STARTING", StartTime=None, EndTime=None)
        watched.at(START + HOUR)
        assert watched.status["overdue"] is False, "its first run is in progress"
        put_run(watched, 1, START, Status="FAILED", ErrorMessage="Access Denied: s3://raw/orders")
        watched.at(START + 70 * MINUTE)
        assert watched.status["overdue"] is True


def test_without_state_a_stale_view_is_stale_since_the_newest_change() -> None:
    with watched_glue() as watched:
        put_view(watched, put_source(watched, START - MINUTE))
        put_run(watched, 1, LAST - 600.0)
        watched.poll()
        assert stale_since(watched) == START - MINUTE


def test_without_source_tables_age_alone_tells_and_nothing_is_asked() -> None:
    with watched_glue(source_tables=False) as watched:
        put_view(watched, put_source(watched))
        put_run(watched, 1, LAST - 600.0)
        watched.at(START + HOUR)
        assert stale_since(watched) == LAST
        assert watched.value("exporter_target_source_tables", state="read") is None
        assert watched.glue.count("GetTable") == 0


def denies_raw(call: Call) -> Fault | None:
    return ACCESS_DENIED if call.parameters.get("DatabaseName") == "raw" else None


def test_sources_that_are_denied_cost_only_what_they_tell(watched: WatchedGlue) -> None:
    watched.glue.judge = denies_raw
    watched.at(START + 2 * HOUR)
    assert stale_since(watched) == LAST
    assert watched.status["overdue"] is True, "as by age alone"
    assert watched.value("refresh_view_source_updated_timestamp_seconds") is None
    assert watched.value("exporter_target_source_tables", state="unreadable") == 1
    assert watched.value("exporter_target_up") == 1
    watched.glue.judge = lambda _: None
    watched.at(START + 3 * HOUR)
    assert stale_since(watched) is None


def test_what_cannot_be_read_is_logged_once() -> None:
    with watched_glue() as watched:
        put_view(watched, put_source(watched))
        watched.glue.judge = denies_raw
        watched.at(START + 2 * HOUR)
        (line,) = watched.logged("source tables cannot be read")
        assert line["reason"] == "access_denied"
        assert str(line["source_tables"]).endswith(":table/raw/orders")
        watched.at(START + 3 * HOUR)
        assert len(watched.logged("source tables cannot be read")) == 1


def test_a_source_that_is_throttled_once_keeps_its_last_good_value(watched: WatchedGlue) -> None:
    at = START + 15 * MINUTE
    watched.glue.judge = lambda call: (
        THROTTLED if call.operation == "GetTable" and watched.clock.time() <= at + 1 else None
    )
    watched.at(at)
    assert stale_since(watched) is None
    assert watched.value("exporter_target_up") == 1
    watched.at(at + MINUTE)
    assert watched.glue.calls("GetTable")[-1].parameters["Name"] == "orders", "it is soon asked for again"


@pytest.mark.parametrize(
    ("arn", "reason"),
    [
        ("arn:aws:glue:us-east-1:123456789012:table/raw/orders", "not a table of this region"),
        ("orders", "not the ARN of a table"),
        ("arn:aws:glue:eu-west-1:123456789012:table/raw/none", "not_found"),
        ("arn:aws:glue:eu-west-1:123456789012:table/raw/parquet", "not an Iceberg table"),
        ("arn:aws:glue:eu-west-1:210987654321:table/raw/orders", "not_found"),
    ],
)
def test_a_source_that_does_not_say_when_it_changed_leaves_age_alone(arn: str, reason: str) -> None:
    with watched_glue() as watched:
        put_source(watched)
        watched.glue.records.put_table({"Name": "parquet", "UpdateTime": START}, database="raw")
        put_view(watched, arn)
        put_run(watched, 1, LAST - 600.0)
        watched.poll()
        assert stale_since(watched) == LAST
        assert watched.value("exporter_target_source_tables", state="unreadable") == 1
        assert [line["reason"] for line in watched.logged("cannot be read")] == [reason]


def test_a_table_in_another_account_or_an_s3_tables_bucket_is_asked_for_there() -> None:
    with watched_glue() as watched:
        records = watched.glue.records
        other = records.put_source("raw", "a", update_time=START - HOUR, catalog_id="210987654321")
        bucket = records.put_source(
            "raw", "b", update_time=START - 2 * HOUR, catalog_id="123456789012:s3tablescatalog/lake"
        )
        put_view(watched, other, bucket)
        watched.poll()
        assert watched.value("refresh_view_source_updated_timestamp_seconds") == START - HOUR


def test_statistics_may_say_that_a_source_is_an_iceberg_table() -> None:
    with watched_glue() as watched:
        source = put_source(watched, Parameters={})
        put_view(watched, source, definition={"SubObjectsStatistics": [{"SourceType": "ICEBERG"}]})
        watched.poll()
        assert watched.value("refresh_view_source_updated_timestamp_seconds") == START - 10 * HOUR


def test_a_failure_is_shown_with_its_cause_until_the_view_succeeds(watched: WatchedGlue) -> None:
    message = "Access Denied: s3://raw/orders"
    watched.at(START + 10 * MINUTE)
    put_run(watched, 2, START, Status="FAILED", ErrorMessage=message)
    watched.at(START + 20 * MINUTE)
    info = "refresh_view_last_failure_info"
    assert watched.value(info, run_id=sample_run_id(2), cause="access_denied") == 1
    failure = watched.status["last_failure"]
    assert (failure["run_id"], failure["cause"]) == (sample_run_id(2), "access_denied")
    if not watched.restarting:  # what ended before the start is not logged
        assert [line["cause"] for line in watched.logged("run ended")] == ["access_denied"]
    put_run(watched, 3, START + 10 * MINUTE)
    watched.at(START + 2 * HOUR)
    assert watched.value(info) is None
    assert watched.status["last_failure"] is None


def test_before_its_runs_have_been_read_nothing_is_said_of_a_view() -> None:
    with watched_glue() as watched:
        put_view(watched, put_source(watched))
        put_run(watched, 1, LAST - 600.0)
        watched.glue.judge = lambda call: ACCESS_DENIED if call.operation == LIST_RUNS else None
        watched.poll()
        assert watched.value("refresh_view_info") == 1
        assert stale_since(watched) is None
        watched.glue.judge = lambda _: None
        put_source(watched, START)
        watched.at(START + HOUR)
        assert stale_since(watched) == START


def test_before_all_its_runs_have_been_read_once_a_view_is_not_failing() -> None:
    """An old failure may come before the success that followed it: the order of a listing is undocumented."""
    failures = "refresh_view_consecutive_failures"
    with watched_glue() as watched:
        put_view(watched, put_source(watched))
        put_run(watched, 1, LAST - 2 * HOUR, status="FAILED")
        put_run(watched, 2, LAST - HOUR)
        watched.glue.listing = Listing(order="oldest", page_limit=1)
        watched.glue.judge = lambda call: UNAVAILABLE if call.offset else None
        watched.poll()
        assert watched.value(failures) is None
        assert watched.status["failing"] is None
        watched.glue.judge = lambda _: None
        watched.at(START + HOUR)
        assert watched.value(failures) == 0


def test_a_target_that_is_denied_altogether_keeps_what_was_known(watched: WatchedGlue) -> None:
    watched.at(START + HOUR)
    watched.glue.judge = lambda _call: ACCESS_DENIED
    watched.at(START + 5 * HOUR)
    assert watched.value("exporter_target_up") == 0
    assert stale_since(watched) is None
    assert watched.status["overdue"] is not True, "after a restart, not known before the first good poll"


def test_a_restart_forgets_nothing(tmp_path: Path) -> None:
    """All stories are told with a restart before every poll, too, in the long form; here is one."""
    with watched_glue(tmp_path) as watched:
        put_view(watched, put_source(watched))
        put_run(watched, 1, LAST - 600.0)
        watched.poll()
        first = START + HOUR
        change_source(watched, first)
        watched.at(first + 15 * MINUTE)
        watched.restart()
        change_source(watched, first + 30 * MINUTE)
        watched.at(first + HOUR)
        assert stale_since(watched) == first
