"""What is known of one target between its polls, and how its last poll and resync went."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from exporter.model.patterns import Name, ViewMatcher
from exporter.model.run import Run
from exporter.model.settings import Access, Target
from exporter.store.catalog import Catalog, Place
from exporter.store.log_lines import LogLines
from exporter.store.results import PollEnded, ResyncEnded, TablesRead
from exporter.store.runs import PHASES
from exporter.store.series import RequestStats, TargetSeries

OUT_OF_TIME = "the poll ran out of time before everything was read; the next one tries again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What a poll of a target has to read."""

    target: Target
    views: frozenset[Name]
    """The views that it watches."""
    unlisted: bool
    """Whether for any of them no complete listing of its runs has been read yet by this target."""
    unsettled: tuple[Run, ...]
    """Runs of these views that may still change, as last seen."""
    due: tuple[str, ...]
    """IDs of configured runs that should be read now, the longest unread first."""


@dataclass(slots=True)
class TargetState:
    """What is known of one target between its polls."""

    target: Target
    series: TargetSeries
    error: str | None = None
    """Why it is not up, for people."""
    unmatched: tuple[str, ...] = ()
    """Patterns that match no view."""
    poll_error: str | None = None
    """Of the last poll."""
    resynced: bool = False
    """Whether a resync has been complete once; a target without views needs none."""
    resync_error: str | None = None
    """What the last complete resync could not read."""
    resync_progress: str = ""
    """How far the first resync is, for people."""
    logged_up: bool | None = None
    """What was last logged of whether it is up."""
    found: set[Name] = field(default_factory=set)
    """The wanted views that its tables held in the resync going on, whichever target owns them."""

    @property
    def place(self) -> Place | None:
        """Region and ID of its catalog; None until they are known."""
        catalog_id = self.series.catalog_id
        return None if catalog_id is None else (self.series.aws_region, catalog_id)

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
            series = old.series if target.source_tables else replace(old.series, source_tables={})
            return replace(old, target=target, series=series)
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

    def poll_ended(self, result: PollEnded, catalog: Catalog | None, log: LogLines) -> None:
        """Note how a poll went."""
        up = result.finished and result.error is None
        self.poll_error = None if up else str(result.error or OUT_OF_TIME)
        unfetched = {**dict.fromkeys(PHASES, 0), "unfetched": len(self.target.run_ids)}
        self.series = replace(
            self.series,
            last_poll_time=result.started + result.duration,
            last_poll_duration=result.duration,
            runs=catalog.phases(self.target.name) if catalog else unfetched,
        )
        self._judge(catalog, log, ended=result.started + result.duration)

    def resync_ended(self, result: ResyncEnded, catalog: Catalog, log: LogLines) -> None:
        """Note how a resync went, or how far it is."""
        self.resync_progress = result.progress
        if result.complete or result.error:
            self.resync_error = None if result.error is None else str(result.error)
        if result.complete:
            self.resynced = True
            if self.target.source_tables:
                sources = catalog.source_tables(self.target.name)
                read = sum(map(catalog.source_is_read, sources))
                counts = {"read": read, "unreadable": len(sources) - read}
                self.series = replace(self.series, source_tables=counts)
            if result.error is None:
                self._match_patterns(catalog, log)
            self.found = set()
        if self.series.up is not None:
            self._judge(catalog, log)

    def tables_read(self, result: TablesRead) -> None:
        """Note which views were found."""
        self.resync_progress = result.progress
        self.found.update((view.database, view.table) for view in result.views)

    def _judge(self, catalog: Catalog | None, log: LogLines, ended: float | None = None) -> None:
        """Decide whether the target is up, after a poll that ended at this time, or after a resync."""
        looked = self.resynced or self.found
        name = self.target.name
        waiting = bool(self.target.views) and not self.resynced
        progress = f": {self.resync_progress}" if self.resync_progress else ""
        wait = f"the first resync is not complete{progress}" if waiting else None
        # Without views there is no resync any more to clear what the last one could not read.
        self.error = self.poll_error or (self.resync_error if self.target.views else None) or wait
        up = self.error is None
        self.series = replace(
            self.series,
            up=up,
            last_success_time=ended if up and ended is not None else self.series.last_success_time,
            views=sum(1 for _ in catalog.of_target(name)) if catalog and looked else None,
        )
        if up == self.logged_up or (waiting and not (self.poll_error or self.resync_error)):
            return  # a first look that goes on is not worth a line
        if up:
            log.add("info", "target is up" if self.logged_up is None else "target is up again", target=name)
        else:
            log.add("error", "target is down", target=name, error=self.error)
        self.logged_up = up

    def _match_patterns(self, catalog: Catalog, log: LogLines) -> None:
        """Note which patterns match no view.

        A view that the target has found itself counts even where its owner has not found it yet.
        """
        matcher = ViewMatcher(self.target)
        names = self.found | {n for n, view in catalog.views.items() if view.owner is not None and view.known}
        matched = {id(pattern) for name in names for pattern in matcher.matching(*name)}
        self.unmatched = tuple(
            f"{pattern.database}.{pattern.table}"
            for pattern in self.target.views
            if id(pattern) not in matched
        )
        for pattern in log.news(self.target.name, "unmatched", self.unmatched):
            message = "this pattern matches no materialized view"
            log.add("warning", message, target=self.target.name, pattern=pattern)
