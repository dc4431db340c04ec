"""The rule of what counts, written down a second time: slowly, naively, and without looking at the first.

It never forgets a run, works every figure out anew from a list of them, and knows nothing of tables,
commits or series. Only what is promised to users is in it.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cache

from exporter.errors import GlueError
from exporter.model.patterns import ViewMatcher, is_literal
from exporter.model.run import Run
from exporter.model.settings import Settings
from exporter.store.counting import DURATION_BUCKETS
from exporter.store.outcome import Discovery, PollOutcome

Name = tuple[str, str]
DAY = 86400.0
matcher = cache(ViewMatcher)


@dataclass
class KnownRun:
    """All that was ever seen of one run."""

    run: Run
    view: Name | None = None
    misses: int = 0
    settled: bool = False
    first_seen_ended: float | None = None
    unlisted_since: float | None = None
    idle_since: float | None = None
    """Since when nothing watches it: it was named by its ID alone."""
    pruned: bool = False
    """Glue has not listed it for so long that it may be forgotten."""
    pruned_after: str | None = None
    """The run that was the view's last success then."""
    counted_as: tuple[str, str] | None = None
    """Status and type under which it is counted."""
    too_old: bool = False
    """It had ended in its view's first complete listing."""
    most_dpu_seconds: float = 0.0
    most_bytes: int = 0
    duration: float | None = None

    @property
    def there(self) -> bool:
        return self.settled or self.misses < 2

    def observe(self, run: Run, now: float, settle_period: float) -> None:
        self.run, self.misses, self.unlisted_since, self.idle_since = run, 0, None, None
        if not run.ended:
            return
        if self.first_seen_ended is None:
            self.first_seen_ended = now
        reported = run.end_time or run.last_updated or now
        age = now - min(reported, self.first_seen_ended)
        complete = run.end_time is not None and run.dpu_seconds is not None
        self.settled = self.settled or age >= 3600.0 or (age >= settle_period and complete)

    def count(self, *, baseline: bool) -> None:
        if not self.run.ended or self.too_old:
            return
        if self.counted_as is None and not baseline:
            self.too_old = True
            return
        if self.counted_as is None:
            status = self.run.status if self.run.status in ("SUCCEEDED", "FAILED", "STOPPED") else "UNKNOWN"
            kind = self.run.refresh_type if self.run.refresh_type in ("FULL", "INCREMENTAL") else "UNKNOWN"
            self.counted_as = (status or "", kind or "")
        self.most_dpu_seconds = max(self.most_dpu_seconds, self.run.dpu_seconds or 0.0)
        self.most_bytes = max(self.most_bytes, self.run.processed_bytes or 0)
        started, ended = self.run.start_time, self.run.end_time
        if self.duration is None and self.run.status == "SUCCEEDED" and started and ended:
            self.duration = max(0.0, ended - started)


@dataclass
class KnownView:
    """All that is known of one view."""

    baseline: bool = False
    described: bool = False
    misses: int = 0
    gone: bool = False
    """Missing from so many listings of tables that nothing watches it but its name."""
    idle_since: float | None = None
    up: bool = False


@dataclass(frozen=True)
class Figures:
    """What the exporter should show of a view."""

    up: bool
    known: bool
    last_run: Run | None
    last_success: Run | None
    last_failure_time: float | None
    failures_in_a_row: int | None


@dataclass(frozen=True)
class Counts:
    """A view's counters."""

    runs: dict[tuple[str, str], int]
    dpu_seconds: dict[str, float]
    processed_bytes: dict[str, int]
    durations: tuple[int, ...]
    duration_sum: float


@dataclass
class Model:
    """What should be known after all that happened."""

    settings: Settings = field(default_factory=lambda: Settings(targets=()))
    views: dict[Name, KnownView] = field(default_factory=dict)
    runs: dict[str, KnownRun] = field(default_factory=dict)
    since: dict[Name, float] = field(default_factory=dict)
    """When each pattern was first watched."""
    unread_then: dict[str, float] = field(default_factory=dict)
    """Runs that could not be read when their view's first listing was complete."""

    def copy(self) -> "Model":
        return Model(
            self.settings,
            {name: replace(view) for name, view in self.views.items()},
            {run_id: replace(known) for run_id, known in self.runs.items()},
            dict(self.since),
            dict(self.unread_then),
        )

    def begin_life(self) -> None:
        """Forget what a program that starts anew has not seen yet."""
        self.unread_then.clear()
        for view in self.views.values():
            view.up = False

    # What is asked for.

    def wanting(self, name: Name) -> list[str]:
        return [t.name for t in self.settings.targets if matcher(t).matching(*name)]

    def owner(self, name: Name) -> str | None:
        return next(iter(self.wanting(name)), None)

    def literal(self, name: Name) -> bool:
        owner = self.owner(name)
        patterns = [p for t in self.settings.targets if t.name == owner for p in t.views if is_literal(p)]
        return name in [(p.database, p.table) for p in patterns]

    def run_owner(self, run_id: str) -> str | None:
        return next((t.name for t in self.settings.targets if run_id in t.run_ids), None)

    def watched(self, name: Name) -> bool:
        view = self.views.get(name)
        return view is not None and self.owner(name) is not None and not view.gone

    def of_target(self, target: str) -> list[Name]:
        return [name for name in self.views if self.watched(name) and self.owner(name) == target]

    # What happens.

    def configure(self, settings: Settings, now: float) -> None:
        self.settings = settings
        self._forget_idle(now)
        patterns = {(p.database, p.table) for t in settings.targets for p in t.views}
        self.since = {pattern: self.since.get(pattern, now) for pattern in patterns}
        for name, view in self.views.items():
            if self.owner(name) is None:
                view.baseline, view.up = False, False
                view.idle_since = view.idle_since if view.idle_since is not None else now
            elif view.misses == 2 and not self.literal(name):
                view.idle_since = view.idle_since if view.gone else now
                view.gone, view.up = True, False
            elif view.idle_since is not None:
                view.idle_since, view.gone = None, False
        for run_id, known in self.runs.items():
            if known.view is None:
                idle_since = known.idle_since if known.idle_since is not None else now
                known.idle_since = None if self.run_owner(run_id) else idle_since
        self._forget_idle_runs(now)
        for target in settings.targets:
            for name in matcher(target).literals:
                view = self.views.setdefault(name, KnownView())
                view.gone, view.idle_since = False, None

    def commit(self, outcome: PollOutcome, now: float) -> None:
        target = outcome.target
        if outcome.discovery:
            self._discover(target, outcome.discovery, now)
        missed: set[str] = set()
        for listing in outcome.listings:
            for run in listing.runs:
                name = (run.database or "", run.table or "")
                if outcome.tables_denied and name not in self.views and self.owner(name) == target:
                    self.views[name] = KnownView()
                if self.watched(name) and self.owner(name) == target:
                    self._observe(run, now, name)
                elif self.run_owner(run.run_id) == target:
                    self._observe(run, now, None)
            if listing.complete:
                for name in self.of_target(target):
                    if not self.views[name].baseline:
                        self.unread_then.update(dict.fromkeys(listing.unreadable, now))
                    self.views[name].baseline = True
            if listing.complete and not listing.gaps:
                listed = listing.listed_before | {run.run_id for run in listing.runs}
                for run_id, known in self.runs.items():
                    if known.view in self.of_target(target) and run_id not in listed:
                        missed.add(run_id)
                        if known.unlisted_since is None:
                            known.unlisted_since = now
        for run_id, result in outcome.runs.items():
            if isinstance(result, GlueError):
                missed.add(run_id)
            else:
                missed.discard(run_id)
                name = (result.database or "", result.table or "")
                self._observe(result, now, name if self.watched(name) else None)
        for run_id in missed & self.runs.keys():
            self.runs[run_id].misses += 1
        for name in self.of_target(target):
            view = self.views[name]
            view.up = bool(outcome.listings) and self.known(name) and view.misses == 0 and view.baseline
        if any(listing.complete for listing in outcome.listings):
            self._forget_idle(now)
            self._prune(target, now)
        self._forget_idle_runs(now)

    def pass_by(self, now: float) -> None:
        """Take in that another catalog was polled, while nothing watches this one."""
        self._forget_idle(now)
        self._forget_idle_runs(now)

    def _discover(self, target: str, discovery: Discovery, now: float) -> None:
        found = {(view.database, view.table): view for view in discovery.views}
        for name, view in found.items():
            if self.owner(name) != target:
                continue
            created = view.creation_time or 0.0
            matching = [
                p for t in self.settings.targets if t.name == target for p in matcher(t).matching(*name)
            ]
            since = min(self.since[p.database, p.table] for p in matching)
            known = self.views.get(name)
            if known is None:
                known = self.views[name] = KnownView()
            if not known.described and created > since:
                known.baseline = True
            known.described, known.misses, known.gone, known.idle_since = True, 0, False, None
        for name in self.of_target(target):
            known = self.views[name]
            if name not in found:
                known.misses = min(2, known.misses + 1)
                if known.misses == 2 and not self.literal(name):
                    known.gone, known.idle_since, known.up = True, now, False

    def _observe(self, run: Run, now: float, name: Name | None) -> None:
        known = self.runs.get(run.run_id)
        if known is None or known.pruned:
            known = self.runs[run.run_id] = KnownRun(run)
        known.view = name or known.view
        known.observe(run, now, self.settings.settle_period)
        unread_at = self.unread_then.pop(run.run_id, None)
        if unread_at is not None and run.ended and (run.end_time or run.last_updated or now) <= unread_at:
            known.too_old = True
        if name:
            known.count(baseline=self.views[name].baseline)

    def _forget_idle(self, now: float) -> None:
        """Forget what nothing has watched for 90 days."""
        for name, view in list(self.views.items()):
            if view.idle_since is not None and view.idle_since < now - 90 * DAY:
                del self.views[name]
                self.runs = {i: k for i, k in self.runs.items() if k.view != name or self.run_owner(i)}
                for known in self.runs.values():
                    if known.view == name:  # configured by its ID: it stays, but counts for nothing
                        known.view, known.counted_as, known.too_old = None, None, known.run.ended
                        known.idle_since = None

    def _forget_idle_runs(self, now: float) -> None:
        self.runs = {
            run_id: known
            for run_id, known in self.runs.items()
            if known.view or known.idle_since is None or known.idle_since >= now - 90 * DAY
        }

    def _prune(self, target: str, now: float) -> None:
        """Forget the runs that no listing has held for 7 days, and that nothing shows."""
        for name in self.of_target(target):
            success = self._newest(name, "SUCCEEDED")
            kept = [k.run.run_id for k in self._age(name)[: max(1, self.settings.runs_per_view)]]
            kept += [k.run.run_id for k in (success, self._newest(name, "FAILED")) if k]
            for run_id, known in self.runs.items():
                old = known.unlisted_since is not None and known.unlisted_since < now - 7 * DAY
                free = known.view == name and run_id not in kept and not self.run_owner(run_id)
                if old and free and not known.pruned:
                    known.pruned = True
                    known.pruned_after = success.run.run_id if success else None

    # What should be shown.

    def known(self, name: Name) -> bool:
        view = self.views[name]
        return view.misses < 2 if view.described else view.misses == 0

    def shown_runs(self, name: Name) -> set[str]:
        newest = self.settings.runs_per_view
        if not newest or not self.known(name):
            return set()
        runs = self._age(name)
        unended = [k for k in runs if not k.run.ended]
        return {k.run.run_id for k in (*runs[:newest], *unended)}

    def figures(self, name: Name) -> Figures:
        runs = self._age(name)
        success, failure = self._newest(name, "SUCCEEDED"), self._newest(name, "FAILED")
        failures = 0
        for known in runs:
            if known is success:
                break
            failures += known.run.status == "FAILED"
        after = success.run.run_id if success else None
        failures += sum(
            known.view == name
            and known.there
            and known.pruned
            and known.pruned_after == after
            and (success is None or known.run.age_order > success.run.age_order)
            and known.run.status == "FAILED"
            for known in self.runs.values()
        )
        view = self.views[name]
        return Figures(
            up=view.up,
            known=self.known(name),
            last_run=runs[0].run if runs else None,
            last_success=success.run if success else None,
            last_failure_time=_end(failure),
            failures_in_a_row=failures if view.baseline or runs else None,
        )

    def counts(self, name: Name) -> Counts:
        counted = [k for k in self.runs.values() if k.view == name and k.counted_as]
        return add_up(counted)

    def _age(self, name: Name) -> list[KnownRun]:
        runs = [k for k in self.runs.values() if k.view == name and k.there and not k.pruned]
        return sorted(runs, key=lambda known: known.run.age_order, reverse=True)

    def _newest(self, name: Name, status: str) -> KnownRun | None:
        return next((known for known in self._age(name) if known.run.status == status), None)


def add_up(counted: Iterable[KnownRun]) -> Counts:
    """Work out the counters from the runs that count."""
    runs: Counter[tuple[str, str]] = Counter()
    dpu_seconds: Counter[str] = Counter()
    processed_bytes: Counter[str] = Counter()
    durations = []
    for known in counted:
        status, kind = known.counted_as or ("", "")
        runs[status, kind] += 1
        dpu_seconds[kind] += known.most_dpu_seconds  # type: ignore[assignment] # a Counter of floats
        processed_bytes[kind] += known.most_bytes
        if known.duration is not None:
            durations.append(known.duration)
    bounds = [*DURATION_BUCKETS, float("inf")]
    buckets = [sum(d <= bound for d in durations) for bound in bounds]
    return Counts(
        runs=dict(+runs),
        dpu_seconds={kind: float(value) for kind, value in (+dpu_seconds).items()},
        processed_bytes=dict(+processed_bytes),
        durations=tuple(b - a for a, b in zip([0, *buckets], buckets, strict=False)),
        duration_sum=sum(durations),
    )


def _end(known: KnownRun | None) -> float | None:
    if known is None:
        return None
    return known.run.end_time or known.run.last_updated or known.first_seen_ended
