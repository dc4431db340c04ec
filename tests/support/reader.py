"""A catalog in memory, read as the poller reads Glue: what it holds, how it fails, what it was asked."""

import threading
from collections.abc import Iterable, Sequence
from typing import Self, TypeVar

from exporter.errors import GlueError, Reason
from exporter.model.run import Page, Run
from exporter.model.view import SourceTable, View
from tests.support.clock import SAFETY_NET

ACCOUNT = "123456789012"
GET_RUN = "GetMaterializedViewRefreshTaskRun"
LIST_RUNS = "ListMaterializedViewRefreshTaskRuns"

T = TypeVar("T")


def glue_error(reason: Reason, message: str = "no", *, operation: str = GET_RUN) -> GlueError:
    return GlueError(reason, message, operation=operation)


def operation_of(call: str) -> str:
    """Return the operation of a call, as it is written in ``MemoryReader.calls``."""
    names = {"get_databases": "GetDatabases", "get_tables": "GetTables", "get_table": "GetTable"}
    return names.get(call.split(" ", 1)[0], LIST_RUNS if " " in call else GET_RUN)


class MemoryReader:
    """One catalog. A run ID that it does not hold is ``not_found``."""

    def __init__(self, runs: Iterable[Run] = ()) -> None:
        self.answers: dict[str, Run | BaseException] = {run.run_id: run for run in runs}
        """By run ID: what a read returns, or raises. Other calls raise by their text in ``calls``."""
        self.views: list[View] = []
        self.sources: dict[tuple[str, str], list[SourceTable]] = {}
        """The other tables, by catalog ID and database."""
        self.page_size = 100
        """Databases or tables a page."""
        self.catalog: str | BaseException = ACCOUNT
        """What asking for the catalog ID returns, or raises."""
        self.deadlines: list[float] = []
        """One of each poll, in monotonic seconds."""
        self.resync_deadlines: list[float] = []
        self.ended = threading.Event()
        """The event that the factory of readers was given; set when the target is no longer polled."""
        self.trouble: BaseException | None = None
        """What every poll raises as it begins."""
        self._calls: list[str] = []
        self._changed = threading.Condition()
        self._held: dict[str, threading.Event] = {}

    @property
    def calls(self) -> list[str]:
        """What was asked for, in order, calls that hang included: a run ID, or ``list_runs sales.*``, say."""
        with self._changed:
            return list(self._calls)

    def forget_calls(self) -> None:
        with self._changed:
            self._calls.clear()

    def holds(self, run: Run) -> None:
        self.answers[run.run_id] = run

    def fails(self, call: str, reason: Reason) -> GlueError:
        """Let a call fail from now on; return the error."""
        self.answers[call] = error = glue_error(reason, operation=operation_of(call))
        return error

    def hang(self, what: str) -> threading.Event:
        """Let this call hang until the returned event is set: as in ``calls``, or ``catalog``.

        ``poll`` and ``resync`` are what such a job begins with, before its first call.
        """
        if what not in self._held or self._held[what].is_set():
            self._held[what] = threading.Event()
        return self._held[what]

    def await_calls(self, count: int) -> list[str]:
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._calls) >= count, timeout=SAFETY_NET):
                raise TimeoutError(f"{len(self._calls)} instead of {count} calls: {self._calls}")
            return list(self._calls)

    def until(self, deadline: float, *, first: bool = True) -> Self:
        """Note the deadline of a poll (``first``) or resync."""
        (self.deadlines if first else self.resync_deadlines).append(deadline)
        self._hold("poll" if first else "resync")
        if first and self.trouble is not None:
            raise self.trouble
        return self

    def catalog_id(self) -> str:
        self._hold("catalog")
        if isinstance(self.catalog, BaseException):
            raise self.catalog
        return self.catalog

    def get_run(self, run_id: str) -> Run:
        self._note(run_id)
        answer = self.answers.get(run_id)
        if not isinstance(answer, Run):
            raise glue_error(Reason.NOT_FOUND, f"no run {run_id}")
        return answer

    def list_runs(
        self,
        *,
        database: str | None = None,
        table: str | None = None,
        next_token: str | None = None,
        max_results: int = 1000,
    ) -> Page[Run]:
        """Return the runs that match, in pages, in the order in which they are held."""
        self._note(f"list_runs {database or '*'}.{table or '*'}{_at(next_token)}")
        matching = [
            run
            for run in self.answers.values()
            if isinstance(run, Run) and database in (None, run.database) and table in (None, run.table)
        ]
        page, token = _page(matching, next_token, max_results)
        return Page(page, next_token=token)

    def get_databases(self, *, next_token: str | None = None) -> Page[str]:
        self._note(f"get_databases{_at(next_token)}")
        names = sorted({view.database for view in self.views})
        page, token = _page(names, next_token, self.page_size)
        return Page(page, next_token=token)

    def get_tables(
        self, database: str, *, catalog_id: str | None = None, next_token: str | None = None
    ) -> Page[View | SourceTable]:
        """Return the tables of one database: the views, then the others."""
        self._note(f"get_tables {database}{_in(catalog_id)}{_at(next_token)}")
        page, token = _page(self._tables(database, catalog_id), next_token, self.page_size)
        return Page(page, next_token=token)

    def get_table(self, database: str, table: str, *, catalog_id: str | None = None) -> View | SourceTable:
        self._note(f"get_table {database}.{table}{_in(catalog_id)}")
        for found in self._tables(database, catalog_id):
            if found.table == table:
                return found
        raise glue_error(Reason.NOT_FOUND, f"no table {database}.{table}", operation="GetTable")

    def _tables(self, database: str, catalog_id: str | None) -> list[View | SourceTable]:
        """Return the tables of a database. Views are in the reader's own catalog alone."""
        own = catalog_id in (None, self.catalog)
        views = [view for view in self.views if own and view.database == database]
        return [*views, *self.sources.get((catalog_id or str(self.catalog), database), ())]

    def _note(self, call: str) -> None:
        with self._changed:
            self._calls.append(call)
            self._changed.notify_all()
        self._hold(call)
        if isinstance(error := self.answers.get(call), BaseException):
            raise error

    def _hold(self, what: str) -> None:
        if (event := self._held.get(what)) and not event.wait(SAFETY_NET):
            raise TimeoutError(what)


class PagesByToken(MemoryReader):
    """Lists runs by pages of its own making, whatever the filter."""

    def page(self, token: str | None) -> Page[Run]:
        """Return the page of this token (None: the first one), or raise."""
        raise NotImplementedError

    def list_runs(
        self,
        *,
        database: str | None = None,  # noqa: ARG002 (the reader's signature)
        table: str | None = None,  # noqa: ARG002 (the reader's signature)
        next_token: str | None = None,
        max_results: int = 1000,  # noqa: ARG002 (the reader's signature)
    ) -> Page[Run]:
        return self.page(next_token)


def _in(catalog_id: str | None) -> str:
    return f" in {catalog_id}" if catalog_id else ""


def _at(token: str | None) -> str:
    return f" from {token}" if token else ""


def _page(items: Sequence[T], token: str | None, size: int) -> tuple[tuple[T, ...], str | None]:
    start = int(token or 0)
    end = start + size
    return tuple(items[start:end]), str(end) if end < len(items) else None
