"""Realistic loads: many ended runs, a few active ones, views that refresh in turn.

The benchmarks and the tests share them. The same arguments give the same load, but for its times.
"""

import random
import time
import uuid
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

ACCOUNT = "123456789012"
REGION = "eu-west-1"

_DATABASES = ("sales", "finance", "marketing", "logistics", "risk", "web_analytics")
_SUBJECTS = ("orders", "customers", "invoices", "shipments", "sessions", "returns", "forecasts", "exposures")
_DAY = 86400.0
SOURCE_DATABASES = 60
SOURCES_EACH = 3
"""Source tables that each view reads."""
COMMITS_EVERY = 600.0
"""Seconds between two changes of a source table."""
REFRESH_SECONDS = 60.0
"""That each run of :class:`Hourly` takes."""

Record = dict[str, Any]


def records(count: int, *, active: int = 0) -> Iterator[Record]:
    """Yield runs of some hundred views; the first ``active`` are in progress.

    The others ended hours ago, so they are settled as soon as they are read.
    """
    for number in range(count):
        chance = _chance(number)
        database = chance.choice(_DATABASES)
        table = f"{chance.choice(('daily', 'hourly'))}_{chance.choice(_SUBJECTS)}_{number % 40}"
        age = chance.uniform(2 * 3600, 7 * _DAY)
        yield _record(chance, database, table, None if number < active else age)


def views(count: int) -> Sequence[tuple[str, str]]:
    """Return the names (database, table) of so many views."""
    return [(_DATABASES[n % len(_DATABASES)], f"{_SUBJECTS[n % 8]}_{n:05}") for n in range(count)]


def view_databases() -> Sequence[str]:
    """Return the names of the databases of :func:`views`."""
    return _DATABASES


def sources(count: int) -> Sequence[tuple[str, str]]:
    """Return the names (database, table) of so many source tables."""
    return [(f"landing_{n % SOURCE_DATABASES:02}", f"raw_{_SUBJECTS[n % 8]}_{n:03}") for n in range(count)]


def sources_of(view: int, count: int) -> Sequence[int]:
    """Return the numbers of the source tables that a view reads, of so many."""
    return [(7 * view + place) % count for place in range(SOURCES_EACH)]


def view_records(count: int, *, runs_each: int = 1) -> Iterator[Record]:
    """Yield the runs of :func:`views`, hourly ones; the newest of one view in a hundred is active."""
    for number, (database, table) in enumerate(views(count)):
        chance = _chance(number)
        for place in range(runs_each):
            goes_on = place == 0 and number % 100 == 0
            yield _record(chance, database, table, None if goes_on else 7200 + 3600 * place)


def ended_run(
    number: int, database: str, table: str, *, status: str = "SUCCEEDED", age: float = 7200.0
) -> Record:
    """Return a run of a view that ended so many seconds ago."""
    return _record(_chance(number), database, table, age) | {"Status": status}


class Hourly:
    """Views that refresh every hour, each at its own time, and the runs of them that Glue holds."""

    def __init__(self, count: int) -> None:
        self._views = views(count)
        self._began = time.time()
        self._next = 0
        self._unended: deque[tuple[int, float]] = deque()

    def before(self, runs_each: int) -> Iterator[Record]:
        """Yield the runs of the last so many hours."""
        for number in range(-runs_each * len(self._views), 0):
            yield self._begin(number)

    def since(self) -> Iterator[Record]:
        """Yield the runs that have begun or ended since the last call."""
        while self._time(self._next) <= time.time():
            yield self._begin(self._next)
            self._next += 1
        while self._unended and self._unended[0][1] + REFRESH_SECONDS <= time.time():
            yield self._run(*self._unended.popleft())

    def _time(self, number: int) -> float:
        return self._began + 3600.0 * number / len(self._views)

    def _begin(self, number: int) -> Record:
        began = self._time(number)
        if began + REFRESH_SECONDS > time.time():
            self._unended.append((number, began))
        return self._run(number, began)

    def _run(self, number: int, began: float) -> Record:
        """Return the view's run as it is now."""
        chance = _chance(number)
        ended = began + REFRESH_SECONDS
        record = _record(chance, *self._views[number % len(self._views)], max(0.0, time.time() - ended))
        record |= {"CreationTime": began - 10, "StartTime": began, "EndTime": ended, "LastUpdated": ended}
        if ended > time.time():
            record |= {"Status": "RUNNING", "LastUpdated": began}
            del record["EndTime"]
        return record


def _record(chance: random.Random, database: str, table: str, age: float | None) -> Record:
    """Return a run that ended ``age`` seconds ago; one in progress for None."""
    run_id = str(uuid.UUID(int=chance.getrandbits(128), version=4))
    duration = chance.lognormvariate(6, 1)
    ended = time.time() - age if age is not None else None
    started = ended - duration if ended is not None else time.time() - 60 * chance.random()
    record = {
        "MaterializedViewRefreshTaskRunId": run_id,
        "CatalogId": ACCOUNT,
        "CustomerId": ACCOUNT,
        "DatabaseName": database,
        "TableName": table,
        "Role": f"arn:aws:iam::{ACCOUNT}:role/materialized-view-definer",
        "RefreshType": chance.choice(("FULL", "INCREMENTAL", "INCREMENTAL", "INCREMENTAL")),
        "Status": "RUNNING" if ended is None else chance.choices(("SUCCEEDED", "FAILED"), (19, 1))[0],
        "CreationTime": round(started - chance.uniform(5, 40), 3),
        "StartTime": round(started, 3),
        "LastUpdated": round(started + 2 if ended is None else ended + 2, 3),
        "DPUSeconds": round(duration * chance.choice((2, 4, 10)), 2),
        "ProcessedBytes": int(chance.lognormvariate(22, 2)),
    }
    if ended is not None:
        record["EndTime"] = round(ended, 3)
    return record


def _chance(number: int) -> random.Random:
    """Return the same numbers for the same run or view, whatever happens to the others."""
    return random.Random(number)  # noqa: S311 (nothing secret)
