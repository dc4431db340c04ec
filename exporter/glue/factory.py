"""Makes the readers of all targets, and lets them share what equal access can share."""

import threading
from dataclasses import replace

from exporter.clock import Clock
from exporter.glue.catalog import GlueCatalog
from exporter.glue.connection import Connection
from exporter.glue.identity import Identity, SessionFactory, resolve_region, sdk_session
from exporter.glue.transport import Timeouts
from exporter.model.settings import Access, Settings, Target
from exporter.store.requests import RequestStats


class ClientFactory:
    """Keeps one connection for each access in use, with the lowest rate of its targets.

    ``session_factory`` gives the credentials; the default one is the AWS SDK's chain.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        session_factory: SessionFactory = sdk_session,
        timeouts: Timeouts | None = None,
    ) -> None:
        self._clock = clock
        self._session_factory = session_factory
        self._timeouts = timeouts or Timeouts()
        self._lock = threading.Lock()
        self._sdk_regions: dict[str | None, str | None] = {}
        self._identities: dict[Access, Identity] = {}
        self._connections: dict[Access, Connection] = {}
        self._configured: set[Access] = set()

    def configure(self, settings: Settings) -> None:
        """Take over what a configuration says: limits change at once, connections nobody uses are closed.

        Connections of unchanged access are kept, and so are the readers made from them.
        """
        rates: dict[Access, float] = {}
        with self._lock:
            for target in settings.targets:
                access = self._resolved(target.access)
                rates[access] = min(
                    target.max_requests_per_second, rates.get(access, target.max_requests_per_second)
                )
            for access, rate in rates.items():
                self._connection(access, rate).limiter.requests_per_second = rate
            self._configured = set(rates)
            self._keep_only(self._configured)

    def catalog(self, target: Target, stats: RequestStats, interrupted: threading.Event) -> GlueCatalog:
        """Return a reader of the target's catalog. Touches neither network nor credentials.

        Once ``interrupted`` is set, the reader's waits end with PollInterrupted.
        """
        with self._lock:
            access = self._resolved(target.access)
            connection = self._connection(access, target.max_requests_per_second)
            if access not in self._configured:
                limiter = connection.limiter
                limiter.requests_per_second = min(limiter.requests_per_second, target.max_requests_per_second)
        return GlueCatalog(
            target.catalog_id, connection=connection, stats=stats, interrupted=interrupted, clock=self._clock
        )

    def resolve_region(self, access: Access) -> str | None:
        """Return the region of the access: the one written, else the AWS SDK's own one for its profile."""
        with self._lock:
            return self._resolved(access).aws_region

    def close(self) -> None:
        """Close all connections. Readers in use make new ones, if they are asked again."""
        with self._lock:
            self._keep_only(set())

    def _resolved(self, access: Access) -> Access:
        if access.aws_region is not None:
            return access
        if access.profile not in self._sdk_regions:
            self._sdk_regions[access.profile] = resolve_region(access, self._session_factory)
        return replace(access, aws_region=self._sdk_regions[access.profile])

    def _connection(self, access: Access, rate: float) -> Connection:
        if access not in self._connections:
            key = Identity.key(access)
            if key not in self._identities:
                self._identities[key] = Identity(
                    key, session_factory=self._session_factory, timeouts=self._timeouts, clock=self._clock
                )
            identity = self._identities[key]
            self._connections[access] = Connection(
                access, identity, requests_per_second=rate, clock=self._clock
            )
        return self._connections[access]

    def _keep_only(self, accesses: set[Access]) -> None:
        for access in self._connections.keys() - accesses:
            self._connections.pop(access).close()
        for key in self._identities.keys() - {Identity.key(access) for access in accesses}:
            self._identities.pop(key).close()
