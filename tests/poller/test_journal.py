"""Events as log lines: their severity, and what they name."""

import pytest
from structlog.testing import capture_logs

from exporter.errors import Reason
from exporter.model.run import RunKey
from exporter.poller.journal import Journal
from exporter.store.outcome import (
    Event,
    OwnedElsewhere,
    RunEnded,
    RunFailing,
    RunReadable,
    TargetDown,
    TargetUp,
    UnlistedStatus,
)
from tests.support.reader import ACCOUNT, glue_error
from tests.support.watching import REGION, ended

KEY = RunKey(REGION, ACCOUNT, "a")
NAMED = {"aws_region": REGION, "catalog_id": ACCOUNT, "run_id": "a"}


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
        (RunFailing(KEY, glue_error(Reason.NOT_FOUND)), "warning", NAMED),
        (RunFailing(KEY, glue_error(Reason.THROTTLED)), "warning", NAMED | {"reason": "throttled"}),
        (RunReadable(KEY), "info", NAMED),
        (UnlistedStatus(KEY, "CANCELLING"), "warning", NAMED | {"status": "CANCELLING"}),
        (TargetDown("prod", "why"), "error", {"target": "prod", "error": "why"}),
        (TargetUp("prod", first=True), "info", {"target": "prod", "event": "target is up"}),
        (TargetUp("prod", first=False), "info", {"target": "prod", "event": "target is up again"}),
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
