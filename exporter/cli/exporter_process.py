"""The parts of a running exporter, put together: store, exposition, Glue client and poll loop."""

import platform
import threading
from dataclasses import dataclass, replace
from importlib import metadata

from exporter import __version__
from exporter.cli.sharding import Shard
from exporter.clock import Clock, SystemClock
from exporter.errors import ConfigurationError, Problem
from exporter.glue import ClientFactory, resolve_region
from exporter.metrics import Exposition
from exporter.model.reader import CatalogReader
from exporter.model.settings import Settings, Target
from exporter.poller import Scheduler
from exporter.store.series import ExporterSeries, RequestStats
from exporter.store.storage import Storage
from exporter.store.store import Store


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


def with_regions(settings: Settings, file: str) -> Settings:
    """Return the settings with every target's region filled in from the AWS SDK where it is not written.

    Raises ConfigurationError naming every target that has none: its series could not be labelled.
    """
    problems: list[Problem] = []
    targets: list[Target] = []
    for target in settings.targets:
        region = resolve_region(target.access)
        if region is None:
            problems.append(
                Problem(
                    0,
                    f"target {target.name}",
                    "no AWS region: set aws_region, or AWS_DEFAULT_REGION, or a region in the profile"
                    " (the AWS SDK for Python does not read AWS_REGION)",
                )
            )
        else:
            targets.append(replace(target, access=replace(target.access, aws_region=region)))
    if problems:
        raise ConfigurationError(file, tuple(problems))
    return replace(settings, targets=tuple(targets))


def make_exporter(
    settings: Settings,
    *,
    storage_path: str | None = None,
    clients: ClientFactory | None = None,
    clock: Clock | None = None,
    for_textfile: bool = False,
    external_url: str | None = None,
    shard: Shard = Shard(),  # noqa: B008 (frozen)
) -> Exporter:
    """Put the parts together; nothing runs yet. Raises StorageError where the state cannot be used.

    ``storage_path``: the folder of the state; without it, the state ends with the process.
    ``for_textfile``: leave out ``process_*`` and ``python_*``, which collide with node_exporter's own,
    and counters, unless something keeps them between two runs. ``external_url``, ``shard``: what the
    metrics say of this process.
    """
    clock = clock or SystemClock()
    clients = clients or ClientFactory(clock)
    clients.configure(settings)
    storage, rows = (None, {}) if storage_path is None else Storage.open(storage_path)
    exposition = Exposition(
        clock,
        process_metrics=not for_textfile,
        counters=storage is not None or not for_textfile,
    )
    store = Store(clock, [exposition.apply], storage, rows)
    store.describe(
        ExporterSeries(
            version=__version__,
            python_version=platform.python_version(),
            boto3_version=metadata.version("boto3"),
            external_url=external_url,
            shard=shard.index,
            shards=shard.count,
            last_reload_successful=True,
            last_reload_success_time=clock.time(),
            storage_last_write_successful=None if storage is None else True,
            storage_write_failures=None if storage is None else 0,
        )
    )

    def reader(target: Target, requests: RequestStats, stop: threading.Event) -> CatalogReader:
        return clients.catalog(target, requests, stop)

    return Exporter(store, exposition, clients, Scheduler(store, reader, clock))
