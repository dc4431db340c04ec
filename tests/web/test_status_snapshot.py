"""Which runs a page shows: those that have series, filtered, sorted and cut."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from exporter.errors import GlueError, Reason
from exporter.model.settings import Settings
from exporter.store.results import PollEnded
from exporter.store.runs import READS_UNTIL_GONE
from exporter.store.store import Store
from exporter.web.status_snapshot import RUN_STATUSES, RunQuery, read_status
from tests.support.clock import START, ManualClock
from tests.support.operations import Operations, counted
from tests.support.status_scene import EXPORTER, HOUR, Scene, refresh, view, watching

UNKNOWN_ID = GlueError(Reason.NOT_FOUND, "no such run", operation="GetMaterializedViewRefreshTaskRun")
TIMEOUT = GlueError(Reason.TIMEOUT, "too slow", operation="GetMaterializedViewRefreshTaskRun")


@pytest.fixture
def scene() -> Scene:
    """Return one target with a run in every status."""
    named = ("a-failed", "b-odd", "c-stopped", "d-missing")
    scene = Scene(watching("prod", "sales.*", run_ids=named))
    scene.poll(
        "prod",
        (view("sales.orders"), view("sales.stock")),
        (
            refresh("a-failed", "other.x", status="FAILED", error_message="No Permission", dpu_seconds=None),
            refresh("b-odd", "other.y", status="PAUSED", processed_bytes=7),
            refresh("c-stopped", "other.z", ended=START - 5 * HOUR, status="STOPPED"),
            refresh("e-old", "sales.orders", ended=START - 9 * HOUR),
            refresh("f-new", "sales.orders", dpu_seconds=720.0),
            refresh("g-going", "sales.stock", ended=None),
        ),
        errors={"d-missing": UNKNOWN_ID},
    )
    return scene


def test_configured_runs_and_the_newest_of_each_view_are_shown_the_worst_first(scene: Scene) -> None:
    """The older run of the view has no series, and so is not here."""
    assert scene.run_ids() == ["a-failed", "d-missing", "b-odd", "g-going", "c-stopped", "f-new"]


def test_all_runs_are_counted_by_status_whatever_the_filter(scene: Scene) -> None:
    page = scene.read(words=["permission"]).runs
    assert page.matching == 1
    assert page.by_status == dict.fromkeys(RUN_STATUSES, 1) | {"STARTING": 0}


def test_each_run_names_its_target_and_what_kept_it_from_being_read(scene: Scene) -> None:
    rows = {row.run_id: row for row in scene.read().runs.rows}
    assert {row.target for row in rows.values()} == {"prod"}
    assert rows["d-missing"].run is None
    assert (rows["d-missing"].up, rows["d-missing"].doubt) == (False, "not_found")
    assert (rows["a-failed"].up, rows["a-failed"].doubt) == (True, None)
    assert (rows["f-new"].up, rows["f-new"].doubt) == (None, None)


def test_before_the_first_poll_configured_runs_are_not_read_yet() -> None:
    (row,) = Scene(watching("prod", run_ids=("a",))).read().runs.rows
    assert (row.run, row.up, row.doubt) == (None, False, "never_read")


def test_a_read_that_failed_keeps_the_last_good_values() -> None:
    scene = Scene(watching("prod", run_ids=("a",)))
    scene.poll("prod", runs=(refresh("a", "x.y", ended=None),))
    scene.poll("prod", error=TIMEOUT, errors={"a": TIMEOUT})
    (row,) = scene.read().runs.rows
    assert row.run is not None
    assert (row.run.status, row.up, row.doubt) == ("RUNNING", False, "failed")


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("view", ["a-failed", "b-odd", "c-stopped", "f-new", "g-going", "d-missing"]),
        ("type", ["g-going", "a-failed", "b-odd", "f-new", "c-stopped", "d-missing"]),
        ("start", ["c-stopped", "a-failed", "b-odd", "f-new", "g-going", "d-missing"]),
        ("duration", ["g-going", "a-failed", "b-odd", "f-new", "c-stopped", "d-missing"]),
        ("dpu", ["b-odd", "c-stopped", "f-new", "g-going", "a-failed", "d-missing"]),
        ("bytes", ["b-odd", "a-failed", "f-new", "c-stopped", "g-going", "d-missing"]),
    ],
)
def test_runs_are_sorted_and_what_is_not_known_comes_last(
    scene: Scene, order: str, expected: list[str]
) -> None:
    assert scene.run_ids(order=order) == expected


def test_what_is_not_known_comes_last_from_the_largest_down_too(scene: Scene) -> None:
    assert scene.run_ids(order="dpu", descending=True)[:3] == ["f-new", "b-odd", "c-stopped"]
    assert scene.run_ids(order="dpu", descending=True)[-1] == "d-missing"


def test_a_run_that_goes_on_is_as_long_as_until_now() -> None:
    scene = Scene(watching("prod", run_ids=("long", "going")))
    scene.poll("prod", runs=(refresh("long", "x.y"), refresh("going", "x.y", ended=None)))
    scene.clock.advance(60)
    assert scene.run_ids(order="duration", descending=True) == ["going", "long"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["SALES.ORDERS"], ["f-new"]),
        (["no", "permission"], ["a-failed"]),
        (["paused"], ["b-odd"]),
        (["unread"], ["d-missing"]),
        (["d-miss"], ["d-missing"]),
        (["100%"], []),
        (["'; DROP TABLE runs --"], []),
    ],
)
def test_every_word_must_occur_in_any_case(scene: Scene, words: list[str], expected: list[str]) -> None:
    assert scene.run_ids(words=words) == expected
    assert scene.read(words=words).runs.matching == len(expected)


def test_words_are_found_in_any_case_of_every_alphabet() -> None:
    scene = Scene(watching("prod", run_ids=("a",)))
    scene.poll("prod", runs=(refresh("a", "größen.Übersicht"),))
    assert scene.run_ids(words=["GRÖSSEN.üBER"]) == ["a"]


@pytest.mark.parametrize("descending", [False, True])
def test_equals_come_newest_first_either_way(*, descending: bool) -> None:
    scene = Scene(watching("prod", run_ids=("old", "new", "unread")))
    scene.poll("prod", runs=(refresh("old", "x.y", ended=START - HOUR), refresh("new", "x.y")))
    assert scene.run_ids(order="dpu", descending=descending) == ["new", "old", "unread"]


def test_runs_are_filtered_by_target_and_status(scene: Scene) -> None:
    assert scene.run_ids(target="other") == []
    assert scene.run_ids(target="prod", statuses=["RUNNING", "UNREAD"]) == ["d-missing", "g-going"]


def test_a_page_is_cut_out_of_the_whole(scene: Scene) -> None:
    page = scene.read(offset=2, limit=2).runs
    assert [row.run_id for row in page.rows] == ["b-odd", "g-going"]
    assert page.matching == 6


def test_a_run_that_its_view_alone_showed_goes_when_glue_has_lost_it() -> None:
    scene = Scene(watching("prod", "sales.*"))
    scene.poll("prod", (view("sales.orders"),), (refresh("going", "sales.orders", ended=None),))
    for _ in range(READS_UNTIL_GONE):
        scene.poll("prod", (view("sales.orders"),))
    assert scene.run_ids() == []


def test_with_no_runs_per_view_those_of_views_are_not_shown() -> None:
    scene = Scene(watching("prod", "sales.*"), runs_per_view=0)
    scene.poll("prod", (view("sales.orders"),), (refresh("new", "sales.orders"),))
    assert scene.run_ids() == []
    assert [series.facts and series.facts.last_run for series in scene.read().views] != [None]


def test_the_same_run_id_in_two_regions_is_two_runs() -> None:
    scene = Scene(
        watching("here", run_ids=("a",)),
        watching("there", run_ids=("a",), region="us-east-1"),
    )
    scene.poll("here", runs=(refresh("a", "x.y"),))
    scene.poll("there", runs=(refresh("a", "x.y", status="FAILED"),))
    rows = [(row.target, row.place[0], row.status) for row in scene.read().runs.rows]
    assert rows == [("there", "us-east-1", "FAILED"), ("here", "eu-west-1", "SUCCEEDED")]


def test_a_page_shows_the_exporter_itself_and_its_targets(scene: Scene) -> None:
    read = scene.read()
    assert read.exporter == EXPORTER
    assert (read.now, read.started) == (scene.clock.time(), START)
    assert [state.target.name for state in read.targets] == ["prod"]


def test_what_a_reload_took_away_is_gone_at_once(scene: Scene) -> None:
    scene.configure(watching("prod", run_ids=("a-failed",)))
    assert scene.run_ids() == ["a-failed"]
    assert scene.read().views == []


class CountedStore(Store):
    """Counts what is done while it is locked."""

    locked = Operations()

    def read(self, read: Callable[[Store], Any]) -> Any:
        """Call with the store while nothing changes."""
        with counted() as self.locked:
            return super().read(read)


def filled(store: Store, runs: int) -> Store:
    """Return the store with so many settled runs."""
    read = {f"run-{number}": refresh(f"run-{number}", "sales.orders") for number in range(runs)}
    store.configure(Settings(targets=(watching("prod", run_ids=tuple(read)),)))
    store.apply(PollEnded(target="prod", started=START, duration=1.0, runs=read))
    return store


def test_the_store_is_locked_for_a_shallow_copy_alone() -> None:
    store = CountedStore(ManualClock())
    assert read_status(filled(store, 1000), RunQuery(), START).runs.matching == 1000
    assert store.locked.calls < 100


@pytest.mark.parametrize(("order", "words"), [("status", ()), ("dpu", ()), ("view", ("sales",))])
def test_a_page_costs_little_per_run(order: str, words: Sequence[str]) -> None:
    """There may be 100,000 of them."""
    store = filled(Store(ManualClock()), 1000)
    with counted() as done:
        read_status(store, RunQuery(order=order, words=words), START)
    assert done.calls < (20 if words else 14) * 1000
