"""A running exporter with a configuration file and what reloads it, over a bare Glue."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from exporter.cli.exporter_process import Exporter, load_settings, make_exporter
from exporter.cli.reloading import Reloader, content_of
from exporter.clock import Clock
from exporter.glue.client import ClientFactory
from exporter.model.settings import Settings
from exporter.model.sharding import Shard
from exporter.web.status import read_status
from tests.e2e import program
from tests.e2e.exposition import RUN, Exposition
from tests.support.bare_glue import BareGlue
from tests.support.bare_records import sample_run_id
from tests.support.clock import SAFETY_NET, ManualClock, eventually
from tests.support.glue_clients import session_with


@dataclass
class ReloadBench:
    """An exporter that polls a bare Glue, its configuration file, and what reloads it."""

    file: Path
    glue: BareGlue
    clock: ManualClock = field(default_factory=lambda: ManualClock(held=True))

    def __post_init__(self) -> None:
        settings = self.load()
        clock = Clock()
        clients = ClientFactory(clock, session_factory=session_with())
        self.exporter: Exporter = make_exporter(settings, clients=clients, clock=clock)
        loaded = content_of(str(self.file))
        self.reloader = self.another_reloader(loaded=loaded, interval=10.0, clock=self.clock)
        self.exporter.scheduler.configure(settings)

    def another_reloader(self, **more: Any) -> Reloader:
        return Reloader(str(self.file), self.load, self.exporter, **more)

    def load(self) -> Settings:
        return load_settings(str(self.file), Shard())

    def close(self) -> None:
        """End everything; nothing may be left that hangs."""
        self.reloader.end()
        assert self.exporter.scheduler.stop(SAFETY_NET)
        self.exporter.close()

    def write(self, *targets: dict[str, Any], **more: Any) -> None:
        self.file.write_text(document(*targets, **more))

    def scrape(self) -> Exposition:
        return Exposition(b"".join(self.exporter.exposition.scrape(None, None).chunks).decode())

    def watched(self) -> set[str]:
        """Return the IDs of the runs that the status page shows: the configured ones, read or not."""
        reading = read_status(self.exporter.store, self.clock.time())
        return {row.run_id for row in reading.runs}

    def await_runs(self, *run_ids: str) -> None:
        def shown() -> set[str]:
            return {labels["run_id"] for labels, _ in self.scrape().series(f"{RUN}info")}

        eventually(lambda: shown() == set(run_ids))


def document(*targets: dict[str, Any], **more: Any) -> str:
    return yaml.safe_dump({**more, "targets": list(targets)})


def target(glue: BareGlue, name: str, *numbers: int, **more: Any) -> dict[str, Any]:
    run_ids = map(sample_run_id, numbers)
    return program.target(glue.url, *run_ids, name=name, max_requests_per_second=1000, **more)


@contextmanager
def reload_bench(file: Path, glue: BareGlue) -> Iterator[ReloadBench]:
    """Run an exporter with what the file holds now."""
    bench = ReloadBench(file, glue)
    try:
        yield bench
    finally:
        bench.close()
