"""A catalog in memory, read as the poller reads Glue: what it holds, how it fails, what it was asked."""

import threading
from collections.abc import Iterable

from exporter.errors import GlueError, Reason
from exporter.model.run import Run
from tests.support.clock import SAFETY_NET

ACCOUNT = "123456789012"
GET_RUN = "GetMaterializedViewRefreshTaskRun"


def glue_error(reason: Reason, message: str = "no", *, operation: str = GET_RUN) -> GlueError:
    """Return the error of one call."""
    return GlueError(reason, message, operation=operation)


class MemoryReader:
    """One catalog. A run ID that it does not hold is ``not_found``."""

    def __init__(self, runs: Iterable[Run] = (), *, catalog_id: str = ACCOUNT) -> None:
        self.answers: dict[str, Run | BaseException] = {run.run_id: run for run in runs}
        """By run ID: what a read returns, or raises."""
        self.catalog: str | BaseException = catalog_id
        """What asking for the catalog ID returns, or raises."""
        self.deadlines: list[float] = []
        """One of each poll, in monotonic seconds."""
        self.trouble: BaseException | None = None
        """What beginning a poll raises."""
        self._calls: list[str] = []
        self._changed = threading.Condition()
        self._held: dict[str, threading.Event] = {}

    @property
    def calls(self) -> list[str]:
        """The run IDs that were asked for, in order; calls that hang included."""
        with self._changed:
            return list(self._calls)

    def forget_calls(self) -> None:
        """Count anew from here on."""
        with self._changed:
            self._calls.clear()

    def holds(self, run: Run) -> None:
        """Hold this run from now on, in place of an older one."""
        self.answers[run.run_id] = run

    def hang(self, what: str) -> threading.Event:
        """Let calls for a run ID (or ``catalog``) hang until the returned event is set."""
        return self._held.setdefault(what, threading.Event())

    def await_calls(self, count: int) -> list[str]:
        """Return the calls once there are so many."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._calls) >= count, timeout=SAFETY_NET):
                raise TimeoutError(f"{len(self._calls)} instead of {count} calls: {self._calls}")
            return list(self._calls)

    def begin_poll(self, deadline: float) -> None:
        """Note the poll's deadline."""
        self.deadlines.append(deadline)
        if self.trouble is not None:
            raise self.trouble

    def catalog_id(self) -> str:
        """Return the catalog ID, or raise."""
        self._hold("catalog")
        if isinstance(self.catalog, BaseException):
            raise self.catalog
        return self.catalog

    def get_run(self, run_id: str) -> Run:
        """Return the run, or raise."""
        with self._changed:
            self._calls.append(run_id)
            self._changed.notify_all()
        self._hold(run_id)
        answer = self.answers.get(run_id) or glue_error(Reason.NOT_FOUND, f"no run {run_id}")
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def _hold(self, what: str) -> None:
        if (event := self._held.get(what)) and not event.wait(SAFETY_NET):
            raise TimeoutError(what)
