"""What a scrape answers, from the store's changes on."""

import gzip
import re
import threading
import zlib
from collections.abc import ItemsView, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from exporter.metrics import Exposition
from exporter.metrics.blocks import BLOCK_ITEMS
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
EXPORTER = ExporterSeries(
    version="1",
    python_version="3",
    boto3_version="1",
    last_reload_successful=True,
    last_reload_success_time=1.5,
)


def quiet_exposition(clock: ManualClock | None = None) -> Exposition:
    """Return an exposition whose text depends on nothing but what is applied."""
    return Exposition(clock or ManualClock(), process_metrics=False)


def commit(*series: RunSeries) -> SeriesChanges:
    """Return the change to these runs."""
    return SeriesChanges(runs={one.key: one for one in series})


def target(name: str = "prod") -> TargetSeries:
    """Return a target of which little is known."""
    return TargetSeries(target=name, aws_region="eu-west-1", requests=RequestStats())


def test_nothing_applied_is_an_empty_but_valid_answer() -> None:
    """Before the store has spoken."""
    exposition = quiet_exposition()
    assert exposition.scrape().body() == b""
    assert exposition.scrape(OPENMETRICS).body() == b"# EOF\n"
    assert gzip.decompress(exposition.scrape(None, "gzip").body()) == b""


def test_everything_anew_drops_what_was_there_before() -> None:
    """A listener that failed half way gets all that there is: it must then show nothing else."""
    stays, goes = numbered_run(1), numbered_run(2)
    key = ViewKey("eu-west-1", "123456789012", "sales", "orders")
    anew = SeriesChanges(
        everything=True, runs={stays.key: stays}, targets={"prod": target()}, exporter=EXPORTER
    )
    used, fresh = quiet_exposition(), quiet_exposition()
    used.apply(
        SeriesChanges(
            runs={stays.key: goes, goes.key: goes},
            views={key: ViewSeries(key, "gone", up=True, facts=None)},
            targets={"gone": target("gone")},
            exporter=EXPORTER,
        )
    )
    used.scrape()
    for one in (used, fresh):
        one.apply(anew)
    assert used.scrape().body() == fresh.scrape().body() != b""
    used.apply(SeriesChanges(runs={stays.key: None}))
    assert b"run_id" not in used.scrape().body()


@pytest.mark.parametrize("accept", [None, OPENMETRICS])
def test_the_answer_says_what_it_is(accept: str | None) -> None:
    """Prometheus 3 refuses a scrape without a content type."""
    exposition = Exposition(ManualClock())
    exposition.apply(SeriesChanges(runs=commit(run_series()).runs, targets={"prod": target()}))
    types = {
        None: "text/plain; version=0.0.4; charset=utf-8",
        OPENMETRICS: "application/openmetrics-text; version=1.0.0; charset=utf-8",
    }
    for accept_encoding, content_encoding in ((None, None), ("gzip", "gzip")):
        scrape = exposition.scrape(accept, accept_encoding)
        assert (scrape.content_type, scrape.content_encoding) == (types[accept], content_encoding)
        assert scrape.length == len(scrape.body())


def test_without_process_metrics_and_counters_only_gauges_are_left() -> None:
    """For a textfile, where the first collide and the second would always be of one poll."""
    exposition = Exposition(ManualClock(), process_metrics=False, counters=False)
    exposition.apply(SeriesChanges(targets={"prod": target()}, exporter=EXPORTER))
    families = read_text(exposition.scrape().body().decode())
    assert {family.type for family in families} == {"gauge"}
    assert {family.name.partition("_exporter_")[0] for family in families} == {"glue_mv"}


def test_a_run_of_the_same_id_in_another_catalog_is_another_run() -> None:
    """Whichever catalog came first."""
    here = run_series()
    there = RunSeries(RunKey("us-east-1", "210987654321", here.key.run_id), here.run, up=False)

    def ups() -> dict[str, float]:
        (family,) = [f for f in read_text(exposition.scrape().body().decode()) if f.name.endswith("_run_up")]
        return {sample.labels["aws_region"]: sample.value for sample in family.samples}

    exposition = quiet_exposition()
    exposition.apply(commit(here))
    exposition.apply(commit(there))
    assert ups() == {"eu-west-1": 1.0, "us-east-1": 0.0}
    exposition.apply(SeriesChanges(runs={here.key: None}))
    assert ups() == {"us-east-1": 0.0}
    exposition.apply(SeriesChanges(runs={there.key: None, here.key: here}))
    assert ups() == {"eu-west-1": 1.0}


def test_the_duration_of_a_run_that_goes_on_is_that_of_the_scrape() -> None:
    """Nobody has to apply anything for it to grow."""
    clock = ManualClock(1700000100.0)
    exposition = quiet_exposition(clock)
    exposition.apply(commit(run_series(status="RUNNING", end_time=None)))
    for expected in (b"} 90.000\n", b"} 95.000\n"):
        body = exposition.scrape().body()
        assert expected in body[body.index(b"run_duration_seconds{") :]
        clock.advance(5)


def test_what_is_gone_is_not_scraped() -> None:
    """Runs and targets vanish at once."""
    exposition = quiet_exposition()
    run = run_series()
    exposition.apply(SeriesChanges(runs={run.key: run}, targets={"prod": target()}))
    exposition.apply(SeriesChanges(runs={run.key: None}, targets={"prod": None, "never": None}))
    assert exposition.scrape().body() == b""


def test_a_scrape_that_has_begun_shows_one_commit_alone() -> None:
    """What is applied while its chunks are sent is for the next one."""
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
    """Both levels are of the same commit."""
    clock = _ApplyingClock()
    clock.exposition = quiet_exposition(clock)
    clock.changes = SeriesChanges(runs=commit(run_series()).runs, targets={"prod": target()})
    assert clock.exposition.scrape().body() == b""
    clock.changes = SeriesChanges(runs={run_series().key: None}, targets={"prod": None})
    whole = clock.exposition.scrape().body()
    assert b"glue_mv_refresh_run_info{" in whole
    assert b"glue_mv_exporter_target_info{" in whole


class _ScrapingChanges(dict[RunKey, RunSeries | None]):
    """Scrapes while it is applied."""

    def __init__(self, exposition: Exposition, *series: RunSeries) -> None:
        super().__init__({one.key: one for one in series})
        self.exposition = exposition
        self.seen: list[bytes] = []

    def items(self) -> Any:
        """Yield the changes, with a scrape after each."""
        return self._scraping(super().items())

    def _scraping(self, items: ItemsView[RunKey, RunSeries | None]) -> Iterator[Any]:
        for pair in items:
            yield pair
            self.seen.append(self.exposition.scrape().body())


def test_a_scrape_does_not_wait_for_a_commit_to_be_applied() -> None:
    """It would hang here if it did."""
    exposition = quiet_exposition()
    exposition.apply(commit(run_series()))
    before = exposition.scrape().body()
    changes = _ScrapingChanges(exposition, *map(numbered_run, range(3)))
    exposition.apply(SeriesChanges(runs=changes))
    assert changes.seen == [before] * 3


def test_scrapes_while_commits_are_applied_each_show_one_commit() -> None:
    """By threads of their own, as in the program; each commit sets all runs and the target to one value."""
    exposition = Exposition(ManualClock(), process_metrics=False, block_items=16)
    over = threading.Event()

    def scrape() -> list[set[bytes]]:
        seen: list[set[bytes]] = []
        while not over.is_set() or not seen:
            body = zlib.decompress(exposition.scrape(None, "gzip").body(), wbits=31)
            seen.append(set(re.findall(rb"^glue_mv_\w+_up\{.*\} (\d)$", body, re.MULTILINE)))
        return seen

    with ThreadPoolExecutor(2) as pool:
        scraping = [pool.submit(scrape) for _ in range(2)]
        for turn in range(60):
            up = turn % 2 == 1
            runs = commit(*(numbered_run(number, up=up) for number in range(turn, turn + 40))).runs
            changes = SeriesChanges(
                everything=turn % 7 == 0, runs=runs, targets={"prod": replace(target(), up=up)}
            )
            exposition.apply(replace(changes, runs={numbered_run(turn - 1).key: None, **runs}))
        over.set()
        assert all(len(values) <= 1 for one in scraping for values in one.result())


def test_a_commit_that_fails_leaves_the_last_snapshot_and_everything_heals_it() -> None:
    """The store publishes everything anew after a listener has raised."""
    exposition = Exposition(ManualClock(), process_metrics=False, block_items=4)
    exposition.apply(commit(*map(numbered_run, range(6))))
    before = exposition.scrape().body()
    broken = commit(*(numbered_run(number, dpu_seconds=0) for number in range(10)))
    broken = replace(broken, runs={**broken.runs, RunKey("r", "c", "i"): cast("RunSeries", None.__class__)})
    for changes in (broken, replace(broken, everything=True)):
        with pytest.raises(TypeError):
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


def test_the_values_of_the_process_are_those_of_the_scrape() -> None:
    exposition = Exposition(ManualClock())

    def open_files() -> float:
        (line,) = [
            one for one in exposition.scrape().body().splitlines() if one.startswith(b"process_open_fds ")
        ]
        return float(line.split()[1])

    before = open_files()
    with Path("/dev/null").open():
        assert open_files() == before + 1
