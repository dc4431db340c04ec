"""What a scrape answers, from the store's changes on."""

import gzip
from dataclasses import replace
from typing import cast

import pytest

from exporter.metrics.blocks import BLOCK_ITEMS
from exporter.metrics.exposition import Exposition
from exporter.model.run import RunKey
from exporter.model.view import ViewKey
from exporter.store.series import (
    ExporterSeries,
    RequestStats,
    RunSeries,
    SeriesChanges,
    TargetSeries,
    ViewSeries,
)
from tests.support.clock import ManualClock
from tests.support.run_series import numbered_run, read_openmetrics, read_text, run_series

OPENMETRICS = "application/openmetrics-text;version=1.0.0"


def quiet_exposition(clock: ManualClock | None = None) -> Exposition:
    """Return an exposition whose text depends on nothing but what is applied."""
    return Exposition(clock or ManualClock(), process_metrics=False)


def commit(*series: RunSeries) -> SeriesChanges:
    return SeriesChanges(runs={one.key: one for one in series})


def target(name: str = "prod") -> TargetSeries:
    return TargetSeries(target=name, aws_region="eu-west-1", requests=RequestStats())


def test_nothing_applied_is_an_empty_but_valid_answer() -> None:
    exposition = quiet_exposition()
    assert exposition.scrape().body() == b""
    assert exposition.scrape(OPENMETRICS).body() == b"# EOF\n"
    assert gzip.decompress(exposition.scrape(None, "gzip").body()) == b""


def test_everything_anew_drops_what_was_there_before() -> None:
    """A listener that failed half way gets all that there is: it must then show nothing else."""
    stays, goes = numbered_run(1), numbered_run(2)
    key = ViewKey("eu-west-1", "123456789012", "sales", "orders")
    anew = SeriesChanges(
        everything=True, runs={stays.key: stays}, targets={"prod": target()}, exporter=ExporterSeries()
    )
    used, fresh = quiet_exposition(), quiet_exposition()
    used.apply(
        SeriesChanges(
            runs={stays.key: goes, goes.key: goes},
            views={key: ViewSeries(key, "gone", up=True, facts=None)},
            targets={"gone": target("gone")},
            exporter=ExporterSeries(),
        )
    )
    used.scrape()
    for one in (used, fresh):
        one.apply(anew)
    assert used.scrape().body() == fresh.scrape().body() != b""
    used.apply(SeriesChanges(runs={stays.key: None}))
    assert b"run_id" not in used.scrape().body()


def test_without_process_metrics_and_counters_only_gauges_are_left() -> None:
    """For a textfile, where the first collide and the second would always be of one poll."""
    exposition = Exposition(ManualClock(), process_metrics=False, counters=False)
    exposition.apply(SeriesChanges(targets={"prod": target()}, exporter=ExporterSeries()))
    families = read_text(exposition.scrape().body().decode())
    assert {family.type for family in families} == {"gauge"}
    assert {family.name.partition("_exporter_")[0] for family in families} == {"glue_mv"}


def test_what_is_gone_is_not_scraped() -> None:
    exposition = quiet_exposition()
    run = run_series()
    exposition.apply(SeriesChanges(runs={run.key: run}, targets={"prod": target()}))
    exposition.apply(SeriesChanges(runs={run.key: None}, targets={"prod": None, "never": None}))
    assert exposition.scrape().body() == b""


def test_a_scrape_that_has_begun_shows_one_commit_alone() -> None:
    exposition = quiet_exposition()
    exposition.apply(commit(*map(numbered_run, range(BLOCK_ITEMS + 5))))
    before = exposition.scrape().body()
    scrape = exposition.scrape()
    exposition.apply(commit(*(numbered_run(n, dpu_seconds=0) for n in range(0, BLOCK_ITEMS + 5, 3))))
    assert scrape.body() == before
    assert exposition.scrape().body() != before


class _ApplyingClock(ManualClock):
    """Applies a commit whenever the time is read."""

    exposition: Exposition
    changes: SeriesChanges

    def time(self) -> float:
        self.exposition.apply(self.changes)
        return super().time()


def test_a_commit_in_the_middle_of_a_scrape_does_not_tear_it() -> None:
    clock = _ApplyingClock()
    clock.exposition = quiet_exposition(clock)
    clock.changes = SeriesChanges(runs=commit(run_series()).runs, targets={"prod": target()})
    assert clock.exposition.scrape().body() == b""
    clock.changes = SeriesChanges(runs={run_series().key: None}, targets={"prod": None})
    whole = clock.exposition.scrape().body()
    assert b"glue_mv_refresh_run_info{" in whole
    assert b"glue_mv_exporter_target_info{" in whole


def test_a_scrape_does_not_wait_for_a_commit_to_be_applied() -> None:
    exposition = quiet_exposition()
    exposition.apply(commit(run_series()))
    with exposition._lock:
        assert b"glue_mv_refresh_run_info{" in exposition.scrape().body()


def test_a_commit_that_fails_leaves_the_last_snapshot_and_everything_heals_it() -> None:
    """The store publishes everything anew after a listener has raised."""
    exposition = Exposition(ManualClock(), process_metrics=False, block_items=4)
    exposition.apply(commit(*map(numbered_run, range(6))))
    before = exposition.scrape().body()
    broken = commit(*(numbered_run(number, dpu_seconds=0) for number in range(10)))
    broken = replace(broken, runs={**broken.runs, RunKey("r", "c", "i"): cast("RunSeries", None.__class__)})
    for changes in (broken, replace(broken, everything=True)):
        with pytest.raises(AttributeError):
            exposition.apply(changes)
        assert exposition.scrape().body() == before
    exposition.apply(replace(commit(numbered_run(1)), everything=True))
    assert exposition.scrape().body().count(b"\nglue_mv_refresh_run_info{") == 1


PROCESS_FAMILIES = {
    "process_resident_memory_bytes": "gauge",
    "process_cpu_seconds": "counter",
    "process_open_fds": "gauge",
    "process_start_time_seconds": "gauge",
    "python_info": "gauge",
    "python_gc_collections": "counter",
}


def test_the_process_has_client_pythons_families() -> None:
    """The same ones in both formats, each once, and nothing ``_created``."""
    exposition = Exposition(ManualClock())
    found = []
    for families in (
        read_text(exposition.scrape().body().decode()),
        read_openmetrics(exposition.scrape(OPENMETRICS).body().decode()),
    ):
        types = {family.name: family.type for family in families}
        assert types.items() >= PROCESS_FAMILIES.items()
        assert len(types) == len(families)
        found.append({sample.name for family in families for sample in family.samples})
    assert found[0] == found[1]
    assert not [name for name in found[0] if name.endswith("_created")]
