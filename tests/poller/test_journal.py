"""Events as log lines: their severity, and what they name."""

import pytest
from structlog.testing import capture_logs

from exporter.errors import Reason
from exporter.model.run import RunKey
from exporter.poller.journal import Journal
from exporter.store.outcome import (
    Event,
    OwnedElsewhere,
    PatternMatchesNothing,
    RecordMalformed,
    RunEnded,
    RunFailing,
    RunIgnored,
    RunReadable,
    StorageFailing,
    StorageWorking,
    TargetDown,
    TargetUp,
    UnlistedStatus,
)
from tests.support.reader import ACCOUNT, glue_error
from tests.support.watching import REGION, ended

KEY = RunKey(REGION, ACCOUNT, "a")
PLACE = {"aws_region": REGION, "catalog_id": ACCOUNT}
NAMED = PLACE | {"run_id": "a"}


def line(event: Event) -> dict[str, object]:
    """Return the one line that an event makes."""
    with capture_logs() as lines:
        Journal().write([event])
    (only,) = lines
    return dict(only)


@pytest.mark.parametrize(
    ("status", "level"), [("SUCCEEDED", "info"), ("STOPPED", "info"), ("FAILED", "warning")]
)
def test_a_run_that_ended_is_told_with_all_that_an_operator_asks_first(status: str, level: str) -> None:
    assert line(RunEnded(KEY, ended("a", status=status))) == {
        "log_level": level,
        "event": "run ended",
        **NAMED,
        "database": "sales",
        "table": "daily_orders",
        "status": status,
        "refresh_type": None,
        "duration_seconds": 60.0,
        "dpu_seconds": 120.0,
        "error_message": None,
    }


@pytest.mark.parametrize(
    ("event", "level", "named"),
    [
        (RunFailing(KEY, glue_error(Reason.NOT_FOUND)), "warning", PLACE | {"run_ids": "a"}),
        (
            RunFailing(KEY, glue_error(Reason.THROTTLED, "slow down")),
            "warning",
            PLACE
            | {
                "run_ids": "a",
                "reason": "throttled",
                "error": "GetMaterializedViewRefreshTaskRun: slow down",
            },
        ),
        (RunReadable(KEY), "info", PLACE | {"run_ids": "a"}),
        (UnlistedStatus(KEY, "CANCELLING"), "warning", NAMED | {"status": "CANCELLING"}),
        (TargetDown("prod", "why"), "error", {"target": "prod", "error": "why"}),
        (TargetUp("prod", first=True), "info", {"target": "prod", "event": "target is up"}),
        (TargetUp("prod", first=False), "info", {"target": "prod", "event": "target is up again"}),
        (PatternMatchesNothing("prod", "sales.*"), "warning", {"target": "prod", "pattern": "sales.*"}),
        (RunIgnored(KEY), "warning", NAMED),
        (RecordMalformed("prod", "what"), "warning", {"target": "prod", "error": "what"}),
        (StorageFailing("disk full"), "error", {"error": "disk full"}),
        (StorageWorking(), "info", {}),
    ],
)
def test_every_event_has_its_severity_and_names_what_it_is_about(
    event: Event, level: str, named: dict[str, object]
) -> None:
    written = line(event)
    assert written["log_level"] == level
    assert named.items() <= written.items()


def test_many_names_are_counted_and_only_a_few_told() -> None:
    names = tuple(f"run-{number}" for number in range(1000))
    written = line(OwnedElsewhere("second", "first", names))
    assert written["log_level"] == "warning"
    assert 1000 in written.values()
    assert len(str(written)) < 500


def test_runs_that_fail_alike_share_a_line() -> None:
    """A throttled catalog of 5,000 runs is one line, not 5,000."""
    throttled = [
        RunFailing(KEY._replace(run_id=f"run-{n}"), glue_error(Reason.THROTTLED)) for n in range(5000)
    ]
    unknown = RunFailing(KEY, glue_error(Reason.NOT_FOUND))
    readable = [RunReadable(event.key) for event in throttled]
    with capture_logs() as lines:
        Journal().write([*throttled, unknown, *readable])
    assert [(written["log_level"], written.get("number")) for written in lines] == [
        ("warning", 5000),
        ("warning", None),
        ("info", 5000),
    ]
    assert len(str(lines)) < 2000
