"""Very many reloads at once: the last valid configuration holds, and nothing is left over."""

import itertools
import threading
from pathlib import Path

import pytest

from exporter.cli.reloading import Reloader
from exporter.model.settings import Settings
from tests.support.bare_glue import BareGlue
from tests.support.bare_records import sample_run, sample_run_id
from tests.support.clock import eventually
from tests.support.left_over import nothing_left_over
from tests.support.reload_bench import document, reload_bench, target

AT_ONCE = 10
RELOADS = 300


def reload_often(reloader: Reloader, times: int) -> None:
    threads = [
        threading.Thread(target=lambda: [reloader.reload() for _ in range(times // AT_ONCE)])
        for _ in range(AT_ONCE)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.long
def test_the_last_valid_configuration_holds_and_nothing_is_left_over(tmp_path: Path) -> None:
    """Targets come, go and stay; one speaks to another endpoint each time, with the same keys."""
    with BareGlue() as glue, BareGlue() as other:
        for bare in (glue, other):
            for number in range(4):
                bare.records.put_run(sample_run(number))
        stays = target(glue, "stays", 1)
        texts = itertools.cycle(
            [
                document(stays, target(glue, "moves", 2)),
                document(stays, target(other, "moves", 2), target(glue, "comes", 3)),
                "targets: 1\n",
            ]
        )
        file = tmp_path / "config.yaml"
        file.write_text(next(texts))
        with reload_bench(file, glue) as bench:
            valid: list[Settings] = []

            def load() -> Settings:
                """Take the next configuration. Reloads take turns."""
                file.write_text(next(texts))
                valid.append(bench.load())
                return valid[-1]

            reloader = Reloader(str(file), load, bench.exporter, loaded=b"")
            reload_often(reloader, 3 * AT_ONCE)
            eventually(bench.exporter.store.ready)
            with nothing_left_over(threads=6, sockets=8):
                reload_often(reloader, RELOADS)
                assert len(valid) > (3 * AT_ONCE + RELOADS) // 2
                assert bench.exporter.store.settings == valid[-1]
                # And none twice: the bench looks at that.
                bench.await_runs(*(run_id for one in valid[-1].targets for run_id in one.run_ids))
            assert glue.count(run_id=sample_run_id(1)) == 1, "it is settled, and its target stays"
