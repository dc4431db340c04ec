"""One poll of one target: what is due is read, and the outcome is committed."""

import threading
from collections.abc import Callable

from exporter.clock import Clock
from exporter.errors import GlueError, PollInterrupted, Reason
from exporter.model.reading import CatalogReader
from exporter.model.run import Run
from exporter.poller.crew import Crew
from exporter.poller.journal import Journal
from exporter.store.outcome import PollOutcome
from exporter.store.store import Store

CALLS_AT_ONCE = 8
"""Of one target; the rate limit decides how fast they follow each other."""
GIVE_UP_AFTER = 3
"""So many calls in a row that did not reach Glue end the poll: the next one tries again."""
UNREACHABLE = frozenset({Reason.TIMEOUT, Reason.UNAVAILABLE, Reason.CREDENTIALS})
"""Failures that the next call would meet, too."""
SHORTEST_BUDGET = 30.0
"""Seconds that a poll may take even where ``poll_interval`` is shorter."""


class TargetPoll:
    """Polls one target again and again. One poll at a time."""

    def __init__(
        self, target: str, reader: CatalogReader, store: Store, journal: Journal, clock: Clock
    ) -> None:
        self._target = target
        self._reader = reader
        self._store = store
        self._journal = journal
        self._clock = clock
        self._crew = Crew(target, size=CALLS_AT_ONCE, clock=clock)

    def run(self, stop: threading.Event, beat: Callable[[], None]) -> None:
        """Poll once. Returns without a commit when ``stop`` is set meanwhile."""
        started, begun = self._clock.time(), self._clock.monotonic()
        deadline = begun + max(self._store.settings.poll_interval, SHORTEST_BUDGET)
        self._reader.begin_poll(deadline)
        reading = _Reading()
        try:
            self._read(reading, deadline, stop, beat)
        except PollInterrupted:
            reading.finished = False
        if stop.is_set():
            return
        outcome = PollOutcome(
            target=self._target,
            started=started,
            duration=self._clock.monotonic() - begun,
            runs=reading.runs,
            unread=frozenset(reading.unread),
            error=reading.error,
            finished=reading.finished,
        )
        self._journal.write(self._store.commit(outcome))

    def _read(
        self, reading: "_Reading", deadline: float, stop: threading.Event, beat: Callable[[], None]
    ) -> None:
        for _, catalog_id in self._crew.run(
            [None], lambda _: self._reader.catalog_id(), deadline=deadline, stop=stop, beat=beat
        ):
            if isinstance(catalog_id, GlueError):
                reading.error = catalog_id
                reading.finished = False
                return
            self._journal.write(self._store.catalog_known(self._target, catalog_id))
        due = self._store.due_runs(self._target)
        in_a_row = 0
        for run_id, result in self._crew.run(
            due, self._reader.get_run, deadline=deadline, stop=stop, beat=beat
        ):
            reading.take_in(run_id, result)
            in_a_row = in_a_row + 1 if isinstance(result, GlueError) and result.reason in UNREACHABLE else 0
            if in_a_row >= GIVE_UP_AFTER:
                reading.finished = False
                reading.unread = [run_id for run_id in due if run_id not in reading.runs]
                return


class _Reading:
    """What has been read so far; kept outside the reading, which may be interrupted."""

    def __init__(self) -> None:
        self.runs: dict[str, Run | GlueError] = {}
        self.unread: list[str] = []
        self.error: GlueError | None = None
        self.finished = True

    def take_in(self, run_id: str, result: Run | GlueError) -> None:
        """Note one result. An ID that Glue does not know is an answer, not a failure of the poll."""
        self.runs[run_id] = result
        if isinstance(result, GlueError) and result.reason is not Reason.NOT_FOUND and self.error is None:
            self.error = result
