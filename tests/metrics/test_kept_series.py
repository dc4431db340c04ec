"""Blocks of one exposition, taken up by the next: what is not certain to be as it was is encoded anew."""

from collections.abc import Sequence

import pytest

from exporter.metrics import Exposition
from exporter.metrics.kept_blocks import KeptBlock, Place
from exporter.metrics.run_level import specimen
from exporter.metrics.shelf import BLOCK_ITEMS
from exporter.store.configured_runs import ConfiguredRuns
from exporter.store.database import StateDatabase
from exporter.store.requests import RequestStats
from exporter.store.run_changes import CatalogRunChanges, RunChanges
from exporter.store.run_records import RunRecord, RunRecords
from exporter.store.series import SeriesChanges, TargetSeries
from tests.support.clock import ManualClock
from tests.support.run_series import FULL_RUN

HERE: Place = ("eu-west-1", "123456789012")
THERE: Place = ("us-east-1", "210987654321")
IDS = [f"run-{number:04}" for number in range(2 * BLOCK_ITEMS)]


DATABASE = StateDatabase.in_memory()
"""Remembers all runs in both catalogs."""
RECORDS = {HERE: RunRecords(DATABASE.connection, 1), THERE: RunRecords(DATABASE.connection, 2)}
for records in RECORDS.values():
    for run_id in IDS:
        records.put(RunRecord(run=FULL_RUN._replace(run_id=run_id), settled=True))


def told(run_ids: Sequence[str], *, place: Place = HERE, unsettled: str = "") -> CatalogRunChanges:
    """Return a commit's part that tells of these runs, all configured and all but one settled."""
    configured = ConfiguredRuns()
    configured.claim([("prod", list(run_ids))], settled=set(run_ids) - {unsettled})
    return CatalogRunChanges(place, RECORDS[place], configured, set(run_ids), set(), [])


def commit(*parts: CatalogRunChanges, polled: str = "prod") -> SeriesChanges:
    """Return the changes of a poll of one target."""
    series = TargetSeries(target=polled, aws_region=HERE[0], requests=RequestStats(), up=True)
    return SeriesChanges(runs=RunChanges(parts), targets={polled: series})


def showing(*commits: SeriesChanges, kept: Sequence[KeptBlock] = ()) -> Exposition:
    """Return an exposition to which these changes were applied."""
    exposition = Exposition(ManualClock(), process_metrics=False, kept=kept)
    for changes in commits:
        exposition.apply(changes)
    return exposition


def said(exposition: Exposition) -> list[str]:
    """Return the series of runs, sorted."""
    text = exposition.scrape().body().decode()
    return sorted(line for line in text.splitlines() if line.startswith("glue_mv_refresh_run_"))


def taken_up(exposition: Exposition, kept: Sequence[KeptBlock]) -> int:
    """Count the kept blocks whose compressed text it has as it is."""
    shown = {id(one.block.segments) for one in exposition.keep({HERE: set(IDS), THERE: set(IDS)})}
    return sum(id(one.block.segments) in shown for one in kept)


def test_what_was_kept_says_the_same_and_is_not_encoded_again() -> None:
    before = showing(commit(told(IDS)))
    kept = list(before.keep({HERE: set(IDS)}))
    assert [len(one.block.keys) for one in kept] == [BLOCK_ITEMS, BLOCK_ITEMS]
    after = showing(commit(told(IDS)), kept=kept)
    assert taken_up(after, kept) == 2
    assert not after._runs._kept  # twice
    assert said(after) == said(before)


def test_a_block_is_kept_if_all_of_its_runs_rest() -> None:
    before = showing(commit(told(IDS)))
    for resting in (IDS[1:], IDS[BLOCK_ITEMS:]):
        (kept,) = before.keep({HERE: set(resting)})
        assert set(kept.block.keys) == set(IDS[BLOCK_ITEMS:])
    assert list(before.keep({})) == []


def test_runs_of_every_catalog_are_kept() -> None:
    before = showing(commit(told(IDS), told(IDS[:BLOCK_ITEMS], place=THERE)))
    kept = list(before.keep({HERE: set(IDS), THERE: set(IDS)}))
    assert [one.place for one in kept] == [HERE, HERE, THERE]
    # Whichever comes first now.
    after = showing(commit(told(IDS[:BLOCK_ITEMS], place=THERE), told(IDS)), kept=kept)
    assert taken_up(after, kept) == 3
    assert said(after) == said(before)


def test_a_block_with_runs_of_two_catalogs_is_not_kept() -> None:
    """They are what was left over; to keep them would take a place for each run."""
    some = IDS[: BLOCK_ITEMS // 2]
    before = showing(commit(told(some), told(some, place=THERE)))
    assert said(before)
    assert list(before.keep({HERE: set(IDS), THERE: set(IDS)})) == []


@pytest.mark.parametrize(
    "changes",
    [
        commit(told(IDS[1:])),
        commit(told(IDS, unsettled=IDS[1])),
        commit(told(IDS, place=THERE)),
    ],
    ids=["one is watched no longer", "one may change again", "another catalog"],
)
def test_a_block_of_which_something_may_have_changed_is_not_taken_up(changes: SeriesChanges) -> None:
    before = showing(commit(told(IDS)))
    kept = list(before.keep({HERE: set(IDS)}))
    assert isinstance(changes.runs, RunChanges)
    expected = said(showing(SeriesChanges(runs=dict(changes.runs.items()))))
    after = showing(changes, kept=kept)
    assert taken_up(after, kept) < 2
    assert said(after) == expected


def test_a_few_changes_bring_nothing_of_what_was_kept() -> None:
    before = showing(commit(told(IDS)))
    kept = list(before.keep({HERE: set(IDS)}))
    few = dict(commit(told(IDS[:3])).runs.items())
    assert len(said(showing(SeriesChanges(runs=few), kept=kept))) == 3 * len(said(before)) // len(IDS)


def test_runs_that_are_shown_already_are_not_shown_twice() -> None:
    before = showing(commit(told(IDS)))
    kept = list(before.keep({HERE: set(IDS)}))
    first = SeriesChanges(runs=dict(commit(told(IDS[:1])).runs.items()))
    assert said(showing(first, commit(told(IDS)), kept=kept)) == said(before)


def test_each_target_may_come_with_its_own_once() -> None:
    before = showing(commit(told(IDS)))
    kept = list(before.keep({HERE: set(IDS)}))
    halves = commit(told(IDS[:BLOCK_ITEMS])), commit(told(IDS[BLOCK_ITEMS:]), polled="other")
    after = showing(*halves, kept=kept)
    assert taken_up(after, kept) == 2
    assert said(after) == said(before)


def test_what_no_target_came_for_is_let_go_of() -> None:
    """It is of runs that are not watched, or that have changed."""
    before = showing(commit(told(IDS)))
    kept = list(before.keep({HERE: set(IDS)}))
    polls = [SeriesChanges(targets=commit(polled=name).targets) for name in ("prod", "second", "prod")]
    after = showing(*polls, commit(told(IDS), polled="other"), kept=kept)
    assert taken_up(after, kept) == 0
    assert said(after) == said(before)


def test_a_target_that_was_not_polled_yet_lets_go_of_nothing() -> None:
    before = showing(commit(told(IDS)))
    kept = list(before.keep({HERE: set(IDS)}))
    waiting = TargetSeries(target="prod", aws_region=HERE[0], requests=RequestStats())
    after = showing(*[SeriesChanges(targets={"prod": waiting})] * 2, commit(told(IDS)), kept=kept)
    assert taken_up(after, kept) == 2


def test_nothing_is_kept_once_something_could_not_be_taken_over() -> None:
    """What is shown may be older than what is remembered, and would be so for good."""
    before = showing(commit(told(IDS)))
    with pytest.raises(AttributeError):
        before.apply(SeriesChanges(targets={"prod": "no series"}))  # type: ignore[dict-item]  # on purpose
    before.apply(commit(told(IDS)))
    assert list(before.keep({HERE: set(IDS)})) == []


def test_a_target_that_goes_takes_what_was_kept_with_it() -> None:
    """What is remembered of its runs may change unseen until somebody watches them again."""
    before = showing(commit(told(IDS)))
    kept = list(before.keep({HERE: set(IDS)}))
    after = showing(SeriesChanges(targets={"other": None}), commit(told(IDS)), kept=kept)
    assert taken_up(after, kept) == 0


def test_a_catalog_that_is_watched_no_longer_is_not_the_first_one() -> None:
    """Whose runs take less room."""
    kept = list(showing(commit(told(IDS, place=THERE))).keep({THERE: set(IDS)}))
    assert showing(commit(told(IDS)), kept=kept)._runs._first_catalog == HERE


def test_a_program_knows_the_text_that_it_writes_itself() -> None:
    assert specimen() == specimen()
    assert len(specimen()) == 64
