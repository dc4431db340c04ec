"""A failed refresh shows with the next poll, whatever else is read meanwhile."""

import time
from pathlib import Path

from tests.e2e.exposition import Exposition
from tests.e2e.polls import VIEW, await_polls, await_up, offset
from tests.e2e.program import serve, target, write_config
from tests.e2e.test_kill import counted
from tests.e2e.test_views import LIST_RUNS, view_run, watching
from tests.support.bare_faults import Fault, slow
from tests.support.bare_glue import BareGlue, Call
from tests.support.bare_records import sample_run, sample_run_id

RUNS = 8_000
ANOTHER_CATALOG = "210987654321"


def slow_from_the_sixth_page_on(call: Call) -> Fault | None:
    """Let a complete listing take so long that others are polled meanwhile."""
    return slow(3.0) if call.operation == LIST_RUNS and offset(call) >= 5_000 else None


def shown(scraped: Exposition) -> tuple[float | None, float | None]:
    """Return whether the newest run has failed, and how many have in a row."""
    return (
        scraped.value(f"{VIEW}last_run_status", table="orders", status="FAILED"),
        scraped.value(f"{VIEW}consecutive_failures", table="orders"),
    )


def test_a_failure_in_a_long_listing_shows_though_another_target_is_polled_meanwhile(tmp_path: Path) -> None:
    """Once it is counted, the view's last run and its failures in a row say so, too."""
    with BareGlue() as glue, BareGlue() as neighbour:
        glue.records.put_view("sales", "orders", refresh_seconds=3600)
        for number in range(RUNS):
            glue.records.put_run(view_run(number, "sales", "orders"))
        neighbour.records.put_run(sample_run(1, status="RUNNING"), catalog_id=ANOTHER_CATALOG)
        config = watching(glue, "sales.*") | {"resync_interval": "5s"}
        other = target(neighbour.url, sample_run_id(1), name="neighbour", catalog_id=ANOTHER_CATALOG)
        config["targets"].append(other)
        with serve(tmp_path, config) as program:
            await_up(program)
            glue.judge = slow_from_the_sixth_page_on
            now = time.time()
            failed = view_run(RUNS, "sales", "orders", status="FAILED")
            glue.records.put_run({**failed, "CreationTime": now - 60, "StartTime": now - 50, "EndTime": now})
            program.scrape_until(lambda now: counted(now) == {"FAILED": 1}, 60, "the failure is counted")
            assert shown(await_polls(program, 2)) == (1, 1)


def test_a_failure_shows_while_a_resync_takes_longer_than_a_poll(tmp_path: Path) -> None:
    """Neither makes the other wait, but for the rate that they share, and there polls go first."""
    with BareGlue() as glue:
        for number in range(170):
            glue.records.put_view(f"database_{number}", "view", refresh_seconds=3600)
        glue.records.put_view("sales", "orders", refresh_seconds=3600)
        glue.records.put_run(view_run(1, "sales", "orders", status="RUNNING"))
        config = watching(glue, "*.*", max_requests_per_second=500) | {"resync_interval": "5s"}
        with serve(tmp_path, config, "--web.enable-lifecycle") as program:
            await_up(program)
            config["targets"][0]["max_requests_per_second"] = 5
            write_config(tmp_path, config)
            assert program.get("/-/reload", method="POST").status == 200
            glue.forget_calls()
            glue.wait_for_calls(20, "GetTables")
            glue.records.put_run(view_run(1, "sales", "orders", status="FAILED"))
            program.scrape_until(lambda now: shown(now) == (1, 1), 20, "the failure shows")
