"""Every request that reached the simulated services, for tests to count."""

import threading
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One HTTP request, noted before it was answered (or was not)."""

    service: str
    """``glue`` or ``sts``."""
    operation: str
    region: str
    access_key: str
    parameters: Mapping[str, object]
    time: float
    """Unix time in seconds, by the simulation's clock."""

    @property
    def catalog_id(self) -> str | None:
        """The catalog asked for; None where the request names none."""
        value = self.parameters.get("CatalogId")
        return value if isinstance(value, str) else None


class Ledger:
    """Counts all calls and keeps the newest ones; safe to share between threads."""

    def __init__(self, keep: int = 100_000) -> None:
        self._condition = threading.Condition()
        self._calls: deque[Call] = deque(maxlen=keep)
        self._counts: Counter[str] = Counter()

    @property
    def calls(self) -> tuple[Call, ...]:
        """The newest calls, oldest first."""
        with self._condition:
            return tuple(self._calls)

    @property
    def counts(self) -> Mapping[str, int]:
        """The number of calls of each operation that was ever called."""
        with self._condition:
            return dict(self._counts)

    def count(self, operation: str | None = None) -> int:
        """Return the number of calls of one operation, or of all."""
        with self._condition:
            return self._count(operation)

    def calls_of(self, operation: str) -> tuple[Call, ...]:
        """Return the newest calls of one operation, oldest first."""
        return tuple(call for call in self.calls if call.operation == operation)

    def wait_for(self, count: int, operation: str | None = None, *, timeout: float = 10.0) -> bool:
        """Wait until so many calls (of one operation, or of all) have arrived; tell whether they have."""
        with self._condition:
            return self._condition.wait_for(lambda: self._count(operation) >= count, timeout)

    def clear(self) -> None:
        """Forget all calls and begin to count at 0."""
        with self._condition:
            self._calls.clear()
            self._counts.clear()

    def note(self, call: Call) -> None:
        """Add one call."""
        with self._condition:
            self._calls.append(call)
            self._counts[call.operation] += 1
            self._condition.notify_all()

    def _count(self, operation: str | None) -> int:
        return self._counts.total() if operation is None else self._counts[operation]
