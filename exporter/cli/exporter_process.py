"""The parts of an exporter, put together: store, exposition, Glue client and poll loop."""

from dataclasses import dataclass, replace

import structlog

from exporter import config
from exporter.clock import Clock
from exporter.errors import ConfigurationError, Problem
from exporter.glue.client import ClientFactory
from exporter.glue.sessions import resolve_region
from exporter.metrics.exposition import Exposition
from exporter.model.settings import Settings
from exporter.model.sharding import Shard, owner
from exporter.poller.scheduler import Scheduler
from exporter.store.series import ExporterSeries
from exporter.store.storage import Storage
from exporter.store.store import Store

NO_REGION = (
    "no AWS region: set aws_region, or AWS_DEFAULT_REGION, or a region in the profile"
    " (the AWS SDK for Python does not read AWS_REGION)"
)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Exporter:
    """What a command runs."""

    store: Store
    exposition: Exposition
    clients: ClientFactory
    scheduler: Scheduler

    def close(self) -> None:
        """Write what is left of the state, and close it and all connections."""
        self.store.close()
        self.clients.close()


def load_settings(file: str, shard: Shard) -> Settings:
    """Load the file, log its warnings, keep the shard's targets, fill in regions. Raises ConfigurationError.

    The whole file is validated, whatever the shard: all processes accept it, or none does.
    """
    loaded = config.load(file)
    everything = loaded.settings.targets
    mine = tuple(one for one in everything if owner(one.name, shard.count) == shard.index)
    # Regions of the shard's own targets only: another process may have other profiles.
    settings = with_regions(replace(loaded.settings, targets=mine), loaded.file)
    for line in loaded.warning_lines:
        log.warning("configuration", detail=line)
    if shard.count > 1:
        log.info("shard", shard=str(shard), targets=len(mine), of=len(everything))
    return settings


def with_regions(settings: Settings, file: str) -> Settings:
    """Return the settings with every target's region filled in from the AWS SDK where it is not written.

    Raises ConfigurationError naming every target that has none: its series could not be labelled.
    """
    targets = tuple(
        replace(target, access=replace(target.access, aws_region=resolve_region(target.access)))
        for target in settings.targets
    )
    without = [target.name for target in targets if target.access.aws_region is None]
    if without:
        raise ConfigurationError(file, tuple(Problem(0, f"target {name}", NO_REGION) for name in without))
    return replace(settings, targets=targets)


def make_exporter(
    settings: Settings,
    *,
    storage_path: str | None = None,
    clients: ClientFactory | None = None,
    clock: Clock | None = None,
    for_textfile: bool = False,
    external_url: str | None = None,
    shard: Shard = Shard(),  # noqa: B008 (frozen, so one for all calls does)
) -> Exporter:
    """Put the parts together; nothing runs yet. Raises StorageError where the state cannot be used.

    ``storage_path``: the folder of the state; without it, the state ends with the process.
    ``for_textfile``: leave out ``process_*`` and ``python_*``, which collide with node_exporter's own,
    and counters, unless something keeps them between two runs. ``external_url``, ``shard``: what the
    metrics say of this process.
    """
    clock = clock or Clock()
    clients = clients or ClientFactory(clock)
    clients.configure(settings)
    storage, rows = (None, {}) if storage_path is None else Storage.open(storage_path)
    exposition = Exposition(
        clock, process_metrics=not for_textfile, counters=storage is not None or not for_textfile
    )
    series = ExporterSeries(external_url=external_url, shard=shard)
    store = Store(clock, [exposition.apply], storage, rows, exporter=series)
    return Exporter(store, exposition, clients, Scheduler(store, clients.catalog, clock))


def progress(store: Store) -> str:
    """Return in words how far polling once is."""
    with store.lock:
        watched = list(store.watched())
        runs = sum(len(catalog.runs) for catalog in {catalog for _, catalog in watched if catalog})
        ended = sum(state.series.up is not None for state, _ in watched)
    of_targets = f"{ended} of {len(watched)} targets done, " if len(watched) > 1 else ""
    return f"reading, {of_targets}{runs:,} runs"
