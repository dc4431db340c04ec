"""How much is done per change and per scrape, in counts that are the same on every machine.

Where these grow, the exporter has become slower, however quick the machine of the test is.
"""

import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from random import Random

import pytest

from benchmarks.lifelike import ACCOUNT, REGION, records
from exporter.glue.responses import parse_run
from exporter.metrics.blocks import BLOCK_ITEMS
from exporter.metrics.exposition import Exposition
from exporter.metrics.run_families import RUN_FAMILIES
from exporter.model.run import RunKey
from exporter.store.results import PollEnded, RunsListed, Scope
from exporter.store.series import RunSeries, SeriesChanges
from tests.support.clock import ManualClock
from tests.support.operations import Operations, counted
from tests.support.run_series import numbered_run
from tests.support.status_scene import Scene, refresh, view
from tests.support.store_bench import target

FEW = BLOCK_ITEMS + 1
MANY = 5 * BLOCK_ITEMS + 1
BYTES_PER_RUN = 3200
"""Text of one run's series; what is encoded for one change is no more than that."""
CALLS_PER_NEW_RUN = 160
SCOPE = Scope()
CHANCE = Random(1)  # noqa: S311 (text that hardly compresses)


@cache
def all_series(runs: int) -> tuple[RunSeries, ...]:
    """Return lifelike runs, of which the first goes on."""
    parsed = map(parse_run, records(runs, active=1))
    return tuple(RunSeries(RunKey(REGION, ACCOUNT, run.run_id), run, up=True) for run in parsed)


def ordinary() -> Exposition:
    return Exposition(ManualClock(), process_metrics=False)


class Everything(Exposition):
    """The planted regression: an exposition that encodes all again for each change."""

    def __init__(self) -> None:
        super().__init__(ManualClock(), process_metrics=False)
        self._all: dict[RunKey, RunSeries | None] = {}

    def apply(self, changes: SeriesChanges) -> None:
        self._all |= changes.runs
        super().apply(replace(changes, runs=self._all))


def one_change(make: Callable[[], Exposition], runs: int, changed: int) -> Operations:
    """Count what one changed run among so many costs."""
    exposition = make()
    series = all_series(runs)
    exposition.apply(SeriesChanges(runs={one.key: one for one in series}))
    run = series[changed].run
    assert run is not None
    other = series[changed]._replace(run=run._replace(dpu_seconds=4711.0))
    with counted() as done:
        exposition.apply(SeriesChanges(runs={other.key: other}))
    return done


def check_one_change(make: Callable[[], Exposition]) -> None:
    """Raise AssertionError where a change costs more than its own run."""
    for changed, compressed in ((0, 0), (1, BLOCK_ITEMS * BYTES_PER_RUN)):
        few, many = (one_change(make, runs, changed) for runs in (FEW, MANY))
        assert (few.items_encoded, many.items_encoded) == (1, 1)
        assert many.bytes_encoded <= BYTES_PER_RUN
        # The active run is in no block; for the other one, its block is compressed anew.
        assert many.bytes_compressed <= compressed
        assert many.calls <= 1.3 * few.calls + 200


def test_one_changed_run_costs_as_much_among_many_as_among_few() -> None:
    check_one_change(ordinary)


def test_an_exposition_that_encodes_everything_again_would_be_noticed() -> None:
    with pytest.raises(AssertionError):
        check_one_change(Everything)


def test_a_new_run_takes_few_calls() -> None:
    runs = [one for one in all_series(MANY + 1) if one.run and one.run.ended][: 4 * BLOCK_ITEMS]
    with counted() as done:
        ordinary().apply(SeriesChanges(runs={one.key: one for one in runs}))
    assert done.items_encoded == len(runs)
    assert done.calls <= CALLS_PER_NEW_RUN * len(runs)


def test_a_scrape_of_many_settled_runs_does_no_more_than_one_of_few() -> None:
    def again(runs: int) -> Operations:
        exposition = ordinary()
        exposition.apply(SeriesChanges(runs={one.key: one for one in all_series(runs)}))
        exposition.scrape(None, "gzip")
        with counted() as done:
            exposition.scrape(None, "gzip").body()
        return done

    few, many = again(FEW), again(MANY)
    assert (many.items_encoded, few.items_encoded) == (0, 0)
    assert many.calls <= few.calls + 5
    assert many.bytes_compressed <= 300, "more than the one line of the active run"


def compressed_at(scrapes: int, *, runs: int, active: int = 0) -> int:
    """Return how many bytes of text the last of so many scrapes compresses, with so many runs that rest."""
    exposition = ordinary()
    shown = [
        *map(numbered_run, range(runs)),
        *(numbered_run(2**47 + n, status="RUNNING") for n in range(active)),
    ]
    exposition.apply(SeriesChanges(runs={one.key: one for one in shown}))
    for _ in range(scrapes):
        with counted() as done:
            exposition.scrape(None, "gzip").body()
    return done.bytes_compressed


def test_a_first_scrape_compresses_as_much_for_many_settled_runs_as_for_few() -> None:
    assert (
        compressed_at(1, runs=BLOCK_ITEMS, active=1) == compressed_at(1, runs=8 * BLOCK_ITEMS, active=1) > 0
    )


def test_an_unchanged_scrape_compresses_nothing_again_but_live_lines() -> None:
    assert compressed_at(2, runs=BLOCK_ITEMS + 9) == 0
    one, two = (compressed_at(2, runs=BLOCK_ITEMS + 9, active=active) for active in (1, 2))
    assert 0 < one < BYTES_PER_RUN / 10
    assert two == 2 * one


def test_a_commit_of_active_runs_joins_no_blocks_again() -> None:

    def calls(runs: int) -> int:
        exposition = ordinary()
        series = all_series(runs)
        exposition.apply(SeriesChanges(runs={one.key: one for one in series}))
        exposition.scrape(None, "gzip").body()
        exposition.apply(SeriesChanges(runs={series[0].key: series[0]}))
        with counted() as done:
            exposition.scrape(None, "gzip").body()
        return done.calls

    assert calls(MANY) <= calls(FEW) + 100


def test_a_poll_that_changes_fifty_views_encodes_these_and_their_runs_alone() -> None:
    names = [f"sales.view_{number}" for number in range(200)]
    scene = Scene(target("prod", "*.*"), listeners=[ordinary().apply])
    scene.poll("prod", tuple(map(view, names)), tuple(refresh(name, name, ended=None) for name in names))
    listing = scene.store.open_listing("prod", SCOPE)
    assert listing is not None
    changed = tuple(refresh(name, name) for name in names[:50])
    with counted() as done:
        scene.store.apply(RunsListed(target="prod", listing=listing, runs=changed))
        scene.store.apply(PollEnded(target="prod", started=0.0, duration=1.0, scopes=[SCOPE]))
    assert done.items_encoded == 2 * 50


def large() -> Exposition:
    """Return an exposition of so many bytes, even compressed, that a copy of them would show."""
    exposition = ordinary()
    for number in range(MANY):
        run = numbered_run(number, role=CHANCE.randbytes(5000).hex())
        exposition.apply(SeriesChanges(runs={run.key: run}))
    return exposition


@pytest.mark.parametrize(("encoding", "least"), [("gzip", 6 << 20), (None, 12 << 20)])
def test_a_large_scrape_is_never_held_at_once_and_leaves_no_copy_behind(
    encoding: str | None, least: int
) -> None:
    """It would take 38 MB for 100,000 runs; their plain text, 270 MB."""
    exposition = large()
    tracemalloc.start()
    scrape = exposition.scrape(None, encoding)
    size = sum(map(len, scrape.chunks))
    left, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size == scrape.length > least
    assert (left < 256 << 10, peak < 2 << 20) == (True, True)


def test_a_large_scrape_does_little_for_each_block_and_inflates_nothing_before_its_body_is_read() -> None:
    """So HEAD costs nothing, and a client that hangs up little."""
    exposition = large()
    exposition.scrape()
    with counted() as done:
        assert exposition.scrape().length > 12 << 20
    assert done.calls <= 2 * len(RUN_FAMILIES) * MANY / BLOCK_ITEMS + 100
    with counted() as done:
        exposition.scrape(None, "gzip").body()
    assert done.calls <= 4 * len(RUN_FAMILIES) * MANY / BLOCK_ITEMS + 100
    assert done.bytes_compressed == 0
