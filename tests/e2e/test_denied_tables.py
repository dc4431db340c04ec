"""Where tables may not be read, views are known by their runs, and each run that ends is counted."""

import time
from pathlib import Path

import pytest

from tests.e2e.polls import VIEW, await_polls
from tests.e2e.program import Program, serve
from tests.e2e.test_kill import counted
from tests.e2e.test_views import LIST_RUNS, view_run, watching
from tests.support.bare_faults import ACCESS_DENIED
from tests.support.bare_glue import BareGlue


def deny_tables(glue: BareGlue) -> None:
    """Take away the permissions to read tables."""
    for operation in ("GetDatabases", "GetTables", "GetTable"):
        glue.misbehave(ACCESS_DENIED, operation=operation)


def await_orders(program: Program) -> None:
    """Wait for the view that has been there all the time."""
    program.scrape_until(
        lambda now: now.value(f"{VIEW}last_success_timestamp_seconds", table="orders") is not None,
        what="orders is known",
    )
    await_polls(program, 2)


@pytest.mark.parametrize("denied", ["from the start", "later"])
def test_a_view_created_while_tables_are_denied_counts_its_first_run(tmp_path: Path, denied: str) -> None:
    """Its pattern had been watched before, and a complete listing of runs had not held it."""
    with BareGlue() as glue:
        glue.records.put_view("sales", "orders", refresh_seconds=3600)
        glue.records.put_run(view_run(1, "sales", "orders"))
        if denied == "from the start":
            deny_tables(glue)
        with serve(tmp_path, watching(glue, "sales.*") | {"resync_interval": "5s"}) as program:
            await_orders(program)
            deny_tables(glue)
            glue.forget_calls()
            glue.wait_for_calls(1, "GetTables")
            glue.wait_for_calls(glue.count(LIST_RUNS) + 2, LIST_RUNS)
            now = time.time()
            times = {"CreationTime": now - 20, "StartTime": now - 15, "EndTime": now, "LastUpdated": now}
            glue.records.put_run({**view_run(2, "sales", "returns"), **times})
            scraped = program.scrape_until(
                lambda now: now.value(f"{VIEW}last_success_timestamp_seconds", table="returns") is not None,
                what="the new view is known",
            )
            scraped = await_polls(program)
            assert counted(scraped) == {"SUCCEEDED": 1}
