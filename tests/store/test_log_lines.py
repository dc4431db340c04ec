"""Lines of the log: their severity, what they name, and what runs share."""

import threading

import pytest
from structlog.testing import capture_logs

from exporter.errors import Reason
from exporter.model.run import Run, RunKey
from exporter.store.log_lines import Line, LogLines, write
from exporter.store.results import PollEnded
from exporter.store.store import Store
from tests.poller.bench import run
from tests.support.clock import SAFETY_NET, START
from tests.support.log import elsewhere, failing, readable, run_ended, unknown
from tests.support.reader import ACCOUNT, glue_error
from tests.support.watching import StoreBench, target, watch
from tests.support.watching import ended as over

THROTTLED = glue_error(Reason.THROTTLED)
UNKNOWN = glue_error(Reason.NOT_FOUND)


def ended(run: Run) -> dict[str, object]:
    """Return what the log says of a run that ended."""
    log = LogLines()
    log.run_ended(RunKey("eu-west-1", ACCOUNT, run.run_id), run)
    (line,) = log.take()
    return {"level": line.level, **line.fields}


@pytest.mark.parametrize(
    ("status", "level"), [("SUCCEEDED", "info"), ("STOPPED", "info"), ("FAILED", "warning")]
)
def test_a_run_that_ended_is_logged_with_all_that_an_operator_asks_first(status: str, level: str) -> None:
    failed = run("a", status=status)._replace(
        end_time=START + 60.12345, refresh_type="FULL", error_message="table raw.orders not found"
    )
    assert ended(failed) == {
        "level": level,
        "aws_region": "eu-west-1",
        "catalog_id": ACCOUNT,
        "run_id": "a",
        "database": "sales",
        "table": "orders",
        "status": status,
        "refresh_type": "FULL",
        "duration_seconds": 60.123,
        "dpu_seconds": 120.0,
        **({"cause": "source_missing"} if status == "FAILED" else {}),
        "error_message": "table raw.orders not found",
    }


def test_a_run_that_ended_at_an_unknown_time_is_logged_without_a_duration() -> None:
    assert ended(run("a")._replace(end_time=None))["duration_seconds"] is None


def test_runs_that_fail_alike_share_a_line_that_names_a_few_of_them(bench: StoreBench) -> None:
    """A throttled catalog of 5,000 runs is one line, not 5,000."""
    run_ids = [f"run-{number:04}" for number in range(5000)]
    few = "run-0000 run-0001 run-0002 run-0003 run-0004"
    bench.configure(watch(target("prod", *run_ids, "gone")))
    bench.commit("prod")
    throttled = failing(few, THROTTLED)
    throttled.fields["number"] = 5000
    lines = bench.commit("prod", errors={**dict.fromkeys(run_ids, THROTTLED), "gone": UNKNOWN})
    assert lines == [throttled, unknown("gone")]
    again = readable(few)
    again.fields["number"] = 5000
    runs = [over(run_id, end_time=START - 60.0) for run_id in run_ids]
    assert bench.commit("prod", *runs) == [again]


@pytest.mark.parametrize(("count", "number"), [(5, {}), (6, {"number": 6})])
def test_the_first_five_names_are_named_and_how_many_there_are_where_these_are_not_all(
    bench: StoreBench, count: int, number: dict[str, int]
) -> None:
    run_ids = "abcdefgh"[:count]
    (line,) = bench.configure(watch(target("first", *run_ids), target("second", *run_ids)))
    expected = elsewhere("second", "first", "a b c d e")
    assert line == Line("warning", expected.message, {**expected.fields, **number})


def test_lines_are_written_to_the_log_once_the_store_can_be_used_by_others() -> None:
    bench = StoreBench()
    free: list[bool] = []

    def probe(_line: Line) -> None:
        other = threading.Thread(target=lambda: free.append(bool(bench.store.targets())), daemon=True)
        other.start()
        other.join(SAFETY_NET)

    bench.store = Store(bench.clock, [bench.shown], log=probe)
    bench.store.configure(watch(target("prod", "a")))
    bench.store.apply(PollEnded(target="prod", started=START, duration=1.0))
    assert free == [True]


def test_a_line_goes_to_the_log_with_its_severity_and_fields() -> None:
    line = run_ended(run("a", status="FAILED"))
    with capture_logs() as lines:
        write(line)
    assert lines == [{"log_level": "warning", "event": "run ended", **line.fields}]
