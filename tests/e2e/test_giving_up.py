"""A poll that cannot reach Glue says so after three calls: the next one tries again."""

from pathlib import Path

from tests.e2e.polls import TARGET_UP, await_polls, await_up
from tests.e2e.program import serve
from tests.e2e.test_views import LIST_RUNS, view_run, watching
from tests.support.bare_faults import OPERATION_TIMEOUT
from tests.support.bare_glue import BareGlue
from tests.support.bare_records import Listing

VIEWS = 12
OTHERS = 13_000
"""Runs of a view that nobody watches: a listing for each watched view takes fewer calls than one of all."""


def test_a_poll_gives_up_after_three_listings_that_timed_out(tmp_path: Path) -> None:
    with BareGlue() as glue:
        glue.listing = Listing(order="oldest")
        for number in range(VIEWS):
            glue.records.put_view(f"sales_{number}", "orders", refresh_seconds=3600)
            glue.records.put_run(view_run(number, f"sales_{number}", "orders", status="RUNNING"))
        for number in range(VIEWS, OTHERS):
            glue.records.put_run(view_run(number, "other", "view"))
        names = [f"sales_{number}.orders" for number in range(VIEWS)]
        with serve(tmp_path, watching(glue, *names)) as program:
            await_up(program, 60)
            glue.misbehave(OPERATION_TIMEOUT, operation=LIST_RUNS)
            await_polls(program, 2)
            glue.forget_calls()
            scraped = await_polls(program, 1)
            assert 1 <= glue.count(LIST_RUNS) <= 3, glue.calls()
            assert scraped.value(TARGET_UP) == 0
