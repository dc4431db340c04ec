"""The parts of a running exporter, put together: store, exposition, Glue client and poll loop."""

import platform
import threading
from dataclasses import dataclass, replace
from importlib import metadata
from typing import TYPE_CHECKING

from exporter import __version__
from exporter.cli.allocator import LeftoversGivenBack, give_large_blocks_back
from exporter.cli.early_state import EarlyState
from exporter.cli.kept_text import KeptText
from exporter.cli.late_sdk import LateClients, resolve_region
from exporter.clock import Clock, SystemClock
from exporter.errors import ConfigurationError, Problem
from exporter.metrics import Exposition
from exporter.model.reading import CatalogReader
from exporter.model.settings import Settings, Target
from exporter.poller import PollLoop
from exporter.store.database import StateDatabase
from exporter.store.requests import RequestStats
from exporter.store.series import ExporterSeries
from exporter.store.store import Store

if TYPE_CHECKING:
    from exporter.glue import ClientFactory


@dataclass(frozen=True, slots=True)
class Exporter:
    """What a command runs."""

    store: Store
    exposition: Exposition
    clients: LateClients
    loop: PollLoop
    kept_text: KeptText | None = None

    def close(self) -> None:
        """Write what is left of the state, and close it and all connections."""
        kept_text, exposition = self.kept_text, self.exposition
        if kept_text:
            self.store.close(lambda resting, digest: kept_text.keep(exposition, resting, digest))
        else:
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
    state: EarlyState | None = None,
    kept_text: KeptText | None = None,
    clients: "ClientFactory | None" = None,
    clock: Clock | None = None,
    for_textfile: bool = False,
) -> Exporter:
    """Put the parts together; nothing runs yet. Raises StorageError where the state cannot be used.

    ``state``: by default, one that ends with the process. ``kept_text``: that of its folder, if somebody has
    begun to read it.
    ``for_textfile``: leave out ``process_*`` and ``python_*``, which collide with node_exporter's own,
    and counters, unless something keeps them between two runs.
    """
    give_large_blocks_back()
    clock = clock or SystemClock()
    late_clients = LateClients(clock, clients)
    late_clients.configure(settings)
    database = state.take() if state else StateDatabase.in_memory()
    if kept_text is None and state and state.folder:
        kept_text = KeptText(state.folder)
    exposition = Exposition(
        clock,
        process_metrics=not for_textfile,
        counters=database.on_disk or not for_textfile,
        kept=kept_text.take(database.digest) if kept_text else (),
    )
    # Before the exposition, which takes out of the changes what it has kept.
    store = Store(clock, [LeftoversGivenBack(), exposition.apply], database)
    store.describe(
        ExporterSeries(
            version=__version__,
            python_version=platform.python_version(),
            boto3_version=metadata.version("boto3"),
            last_reload_successful=True,
            last_reload_success_time=clock.time(),
            storage_last_write_successful=True if database.on_disk else None,
            storage_write_failures=0 if database.on_disk else None,
        )
    )

    def reader(target: Target, requests: RequestStats, stop: threading.Event) -> CatalogReader:
        return late_clients.catalog(target, requests, stop)

    return Exporter(store, exposition, late_clients, PollLoop(store, reader, clock), kept_text)
