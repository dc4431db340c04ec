"""Each run that ends is counted once, whatever Glue says of it, may not be asked, or takes for the time."""

import json
import math
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.exposition import EXPORTER, RUN, VIEW, Exposition
from tests.e2e.program import Program, serve, target, watching
from tests.support.bare_faults import ACCESS_DENIED, slow
from tests.support.bare_glue import LIST_RUNS, BareGlue
from tests.support.bare_records import sample_run_id, view_run

DAY = 86_400
YEAR_9999 = 253_402_300_799
TABLES = ("orders", "returns")
LIBFAKETIME = next(iter(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")), None)


@pytest.fixture
def sales() -> Iterator[BareGlue]:
    """Give two views, each with a run that has ended."""
    with BareGlue() as glue:
        for number, table in enumerate(TABLES, 1):
            glue.records.put_view("sales", table, refresh_seconds=3600)
            glue.records.put_run(view_run(number, f"sales.{table}"))
        yield glue


def await_successes(program: Program, *tables: str) -> None:
    """Wait until the runs of these views are known, and so is their baseline."""
    program.scrape_until(
        lambda now: all(now.series(f"{VIEW}last_success_timestamp_seconds", table=table) for table in tables),
        what=f"{tables} are known",
    )
    program.await_polls(2)


def await_counted(program: Program, **expected: int) -> Exposition:
    return program.scrape_until(lambda now: now.counted == expected, what=f"{expected} are counted")


def dpu_seconds(scraped: Exposition) -> dict[str, float]:
    counted = scraped.series(f"{VIEW}dpu_seconds_total")
    return {
        table: sum(value for labels, value in counted if labels["table"] == table)
        for table in sorted({labels["table"] for labels, _ in counted})
    }


# Records that cannot be read, or say what cannot be, cost themselves and nothing else.


@pytest.mark.parametrize(
    ("message", "up"),
    [
        pytest.param(b"[" * 100_000 + b"]" * 100_000, 0, id="deep nesting"),
        pytest.param(b'"caf\xe9"', 1, id="a byte that is not UTF-8 in free text, which is replaced"),
    ],
)
def test_one_record_that_cannot_be_read_leaves_the_others_of_its_listing_readable(
    sales: BareGlue, tmp_path: Path, message: bytes, up: int
) -> None:
    text = json.dumps(view_run(3, status="FAILED", ended=time.time(), ErrorMessage="HERE")).encode()
    sales.records.put_run(view_run(3), body=text.replace(b'"HERE"', message))
    with serve(tmp_path, watching(sales, "sales.*")) as program:
        await_successes(program, *TABLES)
        for number, table in enumerate(TABLES, 4):
            sales.records.put_run(view_run(number, f"sales.{table}", ended=time.time()))
        assert await_counted(program, SUCCEEDED=2).up() == up
        assert program.log.count(sample_run_id(3)) <= 2, "it is not said at each poll"


def test_a_record_that_was_unreadable_at_the_baseline_is_not_counted_after_a_restart(
    sales: BareGlue, tmp_path: Path
) -> None:
    """It had ended before the baseline, which only could not be seen then."""
    state = f"--storage.path={tmp_path / 'state'}"
    sales.records.put_run(view_run(3, StartTime="yesterday"))
    with serve(tmp_path, watching(sales, "sales.*"), state) as program:
        await_successes(program, *TABLES)
    sales.records.put_run(view_run(3))
    with serve(tmp_path, watching(sales, "sales.*"), state) as program:
        program.await_up()
        assert program.await_polls(2).counted == {}


@pytest.mark.parametrize(("status", "name"), [("SUCCEEDED", "last_success"), ("FAILED", "last_failure")])
def test_an_end_in_the_year_9999_is_no_later_than_when_it_was_first_seen(
    sales: BareGlue, tmp_path: Path, status: str, name: str
) -> None:
    """Else no view with such a run could ever be overdue."""
    with serve(tmp_path, watching(sales, "sales.*")) as program:
        program.await_up()
        before = time.time()
        sales.records.put_run(view_run(3, status=status, ended=before, EndTime=YEAR_9999))
        scraped = await_counted(program, **{status: 1})
        seen = scraped.value(f"{VIEW}{name}_timestamp_seconds", table="orders")
        assert seen is not None
        assert before - 30 <= seen <= time.time() + 2, "by Glue's clock, as its last answer told it"


def test_amounts_stay_finite_and_with_the_series_that_counted_them(sales: BareGlue, tmp_path: Path) -> None:
    """Also where Glue reports more of a run later, under another table by then."""
    with serve(tmp_path, watching(sales, "sales.*")) as program:
        program.await_up()
        sales.records.put_run(view_run(3, ended=time.time(), DPUSeconds=10.0))
        assert dpu_seconds(await_counted(program, SUCCEEDED=1)) == {"orders": 10, "returns": 0}
        sales.records.put_run(view_run(3, "sales.returns", ended=time.time(), DPUSeconds=15.0))
        scraped = program.scrape_until(lambda now: sum(dpu_seconds(now).values()) == 15, what="and 5 more")
        assert dpu_seconds(scraped) == {"orders": 15, "returns": 0}
        assert scraped.counted == {"SUCCEEDED": 1}
        for number in (5, 7):
            sales.records.put_run(view_run(number, ended=time.time(), DPUSeconds=1.7e308))
        sales.records.put_run(view_run(9, "sales.returns", ended=time.time(), DPUSeconds=5.0))
        found = dpu_seconds(await_counted(program, SUCCEEDED=4))
        assert math.isfinite(found["orders"])
        assert found["returns"] == 5.0


def test_a_run_configured_in_upper_case_and_listed_in_lower_case_is_one_run(
    glue: BareGlue, tmp_path: Path
) -> None:
    """It is shown as Glue writes it."""
    glue.records.put_view("sales", "orders", refresh_seconds=3600)
    run_id = glue.records.put_run(view_run(3, status="RUNNING"))
    with serve(tmp_path, watching(glue, "sales.*", runs=[run_id.upper()])) as program:
        program.await_up()
        glue.records.put_run(view_run(3))
        await_counted(program, SUCCEEDED=1)
        scraped = program.await_polls()
        assert scraped.counted == {"SUCCEEDED": 1}
        for name in ("info", "up"):
            assert [labels["run_id"] for labels, _ in scraped.series(RUN + name)] == [run_id]
        assert scraped.status(run_id) == "SUCCEEDED"


def test_a_configured_run_of_a_named_view_that_glue_does_not_know_is_among_the_targets_runs(
    glue: BareGlue, tmp_path: Path
) -> None:
    glue.records.put_database("sales")
    run_id = glue.records.put_run(view_run(1, "sales.gone", status="RUNNING"))
    with serve(tmp_path, watching(glue, "sales.gone", runs=[run_id])) as program:
        program.scrape_until(lambda now: now.status(run_id) == "RUNNING", what="the run is read")
        scraped = program.await_polls(2)
        assert len(scraped.series(f"{RUN}info")) == 1
        states = {labels["state"]: n for labels, n in scraped.series(f"{EXPORTER}target_runs") if n}
        assert states == {"active": 1}


# Baselines.


def test_a_view_created_while_tables_are_denied_counts_its_first_run(glue: BareGlue, tmp_path: Path) -> None:
    """Its pattern had been watched before, and a complete listing of runs had not held it."""
    glue.records.put_view("sales", "orders", refresh_seconds=3600)
    glue.records.put_run(view_run(1))
    with serve(tmp_path, watching(glue, "sales.*") | {"resync_interval": "5s"}) as program:
        await_successes(program, "orders")
        for operation in ("GetDatabases", "GetTables", "GetTable"):
            glue.misbehave(ACCESS_DENIED, operation=operation)
        glue.forget_calls()
        glue.wait_for_calls(1, "GetTables")
        glue.wait_for_calls(glue.count(LIST_RUNS) + 2, LIST_RUNS)
        glue.records.put_run(view_run(2, "sales.returns", ended=time.time()))
        await_successes(program, "returns")
        assert program.scrape().counted == {"SUCCEEDED": 1}


def test_a_view_added_during_a_long_listing_counts_none_of_its_old_runs(
    glue: BareGlue, tmp_path: Path
) -> None:
    """Its baseline is a listing that was read for it from the first page to the last."""
    now = time.time()
    for database, table in (("sales", "orders"), ("finance", "ledger"), ("hr", "people")):
        glue.records.put_view(database, table, refresh_seconds=3600, CreateTime=now - 30 * DAY)
    for number in range(200):
        glue.records.put_run(view_run(number, "hr.people", now=now + 3600))
    for number in range(200, 7_000):
        glue.records.put_run(view_run(number, ("sales.orders", "finance.orders")[number % 2], now=now))
    glue.judge = lambda call: slow(3.0) if call.operation == LIST_RUNS and call.offset >= 5_000 else None
    with serve(tmp_path, watching(glue, "sales.*", "finance.*"), "--web.enable-lifecycle") as program:
        glue.wait_for_calls(6, LIST_RUNS)
        reply = program.reload(watching(glue, "sales.*", "finance.*", "hr.people"))
        assert reply.status == 200, reply.text
        program.await_view("people")
        await_successes(program, "people")
        assert program.scrape().counted == {}


# A wrong clock makes no difference: Glue's times are compared with Glue's clock.


def following(clock: Path) -> dict[str, str]:
    """Return the environment in which the time is what this file says."""
    assert LIBFAKETIME is not None, "libfaketime is missing"
    return {
        "LD_PRELOAD": str(LIBFAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


def test_a_machine_that_boots_in_1970_counts_no_old_runs(glue: BareGlue, tmp_path: Path) -> None:
    """Not before its clock is set, and not afterwards; what ends then counts."""
    now = time.time()
    glue.records.put_view("sales", "orders", refresh_seconds=3600, CreateTime=now - 30 * DAY)
    for number in range(30):
        glue.records.put_run(view_run(number, ended=now - DAY - number))
    clock = tmp_path / "clock"
    clock.write_text(f"-{int(now)}\n")
    with serve(tmp_path / "program", watching(glue, "sales.*"), env=following(clock)) as program:
        assert program.await_up().counted == {}
        clock.write_text("+0\n")
        assert program.await_polls(2).counted == {}
        glue.records.put_run(view_run(30, ended=time.time()))
        await_counted(program, SUCCEEDED=1)


@pytest.mark.parametrize("hours", [7, -7])
def test_the_clock_is_set_by_hours(glue: BareGlue, tmp_path: Path, hours: int) -> None:
    """While it runs: polls go on, no value changes, durations are never negative, the skew tells."""
    run_id = glue.records.put_run(view_run(1, status="RUNNING"))
    clock = tmp_path / "clock"
    clock.write_text("+0\n")
    config = {"poll_interval": "5s", "targets": [target(glue.url, run_id)]}
    with serve(tmp_path / "program", config, env=following(clock)) as program:
        good = program.await_up()
        calls = glue.count()
        clock.write_text(f"{hours:+}h\n")
        glue.wait_for_calls(calls + 2)

        def skewed(scraped: Exposition) -> bool:
            skew = scraped.value(f"{EXPORTER}target_clock_skew_seconds") or 0.0
            return abs(skew + hours * 3600) < 60

        scraped = program.scrape_until(skewed, what="the skew is told")
        assert scraped.up() == 1, program.log
        assert program.get("/-/healthy").status == program.get("/-/ready").status == 200
        for name in ("dpu_seconds", "processed_bytes", "run_start_timestamp_seconds"):
            assert scraped.series(RUN + name) == good.series(RUN + name)
        duration = scraped.value(f"{RUN}duration_seconds")
        assert duration is not None
        assert duration >= 0
