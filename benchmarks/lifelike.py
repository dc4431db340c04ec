"""Records of runs as an account might have them: many ended ones, a few that go on."""

import random
import time
import uuid
from collections.abc import Iterator
from typing import Any

ACCOUNT = "123456789012"
REGION = "eu-west-1"

_DATABASES = ("sales", "finance", "marketing", "logistics", "risk", "web_analytics")
_SUBJECTS = ("orders", "customers", "invoices", "shipments", "sessions", "returns", "forecasts", "exposures")


def records(count: int, *, active: int = 0) -> Iterator[dict[str, Any]]:
    """Yield records, the same ones at every call but for their times; the first ``active`` go on.

    The others ended hours ago, so they are settled as soon as they are read.
    """
    chance = random.Random(1)  # noqa: S311 (nothing secret)
    now = time.time()
    for number in range(count):
        goes_on = number < active
        created = now - 60 * chance.random() if goes_on else now - 7200 - 86400 * 7 * chance.random()
        started = created + chance.uniform(5, 40)
        duration = chance.lognormvariate(6, 1)
        record = {
            "MaterializedViewRefreshTaskRunId": str(uuid.UUID(int=chance.getrandbits(128), version=4)),
            "CatalogId": ACCOUNT,
            "CustomerId": ACCOUNT,
            "DatabaseName": chance.choice(_DATABASES),
            "TableName": f"{chance.choice(('daily', 'hourly'))}_{chance.choice(_SUBJECTS)}_{number % 40}",
            "Role": f"arn:aws:iam::{ACCOUNT}:role/materialized-view-definer",
            "RefreshType": chance.choice(("FULL", "INCREMENTAL", "INCREMENTAL", "INCREMENTAL")),
            "Status": "RUNNING" if goes_on else chance.choices(("SUCCEEDED", "FAILED"), (19, 1))[0],
            "CreationTime": round(created, 3),
            "StartTime": round(started, 3),
            "LastUpdated": round(started + duration + 2, 3),
            "DPUSeconds": round(duration * chance.choice((2, 4, 10)), 2),
            "ProcessedBytes": int(chance.lognormvariate(22, 2)),
        }
        if not goes_on:
            record["EndTime"] = round(started + duration, 3)
        yield record
