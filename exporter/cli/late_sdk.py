"""Loads the AWS SDK once something is asked of it.

That takes a quarter of a second and 25 MB. Where all configured runs are settled, nothing is ever asked.
"""

import threading
from typing import TYPE_CHECKING
from weakref import WeakSet

from exporter.clock import Clock
from exporter.model.reading import CatalogReader
from exporter.model.run import Run, RunListing
from exporter.model.settings import Access, Settings, Target
from exporter.model.view import DatabaseListing, TableListing, View
from exporter.store.requests import RequestStats

if TYPE_CHECKING:
    from exporter.glue import ClientFactory


def load_sdk() -> None:
    """Load it now, while something else is waited for."""
    from exporter.glue import load_service_models  # noqa: PLC0415 (what this module is for)

    load_service_models()


def resolve_region(access: Access) -> str | None:
    """Return the region of the access: the one written, else the SDK's own one for its profile."""
    if access.aws_region is not None:
        return access.aws_region
    from exporter.glue import resolve_region as of_the_sdk  # noqa: PLC0415 (what this module is for)

    return of_the_sdk(access)


class LateClients:
    """A ClientFactory that is made with the first call of one of its readers. Safe for several threads."""

    def __init__(self, clock: Clock, given: "ClientFactory | None" = None) -> None:
        """``given``: has been made already, and is closed by :meth:`close`, too."""
        self._clock = clock
        self._lock = threading.Lock()
        self._clients = given
        self._settings = Settings(targets=())
        self._waiting: WeakSet[LateCatalog] = WeakSet()

    def configure(self, settings: Settings) -> None:
        """Take over what a configuration says of access and rates."""
        with self._lock:
            self._settings = settings
            if self._clients:
                self._clients.configure(settings)

    def catalog(self, target: Target, stats: RequestStats, interrupted: threading.Event) -> CatalogReader:
        """Return a reader of the target's catalog, see ``ClientFactory.catalog``."""
        with self._lock:
            if self._clients:
                return self._clients.catalog(target, stats, interrupted)
            reader = LateCatalog(self, target, stats, interrupted)
            self._waiting.add(reader)
            return reader

    def load(self) -> None:
        """Make the clients, and the readers that have been handed out."""
        with self._lock:
            if self._clients:
                return
            clients = self._make()
            clients.configure(self._settings)
            for reader in self._waiting:
                reader.load(clients)
            self._waiting.clear()
            self._clients = clients

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            if self._clients:
                self._clients.close()

    def _make(self) -> "ClientFactory":
        from exporter.glue import ClientFactory  # noqa: PLC0415 (what this module is for)

        return ClientFactory(self._clock)


class LateCatalog:
    """A target's catalog, whose first call has the clients made. Implements ``CatalogReader``."""

    def __init__(
        self, clients: LateClients, target: Target, stats: RequestStats, interrupted: threading.Event
    ) -> None:
        self._clients = clients
        self._target = target
        self._stats = stats
        self._interrupted = interrupted
        self._lock = threading.Lock()
        self._deadline: float | None = None
        self._reader: CatalogReader | None = None

    def load(self, clients: "ClientFactory") -> None:
        """Go on with a reader of these clients."""
        with self._lock:
            reader = clients.catalog(self._target, self._stats, self._interrupted)
            if self._deadline is not None:
                reader.begin_poll(self._deadline)
            self._reader = reader

    def begin_poll(self, deadline: float) -> None:
        """See ``CatalogReader``, as for all that follow."""
        with self._lock:
            self._deadline = deadline
            if self._reader:
                self._reader.begin_poll(deadline)

    def catalog_id(self) -> str:
        """Return the configured one, for which nothing has to be asked."""
        return self._target.catalog_id or self._loaded().catalog_id()

    def get_run(self, run_id: str) -> Run:
        """Fetch one run."""
        return self._loaded().get_run(run_id)

    def list_runs(
        self,
        *,
        database: str | None = None,
        table: str | None = None,
        next_token: str | None = None,
        max_results: int = 1000,
    ) -> RunListing:
        """Fetch one page of runs."""
        return self._loaded().list_runs(
            database=database, table=table, next_token=next_token, max_results=max_results
        )

    def get_databases(self, *, next_token: str | None = None) -> DatabaseListing:
        """Fetch one page of databases."""
        return self._loaded().get_databases(next_token=next_token)

    def get_tables(self, database: str, *, next_token: str | None = None) -> TableListing:
        """Fetch one page of a database's materialized views."""
        return self._loaded().get_tables(database, next_token=next_token)

    def get_table(self, database: str, table: str) -> View | None:
        """Fetch one table."""
        return self._loaded().get_table(database, table)

    def _loaded(self) -> CatalogReader:
        if self._reader is None:
            self._clients.load()
        assert self._reader  # noqa: S101 (made together with the clients, which had not been there before)
        return self._reader
