"""The runs of one catalog in one region, whichever target watches them."""

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from exporter.errors import GlueError, Reason
from exporter.model.run import PHASES, UNKNOWN, Run, RunKey
from exporter.model.settings import Settings
from exporter.store.outcome import Event, RunEnded, RunFailing, RunReadable, UnlistedStatus
from exporter.store.series import RunSeries
from exporter.store.watched_run import WatchedRun


@dataclass(frozen=True, slots=True)
class Moment:
    """When something is taken in, and by which settings."""

    now: float
    """Unix time."""
    monotonic: float
    settings: Settings


@dataclass(frozen=True, slots=True)
class Claim:
    """What one target wants to watch; claims come in the order of the configuration file."""

    target: str
    run_ids: tuple[str, ...]


class Catalog:
    """State by run ID. State belongs to the catalog, not to the target, so that a target may be renamed."""

    def __init__(self, aws_region: str, catalog_id: str, *, watched_since: float) -> None:
        self.aws_region = aws_region
        self.catalog_id = catalog_id
        self._watched_since = watched_since
        self._unlisted_statuses: set[str | None] = set()
        self._runs: dict[str, WatchedRun] = {}
        self._owners: dict[str, str] = {}
        self._shown: dict[str, RunSeries] = {}
        self._unsettled: dict[str, set[str]] = {}
        self._owned: dict[str, int] = {}

    def key(self, run_id: str) -> RunKey:
        """Return the run's key among those of all catalogs."""
        return RunKey(self.aws_region, self.catalog_id, run_id)

    def claim(self, claims: Iterable[Claim]) -> Mapping[tuple[str, str], tuple[str, ...]]:
        """Decide anew who watches what: the first claim of a run has it.

        Returns the run IDs that a target claimed in vain, by (target, owner). What nobody claims is
        forgotten; what stays keeps its state.
        """
        owners: dict[str, str] = {}
        lost: dict[tuple[str, str], list[str]] = {}
        for claim in claims:
            for run_id in claim.run_ids:
                owner = owners.setdefault(run_id, claim.target)
                if owner != claim.target:
                    lost.setdefault((claim.target, owner), []).append(run_id)
        self._owners = owners
        self._runs = {run_id: self._runs.get(run_id) or WatchedRun(run_id) for run_id in owners}
        self._unsettled = {}
        self._owned = {}
        for run_id, owner in owners.items():
            self._owned[owner] = self._owned.get(owner, 0) + 1
            if not self._runs[run_id].settled:
                self._unsettled.setdefault(owner, set()).add(run_id)
        return {pair: tuple(run_ids) for pair, run_ids in lost.items()}

    def owned_by(self, target: str, run_id: str) -> WatchedRun | None:
        """Return the run if this target watches it (still: a reload may have come during its poll)."""
        return self._runs[run_id] if self._owners.get(run_id) == target else None

    def unsettled(self, target: str) -> Iterator[WatchedRun]:
        """Yield the target's runs that may still change."""
        return (self._runs[run_id] for run_id in self._unsettled.get(target, ()))

    def take_in(self, target: str, run_id: str, result: Run | GlueError, at: Moment) -> list[Event]:
        """Take in what a read of one run returned. Returns what is worth a line in the log."""
        watched = self.owned_by(target, run_id)
        if watched is None:  # a reload gave it away while it was read
            return []
        known_before, up_before, tried_before = watched.run, watched.up, watched.last_attempt is not None
        if isinstance(result, GlueError):
            if result.reason is Reason.NOT_FOUND:
                watched.missed(
                    monotonic=at.monotonic,
                    poll_interval=at.settings.poll_interval,
                    longest_wait=at.settings.resync_interval,
                )
            else:
                watched.failed(monotonic=at.monotonic)
            return [] if tried_before and not up_before else [RunFailing(self.key(run_id), result)]
        watched.found(result, now=at.now, monotonic=at.monotonic, settle_period=at.settings.settle_period)
        if watched.settled:
            self._unsettled[target].discard(run_id)
        events: list[Event] = []
        if tried_before and not up_before:
            events.append(RunReadable(self.key(run_id)))
        if result.status_label == UNKNOWN and result.status not in self._unlisted_statuses:
            self._unlisted_statuses.add(result.status)
            events.append(UnlistedStatus(self.key(run_id), result.status or ""))
        # A run that was over long before is no news: at a start there may be thousands.
        just_ended = result.ended and not (known_before and known_before.ended)
        if just_ended and (known_before or result.end(at.now) >= self._watched_since):
            events.append(RunEnded(self.key(run_id), result))
        return events

    def unreachable(self, target: str, run_ids: Iterable[str]) -> None:
        """Note that runs could not be read because Glue could not be reached."""
        for run_id in run_ids:
            if watched := self.owned_by(target, run_id):
                watched.up = False

    def phases(self, target: str) -> dict[str, int]:
        """Count the target's runs by phase; costs as much as there are unsettled ones."""
        counts = dict.fromkeys(PHASES, 0)
        for watched in self.unsettled(target):
            counts[watched.phase] += 1
        counts["settled"] = self._owned.get(target, 0) - sum(counts.values())
        return counts

    def runs(self, target: str) -> Iterator[WatchedRun]:
        """Yield every run that the target watches."""
        return (self._runs[run_id] for run_id, owner in self._owners.items() if owner == target)

    def changes(self, run_ids: Iterable[str]) -> dict[RunKey, RunSeries | None]:
        """Return the series of those of the named runs whose series differ from what was last returned."""
        changes: dict[RunKey, RunSeries | None] = {}
        for run_id in run_ids:
            watched = self._runs.get(run_id)
            shown = self._shown.get(run_id)
            if watched is None:
                if shown is not None:
                    changes[self.key(run_id)] = None
                    del self._shown[run_id]
                continue
            series = RunSeries(self.key(run_id), watched.run, watched.up)
            if series != shown:
                changes[series.key] = self._shown[run_id] = series
        return changes

    def all_changes(self, targets: AbstractSet[str]) -> dict[RunKey, RunSeries | None]:
        """Return what differs for any run that these targets watch, or that nobody watches any more."""
        forgotten = [run_id for run_id in self._shown if run_id not in self._owners]
        return self.changes(
            [*forgotten, *(run_id for run_id, owner in self._owners.items() if owner in targets)]
        )

    @property
    def watched(self) -> bool:
        """Whether any target watches anything here."""
        return bool(self._owners)
