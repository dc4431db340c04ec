"""The parts of a running exporter, put together: store, exposition, Glue client and poll loop."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from exporter.clock import Clock, SystemClock
from exporter.errors import ConfigurationError, Problem
from exporter.glue import ClientFactory, resolve_region
from exporter.metrics import Exposition
from exporter.model.reading import CatalogReader
from exporter.model.settings import Access, Settings, Target
from exporter.poller import PollLoop
from exporter.store.requests import RequestStats
from exporter.store.store import Store


@dataclass(frozen=True, slots=True)
class Exporter:
    """What a command runs."""

    store: Store
    exposition: Exposition
    clients: ClientFactory
    loop: PollLoop


def with_regions(
    settings: Settings, file: str, resolve: Callable[[Access], str | None] = resolve_region
) -> Settings:
    """Return the settings with every target's region filled in from the AWS SDK where it is not written.

    Raises ConfigurationError naming every target that has none: its series could not be labelled.
    """
    problems: list[Problem] = []
    targets: list[Target] = []
    for target in settings.targets:
        region = target.access.aws_region or resolve(target.access)
        if region is None:
            problems.append(
                Problem(
                    0,
                    f"target {target.name}",
                    "no AWS region: set aws_region, or AWS_REGION in the environment, or one in the profile",
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
    clients: ClientFactory | None = None,
    clock: Clock | None = None,
    for_textfile: bool = False,
) -> Exporter:
    """Put the parts together; nothing runs yet.

    ``for_textfile``: leave out ``process_*`` and ``python_*``, which collide with node_exporter's own,
    and counters, which nothing would keep between two runs.
    """
    clock = clock or SystemClock()
    clients = clients or ClientFactory(clock)
    clients.configure(settings)
    exposition = Exposition(clock, process_metrics=not for_textfile, counters=not for_textfile)
    store = Store(clock, [exposition.apply])

    def reader(target: Target, requests: RequestStats, stop: threading.Event) -> CatalogReader:
        return clients.catalog(target, requests, stop)

    return Exporter(store, exposition, clients, PollLoop(store, reader, clock))
