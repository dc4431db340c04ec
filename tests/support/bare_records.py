"""What a bare Glue holds: plain records, encoded once when they are put, listed page by page."""

import json
import random
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

ACCOUNT = "123456789012"
"""The account of every caller, and so the default catalog."""

Record = Mapping[str, Any]


class BadRequestError(Exception):
    """The request asks for what the API does not allow; becomes an ``InvalidInputException``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """How listings of runs behave: their order is undocumented, so every order is fair."""

    order: Literal["newest", "oldest", "random"] = "newest"
    page_limit: int = 1000
    """A page holds no more than this, whatever MaxResults asks for."""
    overlap: int = 0
    """So many records of a page come again at the beginning of the next one."""
    token_lifetime: float = float("inf")
    """Seconds after which a NextToken is refused."""


def sample_run(number: int, *, status: str = "SUCCEEDED", now: float | None = None) -> dict[str, Any]:
    """Return a complete record as Glue would report it; the same number gives the same run ID."""
    now = time.time() if now is None else now
    created = round(now) - 7200.0 - number % 3600
    record: dict[str, Any] = {
        "CustomerId": ACCOUNT,
        "MaterializedViewRefreshTaskRunId": sample_run_id(number),
        "DatabaseName": f"database_{number % 50}",
        "TableName": f"view_{number % 1000}",
        "CatalogId": ACCOUNT,
        "Role": f"arn:aws:iam::{ACCOUNT}:role/refresh",
        "Status": status,
        "CreationTime": created,
        "LastUpdated": created + 900,
        "RefreshType": "INCREMENTAL" if number % 2 else "FULL",
    }
    if status != "STARTING":
        record |= {"StartTime": created + 30, "DPUSeconds": 10.5 + number, "ProcessedBytes": 1000 * number}
    if status not in {"STARTING", "RUNNING"}:
        record["EndTime"] = created + 900
    if status == "FAILED":
        record["ErrorMessage"] = "The definer role lost access to the base table."
    return record


def sample_run_id(number: int) -> str:
    return str(uuid.UUID(int=(0xB0A0 << 112) + (4 << 76) + (8 << 60) + number))


def view_run(
    number: int,
    view: str = "sales.orders",
    *,
    status: str = "SUCCEEDED",
    now: float | None = None,
    ended: float | None = None,
    **members: object,
) -> dict[str, Any]:
    """Return a run of this view; with ``ended`` it ended at that time, after 50 seconds."""
    database, table = view.split(".", 1)
    times = {}
    if ended is not None:
        times = {"CreationTime": ended - 60, "StartTime": ended - 50, "EndTime": ended, "LastUpdated": ended}
    return {
        **sample_run(number, status=status, now=now),
        "DatabaseName": database,
        "TableName": table,
        **times,
        **members,
    }


class Records:
    """Runs, databases and tables of any number of catalogs. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: dict[tuple[str, str], tuple[Record, bytes]] = {}
        self._tables: dict[tuple[str, str, str], tuple[Record, bytes]] = {}
        self._databases: dict[tuple[str, str], bytes] = {}
        self._listed: dict[tuple[Any, ...], Sequence[bytes]] = {}

    def put_run(self, record: Record, *, catalog_id: str = ACCOUNT, body: bytes | None = None) -> str:
        """Add a record, or replace it; return its run ID. Values may be anything that JSON can say.

        ``body``: answered instead of the record, whatever it is. Run IDs are found in upper and lower case.
        """
        run_id: str = record["MaterializedViewRefreshTaskRunId"]
        with self._lock:
            self._runs[catalog_id, run_id.lower()] = (dict(record), body or json.dumps(record).encode())
            self._listed.clear()
        return run_id

    def run(self, run_id: str, *, catalog_id: str = ACCOUNT) -> Record:
        with self._lock:
            return dict(self._runs[catalog_id, run_id.lower()][0])

    def put_table(self, table: Record, *, database: str, catalog_id: str = ACCOUNT) -> None:
        self.put_database(database, catalog_id=catalog_id)
        with self._lock:
            record = {"DatabaseName": database, "CatalogId": catalog_id, **table}
            self._tables[catalog_id, database, table["Name"]] = (record, json.dumps(record).encode())

    def put_view(
        self,
        database: str,
        name: str,
        *,
        refresh_seconds: int | None = None,
        definition: Record = MappingProxyType({}),
        catalog_id: str = ACCOUNT,
        **members: object,
    ) -> None:
        """Add a materialized view; without ``refresh_seconds`` it does not refresh by itself.

        ``definition``: more members of its ViewDefinition.
        """
        schedule = {} if refresh_seconds is None else {"RefreshSeconds": refresh_seconds}
        table = {
            "Name": name,
            "IsMaterializedView": True,
            "ViewDefinition": {**schedule, **definition},
            **members,
        }
        self.put_table(table, database=database, catalog_id=catalog_id)

    def put_source(
        self, database: str, name: str, *, update_time: float, catalog_id: str = ACCOUNT, **members: object
    ) -> str:
        """Add an Iceberg table that views can read; return its ARN, for ``SubObjects``."""
        table = {"Name": name, "UpdateTime": update_time, "Parameters": {"table_type": "ICEBERG"}, **members}
        self.put_table(table, database=database, catalog_id=catalog_id)
        account, _, bucket = catalog_id.partition(":")
        place = "/".join(filter(None, (bucket, database, name)))
        return f"arn:aws:glue:eu-west-1:{account}:table/{place}"

    def change_table(
        self,
        database: str,
        name: str,
        *,
        definition: Record = MappingProxyType({}),
        catalog_id: str = ACCOUNT,
        **members: object,
    ) -> None:
        """Change members of a table, or of its ViewDefinition; the others stay."""
        table = {**self._tables[catalog_id, database, name][0], **members}
        if definition:
            table["ViewDefinition"] = {**table["ViewDefinition"], **definition}
        self.put_table(table, database=database, catalog_id=catalog_id)

    def put_database(self, name: str, *, catalog_id: str = ACCOUNT) -> None:
        with self._lock:
            self._databases[catalog_id, name] = json.dumps({"Name": name, "CatalogId": catalog_id}).encode()

    def encoded_run(self, catalog_id: str, run_id: str) -> bytes | None:
        entry = self._runs.get((catalog_id, run_id.lower()))
        return None if entry is None else entry[1]

    def encoded_table(self, catalog_id: str, database: str, name: str) -> bytes | None:
        entry = self._tables.get((catalog_id, database, name))
        return None if entry is None else entry[1]

    def databases(self, catalog_id: str) -> Sequence[bytes]:
        with self._lock:
            return [body for (catalog, _), body in sorted(self._databases.items()) if catalog == catalog_id]

    def tables(self, catalog_id: str, database: str) -> Sequence[bytes] | None:
        """Return a database's tables as JSON; None where the database does not exist."""
        with self._lock:
            if (catalog_id, database) not in self._databases:
                return None
            found = sorted(key for key in self._tables if key[:2] == (catalog_id, database))
            return [self._tables[key][1] for key in found]

    def runs(self, catalog_id: str, database: str | None, table: str | None, order: str) -> Sequence[bytes]:
        """Return a catalog's runs as JSON in the order asked for, kept until a run changes."""
        key = (catalog_id, database, table, order)
        with self._lock:
            if key not in self._listed:
                found = [
                    (record, body)
                    for (catalog, _), (record, body) in self._runs.items()
                    if catalog == catalog_id
                    and database in {None, record.get("DatabaseName")}
                    and table in {None, record.get("TableName")}
                ]
                found.sort(key=_creation)
                if order == "newest":
                    found.reverse()
                elif order == "random":
                    random.Random(17).shuffle(found)  # noqa: S311 (a fair order, no secret)
                self._listed[key] = [body for _, body in found]
            return self._listed[key]


def _creation(entry: tuple[Record, bytes]) -> float:
    created = entry[0].get("CreationTime")
    return created if isinstance(created, int | float) else 0.0


def page(
    items: Sequence[bytes], request: Record, *, member: bytes, most: int, listing: Listing | None = None
) -> bytes:
    """Return one page of an answer, with a NextToken where more is to come."""
    listing = listing or Listing(page_limit=most)
    asked = request.get("MaxResults", most)
    if not isinstance(asked, int) or not 1 <= asked <= most:
        raise BadRequestError(f"MaxResults must be between 1 and {most}")
    first = _offset(request.get("NextToken"), listing)
    last = min(first + min(asked, listing.page_limit), len(items))
    body = b'{"' + member + b'":[' + b",".join(items[max(0, first - listing.overlap) : last]) + b"]"
    if last < len(items):
        body += f',"NextToken":"{last}.{time.monotonic()}"'.encode()
    return body + b"}"


def _offset(token: object, listing: Listing) -> int:
    if token is None:
        return 0
    offset, _, issued = str(token).partition(".")
    try:
        age = time.monotonic() - float(issued)
        first = int(offset)
    except ValueError:
        raise BadRequestError("NextToken is not one of ours") from None
    if age > listing.token_lifetime:
        raise BadRequestError("NextToken has expired")
    return first
