"""Very many reloads at once: the last valid configuration holds, and nothing is left over."""

import itertools
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from exporter.cli.reloading import Reloader
from exporter.errors import ConfigurationError, Problem
from exporter.model.settings import Settings
from tests.support.bare_glue import BareGlue
from tests.support.bare_records import sample_run, sample_run_id
from tests.support.clock import eventually
from tests.support.left_over import nothing_left_over, open_sockets
from tests.support.reload_bench import ReloadBench, document, reload_bench, target

AT_ONCE = 10
RELOADS = 1000


class Turns:
    """Loads one configuration after the other, and every third time an invalid one."""

    def __init__(self, *configurations: Settings) -> None:
        self._next = itertools.cycle([*configurations, None])
        self.last: Settings | None = None
        """The last valid one."""
        self.loads = 0

    def __call__(self) -> Settings:
        """Return the next configuration, or raise. Reloads take turns, and so do the calls."""
        self.loads += 1
        settings = next(self._next)
        if settings is None:
            raise ConfigurationError("config.yaml", (Problem(1, "targets", "one in three"),))
        self.last = settings
        return settings


def settings_of(bench: ReloadBench, text: str) -> Settings:
    """Return what the file would mean if it held this text."""
    bench.file.write_text(text)
    return bench.load()


def reload_often(reload: Callable[[], object], times: int) -> None:
    """Reload from several threads at once."""
    threads = [
        threading.Thread(target=lambda: [reload() for _ in range(times // AT_ONCE)]) for _ in range(AT_ONCE)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.long
def test_nothing_is_left_over_after_a_thousand_reloads(tmp_path: Path) -> None:
    """Targets come, go and stay; one of them speaks to another endpoint each time, with the same keys."""
    with BareGlue() as glue, BareGlue() as other:
        for bare in (glue, other):
            for number in range(4):
                bare.records.put_run(sample_run(number))
        file = tmp_path / "config.yaml"
        first = document(target(glue, "stays", 1), target(glue, "moves", 2))
        file.write_text(first)
        with reload_bench(file, glue) as bench:
            second = document(target(glue, "stays", 1), target(other, "moves", 2), target(glue, "comes", 3))
            turns = Turns(settings_of(bench, second), settings_of(bench, first))
            reloader = Reloader(str(file), turns, bench.exporter, loaded=b"")
            reload_often(reloader.reload, 3 * AT_ONCE)
            eventually(bench.exporter.store.ready)
            with nothing_left_over(threads=2, sockets=4):
                reload_often(reloader.reload, RELOADS)

                assert turns.loads == 3 * AT_ONCE + RELOADS
                assert turns.last is not None
                assert bench.exporter.store.settings == turns.last
                wanted = {run_id for one in turns.last.targets for run_id in one.run_ids}
                bench.await_runs(*wanted)  # and none twice: the bench looks at that
            assert bench.series()["glue_mv_exporter_config_last_reload_successful"] == 1, "the last was valid"
            assert glue.count(run_id=sample_run_id(1)) == 1, "it is settled, and its target stays"


def test_a_target_that_moves_leaves_no_connection_behind(tmp_path: Path) -> None:
    """Another target keeps the credentials in use; their connections to where nobody asks must go."""
    with BareGlue() as glue, BareGlue() as other:
        for bare in (glue, other):
            bare.records.put_run(sample_run(1))
            bare.records.put_run(sample_run(2, status="RUNNING"))
        file = tmp_path / "config.yaml"
        file.write_text(document(target(glue, "stays", 1), target(other, "moves", 2)))
        with reload_bench(file, glue) as bench:
            held = []
            for turn in range(12):
                bare = (glue, other)[turn % 2]
                bare.forget_calls()
                bench.write(target(glue, "stays", 1), target(bare, "moves", 2))
                bench.reloader.reload()
                bare.wait_for_calls(1, run_id=sample_run_id(2))
                eventually(bench.exporter.store.ready)
                held.append(open_sockets())
            eventually(lambda: open_sockets() <= held[1])
