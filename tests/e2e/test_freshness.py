"""The program tells whether a view is as fresh as its sources, through a restart."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.program import Program, serve, target, wait_until
from tests.support.bare_faults import ACCESS_DENIED
from tests.support.bare_glue import BareGlue
from tests.support.bare_records import sample_run

HOUR = 3600.0
INTERVAL = HOUR
STALE_SINCE = "glue_mv_refresh_view_stale_since_timestamp_seconds"
A_RESYNC = 20.0
"""Seconds within which one has begun and ended: they are five seconds apart."""


@pytest.fixture
def glue() -> Iterator[BareGlue]:
    """Give a view that is refreshed every hour. Six hours ago it was last; its source rests since before."""
    with BareGlue() as found:
        now = time.time()
        source = found.records.put_source("raw", "orders", update_time=now - 8 * HOUR)
        found.records.put_view(
            "sales",
            "daily",
            refresh_seconds=int(INTERVAL),
            definition={"ViewVersionId": 1, "SubObjects": [source]},
            CreateTime=now - 100 * HOUR,
            UpdateTime=now - 6 * HOUR,
        )
        ended = now - 6 * HOUR
        times = {
            "CreationTime": ended - 600,
            "StartTime": ended - 600,
            "EndTime": ended,
            "LastUpdated": ended,
        }
        found.records.put_run({**sample_run(1), "DatabaseName": "sales", "TableName": "daily", **times})
        yield found


def watching(folder: Path, glue: BareGlue) -> Program:
    """Return the program, with a state that survives it."""
    watched = {**target(glue.url), "views": ["sales.*"], "max_requests_per_second": 50}
    del watched["runs"]
    config = {"poll_interval": "5s", "resync_interval": "5s", "targets": [watched]}
    return serve(folder, config, f"--storage.path={folder / 'state'}")


def view(program: Program) -> dict[str, Any]:
    """Return what the JSON says of the view."""
    (item,) = json.loads(program.get("/api/v1/status").body)["views"]["items"]
    return dict(item)


def stale_since(program: Program) -> float | None:
    return program.scrape().value(STALE_SINCE, table="daily")


def change_source(glue: BareGlue, at: float) -> float:
    glue.records.put_source("raw", "orders", update_time=at)
    return at


def test_a_view_is_late_by_its_sources_and_not_by_its_age(glue: BareGlue, tmp_path: Path) -> None:
    with watching(tmp_path, glue) as program:
        wait_until(lambda: program.get("/-/ready").status == 200, A_RESYNC, "all is read once")
        assert stale_since(program) is None
        assert view(program)["overdue"] is False, "after five intervals"

        changed = change_source(glue, round(time.time()) - 1.5 * INTERVAL + A_RESYNC)
        wait_until(lambda: stale_since(program) == changed, A_RESYNC, "it is stale since that change")
        change_source(glue, changed + 60)  # the first change counts
        while not view(program)["overdue"]:
            assert time.time() < changed + 1.5 * INTERVAL + 5
            time.sleep(0.2)
        assert time.time() >= changed + 1.5 * INTERVAL

    with watching(tmp_path, glue) as program:
        wait_until(lambda: program.get("/-/ready").status == 200, A_RESYNC, "all is read again")
        assert view(program)["overdue"] is True
        assert stale_since(program) == changed

        new = {"ViewVersionId": 2}  # by Spark or Redshift, which leave no run
        refreshed = round(time.time()) - 60
        glue.records.change_table("sales", "daily", definition=new, UpdateTime=refreshed)
        wait_until(lambda: stale_since(program) is None, A_RESYNC, "a refresh without a run makes it fresh")
        assert view(program)["overdue"] is False

        glue.judge = lambda call: ACCESS_DENIED if call.parameters.get("DatabaseName") == "raw" else None
        wait_until(lambda: stale_since(program) == refreshed, A_RESYNC, "age alone tells")
        assert program.scrape().value("glue_mv_exporter_target_up") == 1
