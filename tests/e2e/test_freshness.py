"""The program tells whether a view is as fresh as its sources, through a restart."""

import json
import time
from pathlib import Path
from typing import Any

from tests.e2e.exposition import VIEW
from tests.e2e.program import Program, serve, wait_until, watching
from tests.support.bare_faults import ACCESS_DENIED
from tests.support.bare_glue import BareGlue
from tests.support.bare_records import view_run

HOUR = 3600.0
INTERVAL = HOUR
A_RESYNC = 20.0
"""Seconds within which one has begun and ended: they are five seconds apart."""


def status(program: Program) -> dict[str, Any]:
    (item,) = json.loads(program.get("/api/v1/status").body)["views"]["items"]
    return dict(item)


def stale_since(program: Program) -> float | None:
    return program.scrape().value(f"{VIEW}stale_since_timestamp_seconds", table="orders")


def change_source(glue: BareGlue, at: float) -> float:
    glue.records.put_source("raw", "orders", update_time=at)
    return at


def test_a_view_is_late_by_its_sources_and_not_by_its_age(glue: BareGlue, tmp_path: Path) -> None:
    """It is refreshed every hour, and was last six hours ago; its source rests since before."""
    now = time.time()
    source = glue.records.put_source("raw", "orders", update_time=now - 8 * HOUR)
    glue.records.put_view(
        "sales",
        "orders",
        refresh_seconds=int(INTERVAL),
        definition={"ViewVersionId": 1, "SubObjects": [source]},
        CreateTime=now - 100 * HOUR,
        UpdateTime=now - 6 * HOUR,
    )
    glue.records.put_run(view_run(1, ended=now - 6 * HOUR))
    config = watching(glue, "sales.*", max_requests_per_second=50) | {"resync_interval": "5s"}
    state = f"--storage.path={tmp_path / 'state'}"
    with serve(tmp_path, config, state) as program:
        program.await_ready(A_RESYNC)
        assert stale_since(program) is None
        assert status(program)["overdue"] is False, "after five intervals"

        changed = change_source(glue, round(time.time()) - 1.5 * INTERVAL + A_RESYNC)
        wait_until(lambda: stale_since(program) == changed, A_RESYNC, "it is stale since that change")
        change_source(glue, changed + 60)  # the first change counts
        while not status(program)["overdue"]:
            assert time.time() < changed + 1.5 * INTERVAL + 5
            time.sleep(0.2)
        assert time.time() >= changed + 1.5 * INTERVAL

    with serve(tmp_path, config, state) as program:
        program.await_ready(A_RESYNC)
        assert status(program)["overdue"] is True
        assert stale_since(program) == changed

        new = {"ViewVersionId": 2}  # by Spark or Redshift, which leave no run
        refreshed = round(time.time()) - 60
        glue.records.change_table("sales", "orders", definition=new, UpdateTime=refreshed)
        wait_until(lambda: stale_since(program) is None, A_RESYNC, "a refresh without a run makes it fresh")
        assert status(program)["overdue"] is False

        glue.judge = lambda call: ACCESS_DENIED if call.parameters.get("DatabaseName") == "raw" else None
        wait_until(lambda: stale_since(program) == refreshed, A_RESYNC, "age alone tells")
        assert program.scrape().up() == 1
