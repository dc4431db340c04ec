"""Events as log lines: their severity, and what they name."""

import pytest
from structlog.testing import capture_logs

from exporter.errors import Reason
from exporter.model.patterns import OwnedElsewhere
from exporter.model.run import RunKey
from exporter.poller.event_log import EventLog
from exporter.store.results import (
    Event,
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
from tests.poller.bench import REGION, run
from tests.support.clock import START
from tests.support.reader import ACCOUNT, glue_error

KEY = RunKey(REGION, ACCOUNT, "a")
PLACE = {"aws_region": REGION, "catalog_id": ACCOUNT}
NAMED = PLACE | {"run_id": "a"}


def line(event: Event) -> dict[str, object]:
    """Return the one line that an event makes."""
    with capture_logs() as lines:
        EventLog().write([event])
    (only,) = lines
    return dict(only)


@pytest.mark.parametrize(
    ("status", "level"), [("SUCCEEDED", "info"), ("STOPPED", "info"), ("FAILED", "warning")]
)
def test_a_run_that_ended_is_logged_with_all_that_an_operator_asks_first(status: str, level: str) -> None:
    assert line(RunEnded(KEY, run("a", status=status))) == {
        "log_level": level,
        "event": "run ended",
        **NAMED,
        "database": "sales",
        "table": "orders",
        "status": status,
        "refresh_type": None,
        "duration_seconds": 60.0,
        "dpu_seconds": 120.0,
        "error_message": None,
    }


def test_a_run_that_ended_is_logged_with_its_type_its_error_and_its_duration_to_the_millisecond() -> None:
    failed = run("a", status="FAILED")._replace(
        end_time=START + 60.12345, refresh_type="FULL", error_message="no such table"
    )
    written = line(RunEnded(KEY, failed))
    assert (written["refresh_type"], written["error_message"]) == ("FULL", "no such table")
    assert written["duration_seconds"] == 60.123


def test_a_run_that_ended_at_an_unknown_time_is_logged_without_a_duration() -> None:
    assert line(RunEnded(KEY, run("a")._replace(end_time=None)))["duration_seconds"] is None


@pytest.mark.parametrize(
    ("event", "level", "text", "named"),
    [
        (
            RunFailing(KEY, glue_error(Reason.NOT_FOUND)),
            "warning",
            "Glue does not know these runs; they are asked for at growing intervals",
            PLACE | {"run_ids": "a"},
        ),
        (
            RunFailing(KEY, glue_error(Reason.THROTTLED, "slow down")),
            "warning",
            "runs cannot be read",
            PLACE
            | {
                "run_ids": "a",
                "reason": "throttled",
                "error": "GetMaterializedViewRefreshTaskRun: slow down",
            },
        ),
        (RunReadable(KEY), "info", "runs can be read again", PLACE | {"run_ids": "a"}),
        (
            UnlistedStatus(KEY, "CANCELLING"),
            "warning",
            "Glue reports a status that its API does not list; it shows as UNKNOWN",
            NAMED | {"status": "CANCELLING"},
        ),
        (TargetDown("prod", "why"), "error", "target is down", {"target": "prod", "error": "why"}),
        (TargetUp("prod", first=True), "info", "target is up", {"target": "prod"}),
        (TargetUp("prod", first=False), "info", "target is up again", {"target": "prod"}),
        (
            OwnedElsewhere("second", "first", ("a", "sales.orders")),
            "warning",
            "another target, earlier in the file, watches these runs and views",
            {"target": "second", "owner": "first", "names": "a sales.orders"},
        ),
        (
            PatternMatchesNothing("prod", "sales.*"),
            "warning",
            "this pattern matches no materialized view",
            {"target": "prod", "pattern": "sales.*"},
        ),
        (RunIgnored(KEY), "warning", "a listed run names no view; it is ignored", NAMED),
        (
            RecordMalformed("prod", "what"),
            "warning",
            "a record of a listing cannot be read",
            {"target": "prod", "error": "what"},
        ),
        (
            StorageFailing("disk full"),
            "error",
            "the state cannot be written; counters stand still until it can",
            {"error": "disk full"},
        ),
        (StorageWorking(), "info", "the state can be written again", {}),
    ],
)
def test_every_event_has_its_severity_and_names_what_it_is_about(
    event: Event, level: str, text: str, named: dict[str, object]
) -> None:
    assert line(event) == {"log_level": level, "event": text, **named}


@pytest.mark.parametrize(("count", "number"), [(5, {}), (6, {"number": 6})])
def test_the_first_five_names_are_named_and_how_many_there_are_where_these_are_not_all(
    count: int, number: dict[str, int]
) -> None:
    written = line(OwnedElsewhere("second", "first", tuple("abcdefgh"[:count])))
    del written["log_level"], written["event"], written["target"], written["owner"]
    assert written == {"names": "a b c d e", **number}


def test_many_names_are_counted_and_only_a_few_named() -> None:
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
        EventLog().write([*throttled, unknown, *readable])
    assert [(written["log_level"], written.get("number")) for written in lines] == [
        ("warning", 5000),
        ("warning", None),
        ("info", 5000),
    ]
    assert len(str(lines)) < 2000


def test_runs_of_other_catalogs_or_that_fail_for_other_reasons_have_lines_of_their_own() -> None:
    elsewhere = [KEY, KEY._replace(aws_region="us-east-1"), KEY._replace(catalog_id="210987654321")]
    failing = [RunFailing(key, glue_error(Reason.TIMEOUT)) for key in elsewhere]
    other = RunFailing(KEY._replace(run_id="b"), glue_error(Reason.THROTTLED))
    with capture_logs() as lines:
        EventLog().write([*failing, other, *map(RunReadable, elsewhere)])
    logged = [(written["aws_region"], written["catalog_id"], written.get("reason")) for written in lines]
    assert logged == [
        *((*key[:2], "timeout") for key in elsewhere),
        (REGION, ACCOUNT, "throttled"),
        *((*key[:2], None) for key in elsewhere),
    ]
