"""What a commit changes, counts and reports: as little as there is, and once each."""

import pytest

from exporter.errors import Reason
from exporter.model.run import Run, RunKey
from exporter.store.outcome import (
    RecordMalformed,
    RunEnded,
    RunFailing,
    RunReadable,
    TargetDown,
    TargetUp,
    UnlistedStatus,
)
from exporter.store.target_state import OUT_OF_TIME
from tests.support.clock import START
from tests.support.reader import ACCOUNT, glue_error
from tests.support.watching import REGION, StoreBench, ended, running, target, watch

NOT_FOUND = glue_error(Reason.NOT_FOUND)
TIMEOUT = glue_error(Reason.TIMEOUT, "read timed out")


def key(run_id: str) -> RunKey:
    """Return the key under which a run is shown."""
    return RunKey(REGION, ACCOUNT, run_id)


def test_nothing_of_runs_is_shown_before_the_first_poll_has_ended(bench: StoreBench) -> None:
    bench.configure(watch(target("prod", "a")))
    assert bench.shown.runs == {}
    assert bench.shown.targets["prod"].up is None


def test_the_first_commit_shows_run_up_for_every_configured_id(bench: StoreBench) -> None:
    bench.configure(watch(target("prod", "read", "unknown", "unread")))
    bench.commit("prod", running("read"), errors={"unknown": NOT_FOUND}, finished=False)
    assert bench.shown.ups == {"read": True, "unknown": False, "unread": False}


def test_an_unchanged_re_read_changes_no_run(bench: StoreBench) -> None:
    bench.configure(watch(target("prod", "a", "b")))
    bench.commit("prod", running("a"), ended("b"))
    bench.commit("prod", running("a"), ended("b"))
    assert bench.shown.last.runs == {}
    assert bench.shown.last.targets.keys() == {"prod"}


def test_a_commit_hands_over_only_the_runs_that_changed(bench: StoreBench) -> None:
    bench.configure(watch(target("prod", "a", "b", "c")))
    bench.commit("prod", running("a"), running("b"), running("c"))
    bench.commit("prod", running("a"), ended("b"), errors={"c": TIMEOUT})
    assert bench.shown.last.runs.keys() == {key("b"), key("c")}


def test_a_commit_of_one_target_leaves_the_others_alone(bench: StoreBench) -> None:
    bench.configure(watch(target("one", "a"), target("two", "b")))
    bench.commit("two", running("b"))
    bench.commit("one", running("a"))
    assert bench.shown.last.runs.keys() == {key("a")}
    assert bench.shown.last.targets.keys() == {"one"}


def test_a_configuration_that_stays_the_same_changes_no_run(bench: StoreBench) -> None:
    settings = watch(target("prod", "a", "b"))
    bench.configure(settings)
    bench.commit("prod", running("a"), ended("b"))
    bench.configure(settings)
    assert bench.shown.last.runs == {}


def test_a_run_that_a_reload_adds_is_shown_from_then_on(bench: StoreBench) -> None:
    bench.configure(watch(target("prod", "a")))
    bench.commit("prod", running("a"))
    bench.configure(watch(target("prod", "a", "b")))
    bench.commit("prod", running("a"), running("b"))
    assert bench.shown.ups == {"a": True, "b": True}


def test_the_runs_of_a_target_are_counted_by_phase(bench: StoreBench) -> None:
    bench.configure(watch(target("prod", "active", "settling", "settled", "unknown", "unread")))
    assert bench.shown.targets["prod"].runs == {}
    bench.clock.advance(1000)
    bench.commit(
        "prod",
        running("active"),
        ended("settling", end_time=START + 900),
        ended("settled"),
        errors={"unknown": NOT_FOUND},
        finished=False,
    )
    assert bench.shown.targets["prod"].runs == {"active": 1, "settling": 1, "settled": 1, "unfetched": 2}


def test_all_runs_are_unfetched_while_the_catalog_is_unknown(bench: StoreBench) -> None:
    bench.configure(watch(target("prod", "a", "b", catalog_id=None)))
    error = glue_error(Reason.CREDENTIALS, "expired", operation="GetCallerIdentity")
    bench.commit("prod", error=error, finished=False)
    assert bench.shown.targets["prod"].runs == {"active": 0, "settling": 0, "settled": 0, "unfetched": 2}


def test_a_poll_writes_down_when_it_was_and_how_long_it_took(bench: StoreBench) -> None:
    bench.configure(watch(target("prod", "a")))
    bench.commit("prod", running("a"))
    bench.clock.advance(30)
    bench.commit("prod", errors={"a": TIMEOUT}, error=TIMEOUT)
    series = bench.shown.targets["prod"]
    assert (series.last_poll_time, series.last_success_time) == (START + 30, START)
    assert series.last_poll_duration == 0.0


def test_it_is_ready_once_every_first_poll_has_ended_however_it_ended(bench: StoreBench) -> None:
    bench.configure(watch(target("one", "a"), target("two", "b", catalog_id=None)))
    assert not bench.store.ready()
    bench.commit("one", running("a"))
    assert not bench.store.ready()
    bench.commit("two", error=TIMEOUT, finished=False)
    assert bench.store.ready()


def test_nothing_to_watch_is_ready_at_once(bench: StoreBench) -> None:
    bench.configure(watch())
    assert bench.store.ready()


def test_what_is_due_is_ordered_by_the_last_attempt_and_then_as_in_the_file(bench: StoreBench) -> None:
    bench.configure(watch(target("prod", "c", "a", "d", "b")))
    assert bench.due() == ["c", "a", "d", "b"]
    bench.commit("prod", running("a"))
    bench.clock.advance(30)
    bench.commit("prod", running("c"), errors={"d": TIMEOUT})
    assert bench.due() == ["b", "a", "c", "d"]


def test_an_end_is_told_once(bench: StoreBench) -> None:
    bench.configure(watch(target("prod", "a")))
    bench.commit("prod", running("a"))
    assert bench.commit("prod", ended("a")) == [RunEnded(key("a"), ended("a"))]
    assert bench.commit("prod", ended("a", dpu_seconds=130.0)) == []


def test_a_run_that_ended_before_the_start_is_no_news(bench: StoreBench) -> None:
    bench.configure(watch(target("prod", "old", "new")))
    bench.clock.advance(100)
    events = bench.commit("prod", ended("old", end_time=START - 5), ended("new", end_time=START + 5))
    assert [event.key.run_id for event in events if isinstance(event, RunEnded)] == ["new"]


def test_a_run_that_fails_and_recovers_is_told_of_once_each(bench: StoreBench) -> None:
    bench.configure(watch(target("prod", "a")))
    bench.commit("prod", running("a"))
    assert bench.commit("prod", errors={"a": NOT_FOUND}) == [RunFailing(key("a"), NOT_FOUND)]
    assert bench.commit("prod", errors={"a": NOT_FOUND}) == []
    assert bench.commit("prod", running("a")) == [RunReadable(key("a"))]
    assert bench.commit("prod", running("a")) == []


def test_an_unknown_id_is_told_of_at_its_first_attempt(bench: StoreBench) -> None:
    bench.configure(watch(target("prod", "a")))
    assert RunFailing(key("a"), NOT_FOUND) in bench.commit("prod", errors={"a": NOT_FOUND})


def test_runs_that_a_dead_glue_left_unread_are_not_told_of_one_by_one(bench: StoreBench) -> None:
    """With 5,000 of them the log would hold 5,000 lines that say: the target is up again."""
    run_ids = [f"run-{number}" for number in range(20)]
    bench.configure(watch(target("prod", *run_ids)))
    bench.commit("prod", *map(running, run_ids))
    bench.commit("prod", unread=tuple(run_ids), error=TIMEOUT, finished=False)
    assert bench.commit("prod", *map(running, run_ids)) == [TargetUp("prod", first=False)]


def test_polls_that_give_up_tell_of_the_target_and_not_of_the_runs_that_each_has_tried(
    bench: StoreBench,
) -> None:
    run_ids = [f"run-{number}" for number in range(6)]
    bench.configure(watch(target("prod", *run_ids)))
    events = []
    for tried in (run_ids[:3], run_ids[3:]):
        left = tuple(run_id for run_id in run_ids if run_id not in tried)
        errors = dict.fromkeys(tried, TIMEOUT)
        events += bench.commit("prod", errors=errors, unread=left, error=TIMEOUT, finished=False)
    assert events == [TargetDown("prod", str(TIMEOUT))]
    assert bench.commit("prod", *map(running, run_ids)) == [TargetUp("prod", first=False)]


def test_a_run_that_a_dead_glue_left_unread_is_told_of_when_it_fails_by_itself(bench: StoreBench) -> None:
    bench.configure(watch(target("prod", "a")))
    bench.commit("prod", running("a"))
    bench.commit("prod", unread=("a",), error=TIMEOUT, finished=False)
    assert RunFailing(key("a"), NOT_FOUND) in bench.commit("prod", errors={"a": NOT_FOUND})


def test_a_record_that_cannot_be_read_is_told_of_once(bench: StoreBench) -> None:
    bench.configure(watch(target("prod")))
    lines = ("run a: Status is a number", "run b: Status is a number")
    assert bench.commit("prod", malformed=lines[:1])[0] == RecordMalformed("prod", lines[0])
    assert bench.commit("prod", malformed=lines) == [RecordMalformed("prod", lines[1])]
    assert bench.commit("prod") == []
    assert bench.commit("prod", malformed=lines) == []


def test_a_target_that_goes_down_and_up_is_told_of_once_each(bench: StoreBench) -> None:
    bench.configure(watch(target("prod")))
    assert bench.commit("prod") == [TargetUp("prod", first=True)]
    assert bench.commit("prod") == []
    assert bench.commit("prod", error=TIMEOUT) == [TargetDown("prod", str(TIMEOUT))]
    assert bench.commit("prod", error=TIMEOUT) == []
    assert bench.commit("prod") == [TargetUp("prod", first=False)]


def test_a_target_that_is_down_from_the_start_is_told_of(bench: StoreBench) -> None:
    bench.configure(watch(target("prod")))
    assert bench.commit("prod", finished=False) == [TargetDown("prod", OUT_OF_TIME)]


def test_an_unlisted_status_is_told_of_once_each(bench: StoreBench) -> None:
    bench.configure(watch(target("prod", "a", "b", "c")))
    events = bench.commit(
        "prod",
        running("a", status="CANCELLING"),
        running("b", status="CANCELLING"),
        running("c", status="QUEUED"),
    )
    unlisted = [event for event in events if isinstance(event, UnlistedStatus)]
    assert unlisted == [UnlistedStatus(key("a"), "CANCELLING"), UnlistedStatus(key("c"), "QUEUED")]
    assert bench.commit("prod", running("b", status="QUEUED")) == []


def test_a_missing_status_is_no_unlisted_one(bench: StoreBench) -> None:
    bench.configure(watch(target("prod", "a")))
    events = bench.commit("prod", running("a", status=None))
    assert not [event for event in events if isinstance(event, UnlistedStatus)]


def test_the_state_of_targets_is_handed_out_as_a_copy(bench: StoreBench) -> None:
    bench.configure(watch(target("prod", "a")))
    bench.store.targets()[0].error = "changed by a reader"
    assert bench.store.targets()[0].error is None


@pytest.mark.parametrize("run", [running("a"), running("a")._replace(database=None, table=None)])
def test_every_runs_last_good_values_can_be_read(bench: StoreBench, run: Run) -> None:
    bench.configure(watch(target("prod", "a", "b"), target("lake", "c", catalog_id=None)))
    bench.commit("prod", run)
    assert [(series.key.run_id, series.run, series.up) for series in bench.store.runs()] == [
        ("a", run, True),
        ("b", None, False),
    ]
