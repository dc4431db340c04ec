"""When the data of tables changes: commits to the sources of views, and the snapshots that they make."""

import hashlib
from dataclasses import dataclass, field

from exporter.simulated_glue.script import MEBIBYTE, Schedule

ICEBERG = "ICEBERG"


@dataclass(slots=True, kw_only=True)
class Source:
    """A table that materialized views read. Times are Unix times."""

    arn: str
    created: float
    source_type: str = ICEBERG
    """One of the service model's ``SubObjectSourceType``."""
    schedule: Schedule | None = None
    """When data is committed to it by itself."""
    commits: list[float] = field(default_factory=list)
    """When data was committed to it besides."""

    def latest(self, now: float) -> float:
        """Return when its data last changed."""
        scheduled = self.schedule.latest(now) if self.schedule else None
        commits = [time for time in (*self.commits, scheduled) if time is not None and time <= now]
        return max(commits, default=self.created)

    def version(self, now: float) -> int:
        """Return how many versions of the table Glue has seen: its creation and every commit."""
        scheduled = self.schedule.turns(now) if self.schedule else 0
        return 1 + scheduled + sum(1 for time in self.commits if time <= now)

    def snapshot_id(self, now: float) -> int:
        """Return the ID of the Iceberg snapshot that holds its data."""
        return snapshot_id(self.arn, self.latest(now))

    def statistics(self, now: float) -> dict[str, object]:
        """Return its entry of a view's ``SubObjectsStatistics``."""
        version = self.version(now)
        return {
            "SourceType": self.source_type,
            "GlueVersionId": str(version if self.source_type == ICEBERG else 1),
            "FileCount": version,
            "TotalFileBytes": version * 64 * MEBIBYTE,
        }


def snapshot_id(table: str, time: float) -> int:
    """Return the ID of the snapshot that a table got at this time: the same in every process."""
    return int.from_bytes(hashlib.sha256(f"{table} {time}".encode()).digest()[:8]) >> 1
