"""What is known of one target between its polls, and how its last poll went."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from exporter.model.patterns import ViewMatcher
from exporter.model.run import PHASES
from exporter.model.settings import Access, Target
from exporter.store.catalog import Catalog
from exporter.store.outcome import (
    Discovery,
    Event,
    OwnedElsewhere,
    PatternMatchesNothing,
    PollOutcome,
    RecordMalformed,
    TargetDown,
    TargetUp,
)
from exporter.store.requests import RequestStats
from exporter.store.series import TargetSeries

OUT_OF_TIME = "the poll ran out of time before everything was read; the next one goes on where it stopped"

_MALFORMED = "\n"
"""Stands where other reports name an owner; no target is called so."""


@dataclass(slots=True)
class TargetState:
    """What is known of one target between its polls."""

    target: Target
    series: TargetSeries
    error: str | None = None
    """Of the last poll, for people."""
    unmatched: tuple[str, ...] = ()
    """Patterns that match no view."""
    reported: set[tuple[str, str]] = field(default_factory=set)
    """What has been logged once: (owner, name) of what another target watches, and the like."""

    @property
    def region(self) -> str:
        """The region that the target's series carry."""
        return self.series.aws_region

    @classmethod
    def adopt(
        cls, target: Target, old: "TargetState | None", accounts: Mapping[Access, str | None]
    ) -> "TargetState":
        """Return the state of a target of a new configuration; what it had stays where it can.

        ``accounts``: the catalog IDs that other targets' access has turned out to have by default.
        """
        if target.access.aws_region is None:
            raise ValueError(target.name)
        if old and (old.target.access, old.target.catalog_id) == (target.access, target.catalog_id):
            return replace(old, target=target)
        return cls(
            target=target,
            series=TargetSeries(
                target=target.name,
                aws_region=target.access.aws_region,
                catalog_id=target.catalog_id or accounts.get(target.access),
                # Counters of requests belong to the name: they go on, as a counter should.
                requests=old.series.requests if old else RequestStats(),
            ),
        )

    def close_poll(self, outcome: PollOutcome, catalog: Catalog | None) -> list[Event]:
        """Write down how a poll went."""
        name, before = outcome.target, self.series
        up = outcome.finished and outcome.error is None
        ended = outcome.started + outcome.duration
        self.error = None if up else str(outcome.error or OUT_OF_TIME)
        unfetched = {**dict.fromkeys(PHASES, 0), "unfetched": len(self.target.run_ids)}
        looked = outcome.discovery is not None or outcome.tables_denied or before.views is not None
        self.series = replace(
            before,
            up=up,
            last_poll_time=ended,
            last_success_time=ended if up else before.last_success_time,
            last_poll_duration=outcome.duration,
            views=sum(1 for _ in catalog.views.of(name)) if catalog and looked else None,
            runs=catalog.phases(name) if catalog else unfetched,
        )
        if up == before.up:
            return []
        return [TargetUp(name, first=before.up is None)] if up else [TargetDown(name, self.error or "")]

    def elsewhere(self, owner: str, names: Sequence[str]) -> list[Event]:
        """Note what another target watches; return an event for what has not been reported before."""
        news = tuple(name for name in names if (owner, name) not in self.reported)
        self.reported.update((owner, name) for name in news)
        return [OwnedElsewhere(self.target.name, owner, news)] if news else []

    def malformed_records(self, lines: Sequence[str]) -> list[Event]:
        """Note records of listings that cannot be read; return an event for each not reported before."""
        news = [line for line in dict.fromkeys(lines) if (_MALFORMED, line) not in self.reported]
        self.reported.update((_MALFORMED, line) for line in news)
        return [RecordMalformed(self.target.name, line) for line in news]

    def match_patterns(self, catalog: Catalog, discovery: Discovery) -> list[Event]:
        """Note which patterns match no view; return an event for each not reported before.

        A view that the target has found itself counts even where its owner has not found it yet.
        """
        matcher = ViewMatcher(self.target)
        names = {(w.record.database, w.record.table) for w in catalog.views.watched() if w.known}
        names.update((view.database, view.table) for view in discovery.views)
        matched = {pattern for name in names for pattern in matcher.matching(*name)}
        self.unmatched = tuple(
            f"{pattern.database}.{pattern.table}" for pattern in self.target.views if pattern not in matched
        )
        news = [text for text in self.unmatched if ("", text) not in self.reported]
        self.reported.update(("", text) for text in news)
        return [PatternMatchesNothing(self.target.name, text) for text in news]
