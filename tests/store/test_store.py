"""What the store publishes, logs and saves: as little as there is, once each; all of it after a failure."""

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from exporter.errors import Reason, StorageError
from exporter.model.settings import Access, Settings
from exporter.store.series import SeriesChanges
from exporter.store.store import Store
from exporter.store.targets import OUT_OF_TIME
from tests.support.clock import START, ManualClock
from tests.support.log import readable, run_ended, target_down, target_up, unknown, unwritable
from tests.support.outcome import Listed, Outcome
from tests.support.reader import ACCOUNT, glue_error
from tests.support.store_bench import (
    DAY,
    Shown,
    StoreBench,
    ended,
    failed,
    found,
    of,
    running,
    target,
    view,
)

NOT_FOUND = glue_error(Reason.NOT_FOUND)
TIMEOUT = glue_error(Reason.TIMEOUT, "read timed out")
OTHER, THIRD = "210987654321", "333333333333"


# What a commit publishes and logs


def test_the_first_commit_shows_run_up_for_every_configured_id(bench: StoreBench) -> None:
    bench.watch("read", "unknown", "unread")
    assert (bench.shown.runs, bench.shown.targets["prod"].up) == ({}, None)
    lines = bench.read(running("read"), errors={"unknown": NOT_FOUND}, finished=False)
    assert bench.shown.ups == {"read": True, "unknown": False, "unread": False}
    assert target_down("prod", OUT_OF_TIME) in lines


def test_neither_an_unchanged_re_read_nor_an_unchanged_configuration_changes_a_run(bench: StoreBench) -> None:
    bench.watch("a", "b")
    bench.read(running("a"), ended("b"))
    bench.read(running("a"), ended("b"))
    assert bench.shown.last.runs == {}
    assert bench.shown.last.targets.keys() == {"prod"}
    bench.watch("a", "b")
    assert bench.shown.last.runs == {}


def test_all_runs_are_unfetched_while_the_catalog_is_unknown(bench: StoreBench) -> None:
    bench.configure(target("prod", "a", "b", catalog_id=None))
    error = glue_error(Reason.CREDENTIALS, "expired", operation="GetCallerIdentity")
    bench.read(error=error, finished=False)
    assert bench.shown.targets["prod"].runs == {"active": 0, "settling": 0, "settled": 0, "unfetched": 2}


def test_it_is_ready_once_every_first_poll_has_ended_however_it_ended(bench: StoreBench) -> None:
    assert not bench.store.ready(), "before it knows what to watch"
    bench.configure(target("one", "a"), target("two", "b", catalog_id=None))
    bench.read(running("a"), target="one")
    assert not bench.store.ready()
    bench.read(error=TIMEOUT, finished=False, target="two")
    assert bench.store.ready()
    bench.configure()
    assert bench.store.ready(), "there is nothing to watch"


def test_what_is_due_is_ordered_by_the_last_attempt_and_then_as_in_the_file(bench: StoreBench) -> None:
    bench.watch("c", "a", "d", "b")
    assert bench.due() == ["c", "a", "d", "b"]
    bench.read(running("a"))
    bench.clock.advance(30)
    bench.read(running("c"), errors={"d": TIMEOUT})
    assert bench.due() == ["b", "a", "c", "d"]


def test_an_end_is_logged_once(bench: StoreBench) -> None:
    bench.watch("a")
    bench.read(running("a"))
    assert bench.read(ended("a")) == [run_ended(ended("a"))]
    assert bench.read(ended("a", dpu_seconds=130.0)) == []


def test_a_run_that_fails_and_recovers_is_logged_once_each(bench: StoreBench) -> None:
    bench.watch("a")
    bench.read(running("a"))
    assert bench.read(errors={"a": NOT_FOUND}) == [unknown("a")]
    assert bench.read(errors={"a": NOT_FOUND}) == []
    assert bench.read(running("a")) == [readable("a")]
    assert bench.read(running("a")) == []


def test_polls_that_give_up_log_the_target_and_not_the_runs_that_each_has_tried(
    bench: StoreBench,
) -> None:
    run_ids = [f"run-{number}" for number in range(6)]
    bench.configure(target("prod", *run_ids))
    events = []
    for tried in (run_ids[:3], run_ids[3:]):
        left = tuple(run_id for run_id in run_ids if run_id not in tried)
        errors = dict.fromkeys(tried, TIMEOUT)
        events += bench.read(errors=errors, unread=left, error=TIMEOUT, finished=False)
    assert events == [target_down("prod", TIMEOUT)]
    assert bench.read(*map(running, run_ids)) == [target_up("prod", again=True)]


def test_a_run_that_a_dead_glue_left_unread_is_logged_when_it_fails_by_itself(bench: StoreBench) -> None:
    bench.watch("a")
    bench.read(running("a"))
    bench.read(unread=("a",), error=TIMEOUT, finished=False)
    assert unknown("a") in bench.read(errors={"a": NOT_FOUND})


def test_an_unlisted_status_is_logged_once_each_and_a_missing_one_is_none(bench: StoreBench) -> None:
    bench.watch("a", "b", "c", "d")
    statuses = {"a": "CANCELLING", "b": "CANCELLING", "c": "QUEUED", "d": None}
    events = bench.read(*(running(run_id, status=status) for run_id, status in statuses.items()))
    logged = [(line.fields["run_id"], line.fields["status"]) for line in events if "API" in line.message]
    assert logged == [("a", "CANCELLING"), ("c", "QUEUED")]
    assert bench.read(running("b", status="QUEUED")) == []


# The exporter itself


@pytest.mark.parametrize(("successful", "at"), [(True, START + 60.0), (False, START)])
def test_a_reload_is_published_with_the_time_of_the_last_that_succeeded(
    views: StoreBench, at: float, *, successful: bool
) -> None:
    views.clock.advance(60.0)
    views.store.note_reload(successful=successful)
    exporter = views.shown.exporter
    assert exporter
    assert (exporter.last_reload_successful, exporter.last_reload_success_time) == (successful, at)


# Catalogs that become known late


def test_a_catalog_that_becomes_known_changes_nothing_of_another(views: StoreBench) -> None:
    """With many accounts each of them is known at its own time, while others are still asked for."""
    late = [target(name, "sales.*", catalog_id=None) for name in ("late", "later")]
    views.configure(target("prod", "sales.*"), *late)
    views.poll(running("a"))
    views.store.catalog_known("late", OTHER)
    assert views.shown.last.views == {}
    assert views.shown.last.targets.keys() == {"late"}
    assert views.store.watch("late") is not None


def test_once_the_last_catalog_of_a_region_is_known_what_no_target_wants_is_forgotten_in_time(
    tmp_path: Path,
) -> None:
    """Until then the last one may turn out to want it; what is not known elsewhere does not matter."""
    bench = StoreBench(tmp_path)
    bench.watch("dropped", "kept")
    bench.read(running("dropped"), running("kept"))
    unknown = [target(name, "sales.*", catalog_id=None) for name in ("late", "later", "elsewhere")]
    unknown[2] = replace(unknown[2], access=Access(aws_region="us-east-1"))
    bench.configure(target("prod", "kept"), *unknown)
    bench.store.catalog_known("late", OTHER)
    bench.clock.advance(DAY)
    bench.read()
    assert {key for key, run in bench.saved.runs.items() if run and run.unlisted_since} == set()
    bench.store.catalog_known("later", THIRD)
    bench.read()
    assert {key for key, run in bench.saved.runs.items() if run and run.unlisted_since} == {"dropped"}
    bench.configure(target("prod", "kept"), target("for good", "sales.*", catalog_id=None))
    bench.clock.advance(91 * DAY)
    bench.read()
    assert bench.saved_runs == {"kept"}
    bench.stop()


# What arrives too late


@pytest.mark.parametrize("name", ["prod", "late"], ids=["gone", "of a catalog that is not known"])
def test_what_was_read_for_another_configuration_is_dropped(views: StoreBench, name: str) -> None:
    listing = views.open_listing()
    views.configure(target("late", "sales.*", catalog_id=None))
    listing.target = name
    views.hand_in(listing, running("a"), denied=True)
    views.store.apply(found(view(), target=name))
    assert views.store.open_listing(name, listing.scope) is None
    assert views.shown.view_ups == {}


def test_what_is_to_stop_changes_nothing(views: StoreBench) -> None:
    stop = threading.Event()
    stop.set()
    commits = len(views.shown.commits)
    views.store.apply(found(view()), stop)
    views.configure(target("late", "sales.*", catalog_id=None))
    views.store.catalog_known("late", ACCOUNT, stop)
    assert len(views.shown.commits) == commits + 1


# Views are published as their runs are


def test_another_targets_commit_publishes_a_view_whose_listing_goes_on_with_its_newest_run(
    bench: StoreBench,
) -> None:
    """Its counter, its last run and its failures in a row are of one moment."""
    bench.configure(target("prod", "sales.*"), target("other", "hr.*"))
    bench.poll(target="other", tables=None)
    bench.poll()
    listing = bench.open_listing()
    bench.hand_in(listing, failed("a", 1.0))
    bench.poll(target="other", tables=None)
    assert bench.shown.runs_total() == {"FAILED": 1}
    facts = bench.shown.facts()
    assert (facts.last_run, facts.consecutive_failures) == (failed("a", 1.0), 1)


# A listener that fails


def test_after_a_listener_has_failed_everything_is_published_anew() -> None:
    sound, fragile = Shown(), Shown()
    store = Store(ManualClock(), [sound, fragile])
    store.configure(Settings(targets=(target("prod", "sales.*", "a"), target("hr", "hr.*"))))
    tables = found(view(), view("sales.returns"))
    runs = (ended("a"), running("b"), of("sales.returns", running("c")))
    for target_name in ("hr", "prod"):
        Outcome(target=target_name, tables=replace(tables, target=target_name)).apply(store, START)
    Outcome(listings=(Listed(runs=runs),)).apply(store, START)
    fragile.failures = 2
    after = (ended("a"), ended("b"), of("sales.returns", ended("c")))
    for _ in range(2):
        with pytest.raises(MemoryError):
            Outcome(listings=(Listed(runs=after),)).apply(store, START)
    store.configure(Settings(targets=(target("prod", "sales.returns", "a"),)))
    assert [commit.everything for commit in fragile.commits[-3:]] == [False, True, True]
    assert (fragile.runs, fragile.views) == (sound.runs, sound.views)
    assert (fragile.targets, fragile.exporter) == (sound.targets, sound.exporter)
    assert fragile.shown_runs == {"a", "c"}
    assert fragile.view_ups.keys() == {"sales.returns"}
    store.configure(Settings(targets=()))
    assert not fragile.last.everything


# Saving


def test_the_last_save_that_fails_is_logged_whatever_was_logged_before(tmp_path: Path) -> None:
    """What it could not write is lost."""
    bench = StoreBench(tmp_path)
    bench.watch("sales.*")
    bench.poll()
    bench.store.close()
    assert bench.log.take() == []
    bench.start()
    bench.watch("sales.*")
    bench.disk.full = True
    with pytest.raises(StorageError) as refused:
        bench.disk.save({})
    assert unwritable(refused.value) in bench.poll(running("a"))
    bench.store.close()
    assert bench.log.take() == [unwritable(refused.value)]


# What a commit costs, counted: whatever else there is, it is in proportion to what has changed


def test_a_commit_that_changes_one_run_of_many_publishes_and_saves_it_alone(tmp_path: Path) -> None:
    bench = StoreBench(tmp_path)
    bench.watch("sales.*", runs_per_view=100)
    names = [f"sales.view_{number}" for number in range(50)]
    tables = [view(name) for name in names]
    runs = [of(name, ended(f"{name} {number}")) for name in names for number in range(50)]
    bench.poll(*runs, tables=tables)
    assert (len(bench.shown.runs), len(bench.shown.views), bench.disk.saved) == (2500, 50, 2600)

    bench.shown.commits.clear()
    bench.disk.saved = 0
    bench.poll(*runs[:-1], runs[-1]._replace(dpu_seconds=4711.0), tables=tables)
    assert sum(len(commit.runs) for commit in bench.shown.commits) == 1
    assert sum(len(commit.views) for commit in bench.shown.commits) == 1
    assert bench.disk.saved == 1
    bench.stop()


class CountedId(str):
    """A run ID that counts how often any set or dictionary is asked for one."""

    __slots__ = ()
    hashed = 0

    def __hash__(self) -> int:
        CountedId.hashed += 1
        return super().__hash__()

    __eq__ = str.__eq__


class Commits(Shown):
    """Keeps the commits alone: its own look-ups would be counted, too."""

    def __call__(self, changes: SeriesChanges) -> None:
        self.commits.append(changes)


def hashed_by_one_change(runs: int) -> int:
    """Count the look-ups of IDs in a commit that changes one of so many configured runs."""
    bench = StoreBench(make_shown=Commits)
    run_ids = [CountedId(f"run {number}") for number in range(runs)]
    bench.configure(replace(target("prod"), run_ids=tuple(run_ids)))
    bench.clock.advance(7200.0)
    bench.read(running(run_ids[0]), *map(ended, run_ids[1:]))
    before = CountedId.hashed
    bench.read(ended(run_ids[0]))
    assert [key.run_id for key in bench.shown.last.runs] == ["run 0"]
    return CountedId.hashed - before


def test_a_commit_that_changes_one_run_looks_up_no_other() -> None:
    """Sets and dictionaries are gone through in C, which no count of calls shows."""
    few, many = hashed_by_one_change(10), hashed_by_one_change(1000)
    assert 0 < many <= few + 10
