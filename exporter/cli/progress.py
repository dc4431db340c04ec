"""Polls all targets once, and shows on a terminal how far that is."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich import progress as bars
from rich.console import Console

from exporter.model.settings import Settings
from exporter.poller import Scheduler
from exporter.store.store import Store

TICK = 0.2
"""Seconds between two reports of progress."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What is called while targets are polled."""

    targets: Callable[[int, int], None] = lambda _ended, _of: None
    """So many targets have been read, of so many."""
    runs: Callable[[int], None] = lambda _number: None
    """So many runs have been read so far."""


def poll_once(
    scheduler: Scheduler, store: Store, settings: Settings, progress: Progress, *, tables: bool = True
) -> None:
    """Poll all targets once, see :meth:`Scheduler.poll_once`, and report how far it is."""
    poll = threading.Thread(
        target=scheduler.poll_once, args=(settings,), kwargs={"tables": tables}, daemon=True
    )
    poll.start()
    while poll.is_alive():
        poll.join(TICK)
        targets = store.targets()
        progress.targets(sum(state.series.up is not None for state in targets), len(settings.targets))
        progress.runs(store.read(_number_of_runs))


@contextmanager
def progress_on(console: Console) -> Iterator[Progress]:
    """Show how far the reading is, on a terminal only, and leave nothing of it behind."""
    if not console.is_terminal:
        yield Progress()
        return
    bar = bars.Progress(
        bars.SpinnerColumn(),
        bars.TextColumn("{task.description}", markup=False),
        bars.TextColumn("{task.fields[runs]:,} runs", markup=False),
        bars.TimeElapsedColumn(),
        console=console,
        transient=True,
    )
    with bar:
        task = bar.add_task("reading", total=None, runs=0)
        yield Progress(
            targets=lambda ended, of: bar.update(
                task, description=f"reading, {ended} of {of} targets done" if of > 1 else "reading"
            ),
            runs=lambda number: bar.update(task, runs=number),
        )


def _number_of_runs(store: Store) -> int:
    catalogs = {catalog for _, catalog in store.watched() if catalog}
    return sum(len(catalog.runs) for catalog in catalogs)
