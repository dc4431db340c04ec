"""A record that cannot be read, or says what cannot be, costs itself and nothing else."""

import json
import math
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.exposition import Exposition
from tests.e2e.polls import TARGET_UP, VIEW, await_polls, await_up
from tests.e2e.program import Program, serve
from tests.e2e.test_kill import counted
from tests.e2e.test_views import view_run, watching
from tests.support.bare_glue import BareGlue
from tests.support.bare_records import sample_run_id

YEAR_9999 = 253_402_300_799


@pytest.fixture
def glue() -> Iterator[BareGlue]:
    with BareGlue() as bare:
        for number, table in enumerate(("orders", "returns"), 1):
            bare.records.put_view("sales", table, refresh_seconds=3600)
            bare.records.put_run(view_run(number, "sales", table))
        yield bare


def new_run(number: int, table: str, *, status: str = "SUCCEEDED", **members: object) -> Mapping[str, Any]:
    """Return a run that has just ended."""
    now = time.time()
    times = {"CreationTime": now - 60, "StartTime": now - 50, "EndTime": now, "LastUpdated": now}
    return {**view_run(number, "sales", table, status=status), **times, **members}


def put_unreadable(glue: BareGlue, run: Mapping[str, Any], message: bytes) -> None:
    """Let Glue answer with these bytes for the error message of a run."""
    text = json.dumps({**run, "ErrorMessage": "HERE"}).encode()
    glue.records.put_run(run, body=text.replace(b'"HERE"', message))


def dpu_seconds(scraped: Exposition) -> dict[str, float]:
    """Return what is counted, by table."""
    totals: dict[str, float] = {}
    for labels, value in scraped.series(f"{VIEW}dpu_seconds_total"):
        totals[labels["table"]] = totals.get(labels["table"], 0.0) + value
    return totals


@pytest.mark.parametrize(
    ("message", "up"),
    [
        pytest.param(b"[" * 100_000 + b"]" * 100_000, 0, id="deep nesting"),
        pytest.param(b'"caf\xe9"', 1, id="a byte that is not UTF-8 in free text, which is replaced"),
    ],
)
def test_one_record_that_cannot_be_read_leaves_the_others_of_its_listing_readable(
    glue: BareGlue, tmp_path: Path, message: bytes, up: int
) -> None:
    put_unreadable(glue, new_run(3, "orders", status="FAILED"), message)
    with serve(tmp_path, watching(glue, "sales.*")) as program:
        await_successes(program)
        glue.records.put_run(new_run(4, "orders"))
        glue.records.put_run(new_run(5, "returns"))
        scraped = program.scrape_until(
            lambda now: counted(now) == {"SUCCEEDED": 2}, what="the new runs are counted"
        )
        assert scraped.value(TARGET_UP) == up
        assert program.log.count(sample_run_id(3)) <= 2, "it is not said at each poll"


def await_successes(program: Program) -> None:
    """Wait until both views' runs are known, and so is their baseline."""
    program.scrape_until(
        lambda now: len(now.series(f"{VIEW}last_success_timestamp_seconds")) == 2, what="both are known"
    )
    await_polls(program)


def test_a_record_that_was_unreadable_at_the_baseline_is_not_counted_after_a_restart(
    glue: BareGlue, tmp_path: Path
) -> None:
    """It had ended before the baseline, which only could not be seen then."""
    state = f"--storage.path={tmp_path / 'state'}"
    old = view_run(3, "sales", "orders")
    glue.records.put_run({**old, "StartTime": "yesterday"})
    with serve(tmp_path / "first", watching(glue, "sales.*"), state) as program:
        await_successes(program)
    glue.records.put_run(old)
    with serve(tmp_path / "second", watching(glue, "sales.*"), state) as program:
        await_up(program)
        assert counted(await_polls(program, 2)) == {}


@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED"])
def test_an_end_in_the_year_9999_is_no_later_than_when_it_was_first_seen(
    glue: BareGlue, tmp_path: Path, status: str
) -> None:
    """Else no view with such a run could ever be overdue."""
    name = {"SUCCEEDED": "last_success", "FAILED": "last_failure"}[status]
    with serve(tmp_path, watching(glue, "sales.*")) as program:
        await_up(program)
        before = time.time()
        glue.records.put_run(new_run(3, "orders", status=status, EndTime=YEAR_9999))
        scraped = program.scrape_until(lambda now: counted(now) == {status: 1}, what="it is counted")
        seen = scraped.value(f"{VIEW}{name}_timestamp_seconds", table="orders")
        assert seen is not None
        assert before - 2 <= seen <= time.time() + 2


def test_the_sum_of_two_huge_amounts_is_finite(glue: BareGlue, tmp_path: Path) -> None:
    with serve(tmp_path, watching(glue, "sales.*")) as program:
        await_up(program)
        for number in (3, 5):
            glue.records.put_run(new_run(number, "orders", DPUSeconds=1.7e308))
        scraped = program.scrape_until(lambda now: counted(now) == {"SUCCEEDED": 2}, what="both are counted")
        assert math.isfinite(dpu_seconds(scraped)["orders"])
        glue.records.put_run(new_run(7, "returns", DPUSeconds=5.0))
        scraped = program.scrape_until(lambda now: counted(now) == {"SUCCEEDED": 3}, what="and so is another")
        assert dpu_seconds(scraped)["returns"] == 5.0


def test_what_a_run_adds_later_goes_to_the_series_that_counted_it(glue: BareGlue, tmp_path: Path) -> None:
    """Also where Glue by then reports the run under another table."""
    with serve(tmp_path, watching(glue, "sales.*")) as program:
        await_up(program)
        glue.records.put_run(new_run(3, "orders", DPUSeconds=10.0))
        program.scrape_until(lambda now: dpu_seconds(now) == {"orders": 10, "returns": 0}, what="10 counted")
        glue.records.put_run(new_run(3, "returns", DPUSeconds=15.0))
        scraped = program.scrape_until(lambda now: sum(dpu_seconds(now).values()) == 15, what="and 5 more")
        assert dpu_seconds(scraped) == {"orders": 15, "returns": 0}
        assert counted(scraped) == {"SUCCEEDED": 1}
