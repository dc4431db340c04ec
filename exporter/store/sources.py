"""The source tables of a catalog's views: when each was seen to change."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

MOST_CHANGES = 100
"""Changes of a source that are remembered, the newest ones. A view remembers the first that it lacks."""


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """What the state keeps of one source table. Unix times in seconds, by Glue's clock."""

    update_time: float | None = None
    """As the catalog reported it last; None while it cannot be read."""
    changes: tuple[float, ...] = ()
    """Every time of a change that was seen, the oldest first."""

    def seen(self, update_time: float | None, now: float) -> "SourceRecord":
        """Return what is remembered of it after the catalog has reported this."""
        if update_time is None or update_time == self.update_time:
            return self if update_time == self.update_time else SourceRecord(None, self.changes)
        # A wrong time in the future would hide all changes until then.
        changes = sorted({*self.changes, min(update_time, now)})
        return SourceRecord(update_time, tuple(changes[-MOST_CHANGES:]))


class Sources:
    """Of one catalog, by ARN; those in other catalogs, too. Used under the store's lock."""

    def __init__(self, records: Mapping[str, SourceRecord | None]) -> None:
        self._records = {arn: record for arn, record in records.items() if record}
        self.dirty: set[str] = set()

    def note(self, arn: str, update_time: float | None, now: float) -> None:
        """Note what the catalog reports of a source; None: it cannot be read."""
        before = self._records.get(arn, SourceRecord())
        after = before.seen(update_time, now)
        if after is not before:
            self._records[arn] = after
            self.dirty.add(arn)

    def read(self, arn: str) -> bool:
        """Return whether the source could be read the last time."""
        record = self._records.get(arn)
        return record is not None and record.update_time is not None

    def changes(self, arns: Sequence[str] | None) -> tuple[tuple[float, ...], ...] | None:
        """Return when each of these changed; None unless all are known."""
        if not arns or not all(map(self.read, arns)):
            return None
        return tuple([self._records[arn].changes for arn in arns])

    def keep(self, used: AbstractSet[str]) -> None:
        """Forget all but these."""
        for arn in self._records.keys() - used:
            del self._records[arn]
            self.dirty.add(arn)

    def unsaved(self) -> dict[str, SourceRecord | None]:
        """Return what is to be written to disk; None for what is forgotten."""
        return {arn: self._records.get(arn) for arn in self.dirty}

    def __len__(self) -> int:
        return len(self._records)
