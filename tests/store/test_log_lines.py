"""Lines of the log: what they name, and what runs share."""

import threading
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from exporter.errors import Reason
from exporter.store.log_lines import Line
from exporter.store.results import PollEnded
from exporter.store.store import Store
from tests.support.clock import SAFETY_NET, START
from tests.support.log import PLACE, elsewhere, failing, readable, unknown
from tests.support.reader import glue_error
from tests.support.store_bench import StoreBench, ended, target

THROTTLED = glue_error(Reason.THROTTLED)
UNKNOWN = glue_error(Reason.NOT_FOUND)


@pytest.mark.parametrize(
    ("status", "level", "end_time", "duration"),
    [
        ("SUCCEEDED", "info", START + 60.12345, 60.123),
        ("STOPPED", "info", None, None),
        ("FAILED", "warning", START + 60.0, 60.0),
    ],
)
def test_a_run_that_ended_is_logged_with_all_that_an_operator_asks_first(
    status: str, level: str, end_time: float | None, duration: float | None
) -> None:
    bench = StoreBench()
    store = Store(bench.clock, [])
    store.configure(replace(bench.store.settings, targets=(target("prod", "a"),)))
    run = ended("a", status=status, end_time=end_time)
    run = run._replace(refresh_type="FULL", error_message="table raw.orders not found")
    with capture_logs() as lines:
        store.apply(PollEnded(target="prod", started=START, duration=1.0, runs={"a": run}))
    assert lines[0] == {
        "log_level": level,
        "event": "run ended",
        **PLACE,
        "run_id": "a",
        "database": "sales",
        "table": "daily_orders",
        "status": status,
        "refresh_type": "FULL",
        "duration_seconds": duration,
        "dpu_seconds": 120.0,
        **({"cause": "source_missing"} if status == "FAILED" else {}),
        "error_message": "table raw.orders not found",
    }


def test_runs_that_fail_alike_share_a_line_that_names_a_few_of_them(bench: StoreBench) -> None:
    """A throttled catalog of 5,000 runs is one line, not 5,000."""
    run_ids = [f"run-{number:04}" for number in range(5000)]
    few = "run-0000 run-0001 run-0002 run-0003 run-0004"
    bench.watch(*run_ids, "gone")
    bench.read()
    throttled, again = failing(few, THROTTLED), readable(few)
    throttled.fields["number"] = again.fields["number"] = 5000
    lines = bench.read(errors={**dict.fromkeys(run_ids, THROTTLED), "gone": UNKNOWN})
    assert lines == [throttled, unknown("gone")]
    assert bench.read(*(ended(run_id, end_time=START - 60.0) for run_id in run_ids)) == [again]


@pytest.mark.parametrize(("count", "number"), [(5, {}), (6, {"number": 6})])
def test_the_first_five_names_are_named_and_how_many_there_are_where_these_are_not_all(
    bench: StoreBench, count: int, number: dict[str, int]
) -> None:
    run_ids = "abcdefgh"[:count]
    (line,) = bench.configure(target("first", *run_ids), target("second", *run_ids))
    expected = elsewhere("second", "first", "a b c d e")
    assert line == Line("warning", expected.message, {**expected.fields, **number})


def test_lines_are_written_to_the_log_once_the_store_can_be_used_by_others(bench: StoreBench) -> None:
    free: list[bool] = []

    def probe(_line: Line) -> None:
        other = threading.Thread(
            target=lambda: free.append(bench.store.watch("prod") is not None), daemon=True
        )
        other.start()
        other.join(SAFETY_NET)

    bench.store = Store(bench.clock, [bench.shown], log=probe)
    bench.watch("a")
    bench.store.apply(PollEnded(target="prod", started=START, duration=1.0))
    assert free == [True]
