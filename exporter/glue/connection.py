"""One way to Glue: an identity, a region and an endpoint, with the client and the rate limit they share."""

import threading
from typing import Any

from exporter.clock import Clock
from exporter.glue.identity import Identity
from exporter.glue.limiter import RateLimiter
from exporter.model.settings import Access


class Connection:
    """What all targets of equal access share."""

    def __init__(
        self, access: Access, identity: Identity, *, requests_per_second: float, clock: Clock
    ) -> None:
        self.identity = identity
        self.limiter = RateLimiter(clock, requests_per_second)
        self._endpoint_url = access.endpoint_url
        self._lock = threading.Lock()
        self._client: Any = None
        self._generation = -1

    def glue(self) -> Any:
        """Return the client, made when it is first wanted, and anew for new credentials."""
        with self._lock:
            generation = self.identity.generation
            if self._generation != generation:
                # The endpoint is Glue's alone: STS is found the SDK's way, or another account's keys
                # would be sent to whatever stands in for Glue.
                self._client = self.identity.client("glue", endpoint_url=self._endpoint_url)
                self._generation = generation
            return self._client

    def close(self) -> None:
        """Close the client; others may share the identity, and it stays."""
        with self._lock:
            if self._client is not None:
                self.identity.discard(self._client)
            self._client, self._generation = None, -1
