"""Whole views are watched: with few calls, exact counters, and a state that survives anything."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.exposition import Exposition
from tests.e2e.program import Program, run, serve, target, wait_until, write_config
from tests.e2e.prometheus import prometheus
from tests.support.bare_glue import GET_RUN, BareGlue
from tests.support.bare_records import sample_run, sample_run_id

pytestmark = [pytest.mark.xdist_group("views"), pytest.mark.timeout(240)]

LIST_RUNS = "ListMaterializedViewRefreshTaskRuns"
VIEW = "glue_mv_refresh_view_"


def view_run(number: int, database: str, table: str, **more: Any) -> dict[str, Any]:
    """Return a run of this view."""
    return {**sample_run(number, **more), "DatabaseName": database, "TableName": table}


def watching(glue: BareGlue, *views: str, **more: Any) -> dict[str, Any]:
    """Return a configuration that watches these views."""
    fields = {"views": list(views), "max_requests_per_second": 200, **more}
    watched = target(glue.url, **fields)
    del watched["runs"]
    return {"poll_interval": "5s", "targets": [watched]}


@pytest.fixture
def glue() -> Iterator[BareGlue]:
    with BareGlue() as bare:
        yield bare


def test_a_hundred_views_and_ten_thousand_runs_take_few_calls(glue: BareGlue, tmp_path: Path) -> None:
    names = [(f"database_{number % 5}", f"view_{number}") for number in range(100)]
    for database, table in names:
        glue.records.put_view(database, table, refresh_seconds=3600)
    for number in range(10_000):
        glue.records.put_run(view_run(number, *names[number % 100]))
    with serve(tmp_path, watching(glue, "*.*")) as program:
        wait_until(lambda: program.get("/-/ready").status == 200, 30, "ready")
        until_ready = glue.count()
        assert until_ready <= 25, glue.calls()
        scraped = program.scrape()
        assert len(scraped.series(f"{VIEW}last_success_timestamp_seconds")) == 100
        assert len(scraped.series("glue_mv_refresh_run_info")) == 100
        assert not any(value for _, value in scraped.series(f"{VIEW}runs_total")), "all ended before"

        glue.forget_calls()
        first = poll_time(scraped)
        program.scrape_until(lambda now: poll_time(now) > first, what="the next poll")
        assert glue.count() <= 2, glue.calls()

        for number in range(10_000, 10_050):
            record = view_run(number, *names[number % 100], status="RUNNING")
            glue.records.put_run({**record, "CreationTime": time.time()})
        program.scrape_until(lambda now: active(now) == 50, what="fifty runs are active")
        glue.forget_calls()
        second = poll_time(program.scrape())
        program.scrape_until(lambda now: poll_time(now) > second, what="the next poll")
        assert glue.count(LIST_RUNS) <= 1, "all of them are on the first page"
        assert glue.count(GET_RUN) == 0


def poll_time(scraped: Exposition) -> float:
    return scraped.value("glue_mv_exporter_target_last_poll_timestamp_seconds") or 0.0


def active(scraped: Exposition) -> float | None:
    return scraped.value("glue_mv_exporter_target_runs", state="active")


def test_four_shards_together_are_one_exporter(tmp_path: Path) -> None:
    with ExitStack() as stack:
        glues = [stack.enter_context(BareGlue()) for _ in range(2)]
        for glue in glues:
            for number in range(60):
                glue.records.put_run(sample_run(number))
        alone, shared = (
            {
                "poll_interval": "1h",
                "targets": [
                    target(glue.url, sample_run_id(number), name=f"team-{number}") for number in range(60)
                ],
            }
            for glue in glues
        )
        one = stack.enter_context(serve(tmp_path / "one", alone))
        many = [
            stack.enter_context(serve(tmp_path / f"shard{index}", shared, f"--shard={index}/4"))
            for index in range(4)
        ]
        for program in [one, *many]:
            wait_until(lambda program=program: program.get("/-/ready").status == 200, 60, "ready")  # type: ignore[misc]  # binds it now
        expected = stable(one)
        parts = [stable(program) for program in many]
        assert sorted(line for part in parts for line in part) == expected
        assert all(len(part) > len(expected) // 20 for part in parts), "each has its share"
        assert glues[1].count(GET_RUN) == glues[0].count(GET_RUN) == 60


def stable(program: Program) -> list[str]:
    """Return the series of runs, with values, in order."""
    lines = program.scrape().text.splitlines()
    return sorted(line for line in lines if line.startswith("glue_mv_refresh_run_"))


def test_prometheus_sees_the_first_failure_of_a_view(glue: BareGlue, tmp_path: Path) -> None:
    glue.records.put_view("sales", "orders", refresh_seconds=3600)
    glue.records.put_run(view_run(1, "sales", "orders", status="RUNNING"))
    with (
        serve(tmp_path / "exporter", watching(glue, "sales.orders")) as program,
        prometheus(tmp_path / "prometheus", program.port) as server,
    ):
        failed = f'increase({VIEW}runs_total{{status="FAILED"}}[5m]) > 0'
        present = f'{VIEW}runs_total{{status="FAILED",refresh_type="INCREMENTAL"}} == 0'
        wait_until(lambda: server.query(f"count_over_time(({present})[1m:1s]) > 2"), 40, "zeros are there")
        assert server.query(failed) == []
        glue.records.put_run({**view_run(1, "sales", "orders", status="FAILED")})
        (series,) = wait_until(lambda: server.query(failed), 40, "the increase")
        assert series["metric"]["table"] == "orders"
        (newest,) = server.query(f"{VIEW}last_run_status == 1")
        assert newest["metric"]["status"] == "FAILED"


@pytest.mark.parametrize(("order", "overlap"), [("newest", 0), ("oldest", 0), ("random", 0), ("newest", 3)])
def test_the_order_of_a_listing_changes_no_series(
    glue: BareGlue, tmp_path: Path, order: str, overlap: int
) -> None:
    now = time.time()
    glue.records.put_view("sales", "orders", refresh_seconds=3600)
    for number in range(40):
        record = view_run(number, "sales", "orders", status=["SUCCEEDED", "FAILED"][number % 2], now=now)
        glue.records.put_run({**record, "CreationTime": now - 9000 + number})
    glue.listing = type(glue.listing)(order=order, page_limit=7, overlap=overlap)  # type: ignore[arg-type]  # a parameter's word
    lines = once(tmp_path, watching(glue, "sales.*"))
    assert f'{VIEW}last_run_info{{aws_region="eu-west-1"' in "\n".join(lines)
    assert any(sample_run_id(39) in line for line in lines if line.startswith(f"{VIEW}last_run_info"))
    assert [line.rsplit(" ", 1)[1] for line in lines if "consecutive_failures{" in line] == ["1"]
    glue.listing = type(glue.listing)()
    assert lines == once(tmp_path, watching(glue, "sales.*"))


def once(folder: Path, config: dict[str, Any]) -> Sequence[str]:
    """Return the series of views and runs that one poll gives."""
    outcome = run(folder, "once", f"--config.file={write_config(folder, config)}")
    assert outcome.status == 0, outcome.err
    return [line for line in outcome.out.splitlines() if line.startswith("glue_mv_refresh_")]
