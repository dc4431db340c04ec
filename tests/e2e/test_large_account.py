"""An account of any size is read to its end, with few calls, and is not up before that."""

import re
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.exposition import EXPORTER, VIEW
from tests.e2e.program import run, serve, target, wait_until, watching, write_config
from tests.support.bare_faults import slow
from tests.support.bare_glue import LIST_RUNS, BareGlue
from tests.support.bare_records import Listing, sample_run, sample_run_id, view_run

pytestmark = pytest.mark.timeout(240)

DATABASES = 170
"""At five requests a second, more than the 30 s of a poll allow to ask for."""


def put_views(glue: BareGlue, views: int, databases: int) -> list[str]:
    names = [f"database_{number % databases}.view_{number}" for number in range(views)]
    for number, name in enumerate(names):
        glue.records.put_view(*name.split("."), refresh_seconds=3600)
        glue.records.put_run(view_run(number, name))
    return names


def first_pages_alone(glue: BareGlue) -> bool:
    """Tell whether the first page of the runs is all that was asked for, and that once a poll."""
    calls = glue.calls()
    asked = {(call.operation, call.offset) for call in calls}
    return asked <= {(LIST_RUNS, 0)} and all(later.at - call.at > 0.5 for call, later in pairwise(calls))


def test_a_hundred_views_and_ten_thousand_runs_take_few_calls(glue: BareGlue, tmp_path: Path) -> None:
    names = put_views(glue, 100, databases=5)
    for number in range(100, 10_000):
        glue.records.put_run(view_run(number, names[number % 100]))
    with serve(tmp_path, watching(glue, "*.*")) as program:
        program.await_ready()
        assert glue.count() <= 25, glue.calls()
        scraped = program.scrape()
        assert len(scraped.series(f"{VIEW}last_success_timestamp_seconds")) == 100
        assert len(scraped.series("glue_mv_refresh_run_info")) == 100
        assert scraped.counted == {}, "all ended before"

        glue.forget_calls()
        program.await_polls()
        assert first_pages_alone(glue)

        for number in range(10_000, 10_050):
            record = view_run(number, names[number % 100], status="RUNNING", CreationTime=time.time())
            glue.records.put_run(record)
        program.scrape_until(
            lambda now: now.value(f"{EXPORTER}target_runs", state="active") == 50, what="fifty are active"
        )
        glue.forget_calls()
        program.await_polls()
        assert first_pages_alone(glue), "all of them are there"


@pytest.mark.parametrize(("order", "overlap"), [("random", 0), ("newest", 3)])
def test_the_order_of_a_listing_changes_no_series(
    glue: BareGlue, tmp_path: Path, order: Any, overlap: int
) -> None:
    def once() -> Sequence[str]:
        file = write_config(tmp_path, watching(glue, "sales.*"))
        outcome = run(tmp_path, "once", f"--config.file={file}")
        assert outcome.status == 0, outcome.err
        return [line for line in outcome.out.splitlines() if line.startswith("glue_mv_refresh_")]

    now = time.time()
    glue.records.put_view("sales", "orders", refresh_seconds=3600)
    for number in range(40):
        status = ("SUCCEEDED", "FAILED")[number % 2]
        glue.records.put_run(view_run(number, status=status, now=now, CreationTime=now - 9000 + number))
    glue.listing = Listing(order=order, page_limit=7, overlap=overlap)
    lines = once()
    (newest,) = [line for line in lines if line.startswith(f"{VIEW}last_run_info")]
    assert sample_run_id(39) in newest
    assert [line.rsplit(" ", 1)[1] for line in lines if "consecutive_failures{" in line] == ["1"]
    glue.listing = Listing()
    assert lines == once()


def test_views_named_one_by_one_cost_what_a_glob_for_them_costs(glue: BareGlue, tmp_path: Path) -> None:
    """In calls as few as the pages of their databases, and about the same processor time."""

    def cpu_seconds(*views: str) -> float:
        with serve(tmp_path, watching(glue, *views, max_requests_per_second=500)) as program:
            # Parsing so many lines would take longer than all that is measured.
            up = f'\n{EXPORTER}target_up{{target="test"}} 1\n'
            wait_until(lambda: up in program.get("/metrics").text, 120, "the target is up")
            text = program.scrape().text
            assert len(re.findall(rf"^{VIEW}up{{.*}} 1$", text, re.MULTILINE)) == 3_000
            (used,) = re.findall(r"^process_cpu_seconds_total (\S+)$", text, re.MULTILINE)
            return float(used)

    names = put_views(glue, 3_000, databases=30)
    by_glob = cpu_seconds("*.*")
    glue.forget_calls()
    by_name = cpu_seconds(*names)
    assert glue.count("GetTables") == 30
    assert glue.count("GetTable") == 0
    assert glue.count("GetDatabases") <= 1
    assert by_name < 3 * by_glob


def test_an_account_that_takes_longer_than_a_poll_is_read_to_its_end(glue: BareGlue, tmp_path: Path) -> None:
    """At the default rate. Every database is asked for once, and then each view is up."""
    put_views(glue, DATABASES, DATABASES)
    config = watching(glue, "*.*", max_requests_per_second=5) | {"poll_interval": "30s"}
    with serve(tmp_path, config) as program:
        scraped = program.await_up(seconds=150)
        assert scraped.views_up == DATABASES
        assert len(scraped.series(f"{VIEW}last_success_timestamp_seconds")) == DATABASES
        assert glue.count("GetTables") == DATABASES


def test_a_failure_in_a_long_listing_shows_though_another_target_is_polled_meanwhile(
    glue: BareGlue, tmp_path: Path
) -> None:
    """Once it is counted, the view's last run and its failures in a row say so, too."""
    glue.records.put_view("sales", "orders", refresh_seconds=3600)
    for number in range(8_000):
        glue.records.put_run(view_run(number))
    with BareGlue() as neighbour:
        run_id = neighbour.records.put_run(sample_run(1, status="RUNNING"))
        config = watching(glue, "sales.*") | {"resync_interval": "5s"}
        config["targets"].append(target(neighbour.url, run_id, name="neighbour", aws_region="us-east-1"))
        with serve(tmp_path, config) as program:
            program.await_up()
            glue.judge = lambda call: (
                slow(3.0) if call.operation == LIST_RUNS and call.offset >= 5_000 else None
            )
            glue.records.put_run(view_run(8_000, status="FAILED", ended=time.time()))
            program.scrape_until(lambda now: now.counted == {"FAILED": 1}, what="the failure is counted")
            scraped = program.await_polls(2)
            assert scraped.value(f"{VIEW}last_run_status", status="FAILED") == 1
            assert scraped.value(f"{VIEW}consecutive_failures") == 1
