"""Polls all targets once, and shows on a terminal how far that is."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from rich import progress as bars
from rich.console import Console

from exporter.model.settings import Settings
from exporter.poller import Scheduler
from exporter.store.store import Store

REPORT_INTERVAL = 0.2
"""Seconds between two reports of progress."""


class Progress(NamedTuple):
    """How far a poll of all targets is."""

    ended: int
    """Targets whose poll has ended."""
    targets: int
    """All of them."""
    runs: int
    """Runs that have been read so far."""


Report = Callable[[Progress], None]
"""Is called while targets are polled."""


def poll_once(
    scheduler: Scheduler, store: Store, settings: Settings, report: Report, *, tables: bool = True
) -> None:
    """Poll all targets once, see :meth:`Scheduler.poll_once`, and report how far it is."""

    def progress(store: Store) -> Progress:
        catalogs = {catalog for _, catalog in store.watched() if catalog}
        ended = sum(state.series.up is not None for state, _ in store.watched())
        return Progress(ended, len(settings.targets), sum(len(catalog.runs) for catalog in catalogs))

    poll = threading.Thread(
        target=scheduler.poll_once, args=(settings,), kwargs={"tables": tables}, daemon=True
    )
    poll.start()
    while poll.is_alive():
        poll.join(REPORT_INTERVAL)
        report(store.read(progress))


@contextmanager
def progress_on(console: Console) -> Iterator[Report]:
    """Show the progress that is reported, on a terminal only, and leave nothing of it behind."""
    if not console.is_terminal:
        yield lambda _: None
        return
    bar = bars.Progress(
        bars.SpinnerColumn(),
        bars.TextColumn("{task.description}", markup=False),
        bars.TimeElapsedColumn(),
        console=console,
        transient=True,
    )
    with bar:
        task = bar.add_task("reading", total=None)

        def report(progress: Progress) -> None:
            done = f"{progress.ended} of {progress.targets} targets done, " if progress.targets > 1 else ""
            bar.update(task, description=f"reading, {done}{progress.runs:,} runs")

        yield report
