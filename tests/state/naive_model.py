"""The rule of what counts, written down a second time: slowly, naively, and without looking at the first.

It never forgets a run, works every figure out anew from a list of them, and knows nothing of tables,
commits or series. Only what is promised to users is in it.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import takewhile

from exporter.errors import GlueError
from exporter.model.patterns import Name, ViewMatcher, is_literal
from exporter.model.run import Run, run_key
from exporter.model.settings import Settings, Target
from exporter.store.counters import DURATION_BUCKETS, ViewCounters
from exporter.store.results import TablesRead
from tests.support.outcome import Outcome
from tests.support.reader import ACCOUNT
from tests.support.store_bench import StoreBench

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
    """Since when nothing watches it, to a day: it was named by its ID alone."""
    pruned: bool = False
    """Glue has not listed it for so long that it may be forgotten."""
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

    @property
    def end(self) -> float | None:
        """When it ended, and never later than it was first seen ended: Glue's clock is known to 2 s."""
        return None if self.first_seen_ended is None else end_of(self.run, self.first_seen_ended)

    def observe(self, run: Run, now: float, settle_period: float) -> None:
        self.run, self.misses, self.unlisted_since, self.idle_since = run, 0, None, None
        if not run.ended:
            return
        if self.first_seen_ended is None:
            self.first_seen_ended = now
        age = now - end_of(run, self.first_seen_ended)
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


def end_of(run: Run, first_seen: float) -> float:
    reported = [time for time in (run.end_time, run.last_updated) if time and time <= first_seen + 2.0]
    return reported[0] if reported else first_seen


@dataclass
class KnownView:
    """All that is known of one view."""

    baseline: float | None = None
    """When it was taken."""
    counts_after: float | None = None
    """Runs that ended before are not counted: they had been listed then, or were another view's."""
    stint: int = 0
    """Changes whenever it begins to be watched."""
    birth: int = 0
    """The first stint: another view by the name was forgotten before."""
    described: bool = False
    misses: int = 0
    gone: bool = False
    """Missing from so many listings of tables that nothing watches it but its name."""
    idle: bool = False
    """Nothing watches it."""
    idle_since: float | None = None
    """Since when, to a day."""
    up: bool = False
    owner: str | None = None
    listed: bool = False
    """A complete listing of its runs has been read since its owner began to watch it."""


@dataclass(frozen=True)
class Figures:
    """What the exporter should show of a view."""

    up: bool
    known: bool
    last_run: Run | None
    last_success: Run | None
    last_success_time: float | None
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


@dataclass(eq=False)
class ModelListing:
    """A listing that is being read."""

    target: str
    generation: int
    """Of the configuration under which it was opened."""
    covered: dict[Name, int]
    """The stints of the views that were watched then."""
    began: float | None = None
    seen: set[str] = field(default_factory=set)
    unreadable: set[str] = field(default_factory=set)
    missing: set[str] = field(default_factory=set)
    slow: bool = False
    """Polls come and go while it is read."""


@dataclass
class Model:
    """What should be known after all that happened."""

    settings: Settings = field(default_factory=lambda: Settings(targets=()))
    views: dict[Name, KnownView] = field(default_factory=dict)
    runs: dict[str, KnownRun] = field(default_factory=dict)
    """By the ID in lower case."""
    since: dict[Name, float] = field(default_factory=dict)
    """When each pattern was first watched."""
    listed_by_runs: set[Name] = field(default_factory=set)
    """Patterns whose last complete listing would have begun to watch any view that they match."""
    listed: dict[Name, float] = field(default_factory=dict)
    """When a listing of all that a pattern may match began, an hour ago at most."""
    unread_then: dict[str, float] = field(default_factory=dict)
    """Runs that could not be read when their view's first listing was complete; "": one without an ID."""
    undated: set[Name] = field(default_factory=set)
    """Patterns that are watched since the last answer: they get their date by the next one."""
    listings: list[ModelListing] = field(default_factory=list)
    generation: int = 0
    stints: int = 0
    next_tidying: float = 0.0

    def copy(self) -> "Model":
        return replace(
            self,
            views={name: replace(view) for name, view in self.views.items()},
            runs={key: replace(known) for key, known in self.runs.items()},
            since=dict(self.since),
            listed_by_runs=set(self.listed_by_runs),
            listed=dict(self.listed),
            unread_then=dict(self.unread_then),
            undated=set(self.undated),
            listings=[],
        )

    def begin_life(self) -> None:
        """Forget what a program that starts anew does not know."""
        self.next_tidying = 0.0
        for view in self.views.values():
            view.up, view.owner = False, None
        for pattern in self.undated:
            self.since.pop(pattern, None)
        self.undated = set()

    # What is asked for.

    def owner(self, name: Name) -> str | None:
        return next((t.name for t in self.settings.targets if matcher(t).matching(*name)), None)

    def literal(self, name: Name) -> bool:
        owner = self.owner(name)
        patterns = [p for t in self.settings.targets if t.name == owner for p in t.views if is_literal(p)]
        return name in [(p.database, p.table) for p in patterns]

    def run_owner(self, run_id: str) -> str | None:
        wanted = run_key(run_id)
        return next((t.name for t in self.settings.targets if wanted in map(run_key, t.run_ids)), None)

    def patterns_of(self, target: str) -> list[Name]:
        return [(p.database, p.table) for t in self.settings.targets if t.name == target for p in t.views]

    def serves(self, target: str) -> bool:
        return target in [t.name for t in self.settings.targets]

    def matching(self, target: str, name: Name) -> list[Name]:
        found = [p for t in self.settings.targets if t.name == target for p in matcher(t).matching(*name)]
        return [(p.database, p.table) for p in found]

    def watched(self, name: Name) -> bool:
        view = self.views.get(name)
        return view is not None and self.owner(name) is not None and not view.gone

    def of_target(self, target: str) -> list[Name]:
        return [name for name in self.views if self.watched(name) and self.owner(name) == target]

    # What happens.

    def configure(self, targets: Sequence[Target], runs_per_view: int, now: float) -> None:
        self.settings = Settings(targets=tuple(targets), runs_per_view=runs_per_view)
        self.generation += 1
        patterns = {(p.database, p.table) for t in targets for p in t.views}
        self.undated = (self.undated | (patterns - self.since.keys())) & patterns
        self.since = {pattern: self.since.get(pattern, now) for pattern in patterns}
        self.listed = {pattern: at for pattern, at in self.listed.items() if pattern in patterns}
        self.listed_by_runs = set()
        for name, view in self.views.items():
            owner = self.owner(name)
            if owner is None or (view.misses == 2 and not self.literal(name)):
                view.up = False
                if owner is None:
                    view.baseline = view.counts_after = None
                else:
                    view.gone = True
                view.idle = True
            elif view.idle or view.gone or view.owner != owner:
                self._begin(name)
        for target in targets:
            for name in matcher(target).literals:
                if name not in self.views:
                    self._begin(name)

    def _begin(self, name: Name) -> KnownView:
        """Watch a view from now on."""
        self.stints += 1
        view = self.views.setdefault(name, KnownView(birth=self.stints))
        view.gone, view.idle, view.idle_since, view.stint = False, False, None, self.stints
        view.owner, view.listed = self.owner(name), False
        return view

    def commit(self, outcome: Outcome, now: float) -> None:
        """Take in a resync and a poll that came in one go."""
        if outcome.tables:
            self.look(outcome.tables, now)
        missing: set[str] = set()
        for listed in outcome.listings:
            listing = self.open_listing(outcome.target)
            for runs, last in listed.pages():
                self.page(listing, runs, now, last=last, unreadable=listed.unreadable, denied=outcome.denied)
            missing |= listing.missing
        self.listings = [listing for listing in self.listings if listing.slow]
        if outcome.resynced:
            self._answered(now)
        self.poll_ended(outcome, missing, now)

    def look(self, tables: TablesRead, now: float) -> None:
        self.undated = set()
        found = {(view.database, view.table): view for view in tables.views}
        for name, found_view in found.items():
            if self.owner(name) != tables.target:
                continue
            created = found_view.creation_time or 0.0
            since = min(self.since[pattern] for pattern in self.matching(tables.target, name))
            view = self.views[name] if self.watched(name) else self._begin(name)
            if not view.described and view.baseline is None and created > since:
                view.baseline, view.counts_after = now, created
            view.described, view.misses = True, 0
        for name in self.of_target(tables.target):
            view = self.views[name]
            if name not in found:
                view.misses, view.up = min(2, view.misses + 1), False
                if view.misses == 2 and not self.literal(name):
                    view.gone = view.idle = True
        self._answered(now)

    def open_listing(self, target: str, *, slow: bool = False) -> ModelListing:
        covered = {name: self.views[name].stint for name in self.of_target(target)}
        listing = ModelListing(target, self.generation, covered, slow=slow)
        self.listings.append(listing)
        return listing

    def page(
        self,
        listing: ModelListing,
        runs: Iterable[Run],
        now: float,
        *,
        last: bool,
        unreadable: Iterable[str | None] = (),
        denied: bool = False,
    ) -> None:
        target = listing.target
        if not self.serves(target):
            return
        self.undated = set()
        listing.began = now if listing.began is None else listing.began
        for run in runs:
            name = (run.database or "", run.table or "")
            if denied and name not in self.views and self.owner(name) == target:
                self._begin_by_a_run(listing, name)
            if self.watched(name) and self.owner(name) == target:
                self._observe(run, now, name)
            elif (home := self._counted_by(run)) and self.owner(home) == target:
                self._observe(run, now, home)
            elif self.run_owner(run.run_id) == target:
                self._observe(run, now, None)
        listing.unreadable |= {run_key(run_id or "") for run_id in unreadable}
        if last:
            self._close(listing, now, denied=denied)
        self._answered(now)

    def _counted_by(self, run: Run) -> Name | None:
        """Return the watched view that has counted a run, whatever table is named now."""
        known = self.runs.get(run_key(run.run_id))
        counted = known is not None and known.counted_as is not None and not known.pruned
        return known.view if known and counted and known.view and self.watched(known.view) else None

    def _begin_by_a_run(self, listing: ModelListing, name: Name) -> None:
        view = self._begin(name)
        listed = [self.listed[p] for p in self.matching(listing.target, name) if p in self.listed]
        if any(pattern in self.listed_by_runs for pattern in self.matching(listing.target, name)):
            view.baseline = listing.began
        elif listed:
            view.baseline = view.counts_after = max(listed)
        if listing.generation == self.generation:
            listing.covered[name] = view.stint

    def _close(self, listing: ModelListing, now: float, *, denied: bool) -> None:
        self.listings.remove(listing)
        covered = [n for n in self.of_target(listing.target) if listing.covered.get(n) == self.views[n].stint]
        for name in covered:
            self.views[name].listed = True
            if self.views[name].baseline is None:
                self.views[name].baseline = now
                self.unread_then.update(dict.fromkeys(listing.unreadable, now))
        if listing.generation == self.generation:
            began = listing.began or now
            for pattern in self.patterns_of(listing.target):
                if began >= self.listed.get(pattern, 0.0) + 3600.0:
                    self.listed[pattern] = began
                (self.listed_by_runs.add if denied else self.listed_by_runs.discard)(pattern)
        for key, known in self.runs.items():
            if (
                known.view in covered
                and key not in listing.seen | listing.unreadable
                and "" not in listing.unreadable
            ):
                if not known.settled and known.there and not known.pruned:
                    listing.missing.add(key)
                    known.misses += 1
                known.unlisted_since = now if known.unlisted_since is None else known.unlisted_since
        self._prune(covered, now)

    def poll_ended(self, outcome: Outcome, missing: Collection[str], now: float) -> None:
        """Take in the end of a poll, and the runs that it has read by their IDs."""
        for run_id, result in outcome.runs.items():
            key = run_key(run_id)
            known = self.runs.get(key)
            if known and known.pruned:
                known = None
            if not isinstance(result, GlueError):
                name = (result.database or "", result.table or "")
                before = known.view if known and known.view and self.watched(known.view) else None
                self._observe(result, now, name if self.watched(name) else before)
            elif known and not known.settled and key not in missing:
                known.misses += 1
        for name in self.of_target(outcome.target):
            view = self.views[name]
            read = bool(outcome.listings) and view.listed
            view.up = read and self.known(name) and view.misses == 0
        if _holds_an_answer(outcome):
            self._answered(now)

    def pass_by(self, outcome: Outcome, now: float) -> None:
        """Take in that another catalog was polled."""
        if outcome.tables or outcome.listings or outcome.resynced or _holds_an_answer(outcome):
            self._answered(now)

    def _answered(self, now: float) -> None:
        """Glue's time is known: what has waited for that gets its date, and once a day what is old goes."""
        self.undated = set()
        if now >= self.next_tidying:
            self.next_tidying = now + DAY
            self._forget_idle(now)

    def _observe(self, run: Run, now: float, name: Name | None) -> None:
        key = run_key(run.run_id)
        known = self.runs.get(key)
        new = known is None or known.pruned
        if known is None or known.pruned:
            if known:  # what it was counted for stays counted, and it counts once more
                self.runs[f"{key} until {now}"] = known
            known = self.runs[key] = KnownRun(run)
        for listing in self.listings:
            listing.seen.add(key)
        if known.counted_as and known.view in self.views:
            name = known.view  # what is counted stays with the view that counted it
        known.view = name or known.view
        known.observe(run._replace(run_id=known.run.run_id), now, self.settings.settle_period)
        if name:
            known.count(baseline=self._counts(key, run, name, now, new=new))

    def _counts(self, key: str, run: Run, name: Name, now: float, *, new: bool) -> bool:
        """Tell whether the run counts, if it has ended."""
        view = self.views[name]
        unread_at = self.unread_then.pop(key, self.unread_then.get("") if new else None)
        if view.baseline is None:
            return False
        if unread_at is not None and run.ended and end_of(run, now) <= min(unread_at, view.baseline):
            return False
        return view.counts_after is None or end_of(run, now) > view.counts_after

    def _forget_idle(self, now: float) -> None:
        """Forget what nothing has watched for 90 days, and what could not be read that long ago."""
        self.unread_then = {key: at for key, at in self.unread_then.items() if at >= now - 90 * DAY}
        for name, view in list(self.views.items()):
            if view.idle and view.idle_since is None:
                view.idle_since = now
            elif view.idle_since is not None and view.idle_since < now - 90 * DAY:
                del self.views[name]
                self.runs = {i: k for i, k in self.runs.items() if k.view != name or self.run_owner(i)}
                for known in self.runs.values():
                    if known.view == name:  # configured by its ID: it stays, but counts for nothing
                        known.view, known.counted_as, known.too_old = None, None, known.run.ended
                        known.unlisted_since = known.idle_since = None
        for key, known in list(self.runs.items()):
            if known.view or self.run_owner(key):
                known.idle_since = None
            elif known.idle_since is None:
                known.idle_since = now
            elif known.idle_since < now - 90 * DAY:
                del self.runs[key]

    def _prune(self, names: Iterable[Name], now: float) -> None:
        """Forget the runs that no listing has held for 7 days, and that nothing shows."""
        for name in names:
            success = self._newest(name, "SUCCEEDED")
            kept = [k.run.run_id for k in self._age(name)[: max(1, self.settings.runs_per_view)]]
            kept += [
                k.run.run_id for k in (success, self._newest(name, "FAILED"), *self._in_a_row(name)) if k
            ]
            for key, known in self.runs.items():
                old = known.unlisted_since is not None and known.unlisted_since < now - 7 * DAY
                free = known.view == name and known.run.run_id not in kept and not self.run_owner(key)
                if old and free and not known.pruned:
                    known.pruned = True

    # What should be shown.

    def known(self, name: Name) -> bool:
        view = self.views[name]
        return view.misses < 2 if view.described else view.misses == 0

    def shown_runs(self, name: Name) -> list[Run]:
        newest = self.settings.runs_per_view
        if not newest or not self.known(name):
            return []
        runs = self._age(name)
        return [k.run for k in (*runs[:newest], *(k for k in runs if not k.run.ended))]

    def figures(self, name: Name) -> Figures:
        runs = self._age(name)
        success, failure = self._newest(name, "SUCCEEDED"), self._newest(name, "FAILED")
        failures = len(self._in_a_row(name))
        view = self.views[name]
        return Figures(
            up=view.up,
            known=self.known(name),
            last_run=runs[0].run if runs else None,
            last_success=success.run if success else None,
            last_success_time=success.end if success else None,
            last_failure_time=failure.end if failure else None,
            failures_in_a_row=None if view.baseline is None else failures,
        )

    def counts(self, name: Name) -> Counts:
        """Work out the counters from the runs that count."""
        runs: Counter[tuple[str, str]] = Counter()
        dpu_seconds: Counter[str] = Counter()
        processed_bytes: Counter[str] = Counter()
        durations = []
        for known in self.runs.values():
            if known.view != name or not known.counted_as:
                continue
            _, kind = known.counted_as
            runs[known.counted_as] += 1
            dpu_seconds[kind] += known.most_dpu_seconds  # type: ignore[assignment] # a Counter of floats
            processed_bytes[kind] += known.most_bytes
            if known.duration is not None:
                durations.append(known.duration)
        buckets = [sum(d <= bound for d in durations) for bound in (*DURATION_BUCKETS, float("inf"))]
        return Counts(
            runs=dict(+runs),
            dpu_seconds={kind: float(value) for kind, value in (+dpu_seconds).items()},
            processed_bytes=dict(+processed_bytes),
            durations=tuple(b - a for a, b in zip([0, *buckets], buckets, strict=False)),
            duration_sum=sum(durations),
        )

    def _age(self, name: Name) -> list[KnownRun]:
        runs = [k for k in self.runs.values() if k.view == name and k.there and not k.pruned]
        return sorted(runs, key=lambda known: known.run.age_order, reverse=True)

    def _in_a_row(self, name: Name) -> list[KnownRun]:
        since_success = takewhile(lambda known: known.run.status != "SUCCEEDED", self._age(name))
        return [known for known in since_success if known.run.status == "FAILED"]

    def _newest(self, name: Name, status: str) -> KnownRun | None:
        return next((known for known in self._age(name) if known.run.status == status), None)


def _holds_an_answer(outcome: Outcome) -> bool:
    return outcome.error is None or any(isinstance(answer, Run) for answer in outcome.runs.values())


def nonzero(counters: ViewCounters) -> Counts:
    """Return the exporter's counters in the words of this model."""
    return Counts(
        runs={key: number for key, number in counters.runs.items() if number},
        dpu_seconds={kind: value for kind, value in counters.dpu_seconds.items() if value},
        processed_bytes={kind: value for kind, value in counters.processed_bytes.items() if value},
        durations=counters.durations,
        duration_sum=counters.duration_sum,
    )


def shown_counts(bench: StoreBench) -> dict[Name, Counts]:
    """Return the counters that are published of each view."""
    return {
        (key.database, key.table): nonzero(series.facts.counters)
        for key, series in bench.shown.views.items()
        if series.facts and key.catalog_id == ACCOUNT
    }


def saved_counts(bench: StoreBench) -> dict[Name, Counts]:
    """Return the counters that are on the disk of each view."""
    return {name: nonzero(view.counters) for name, view in bench.saved.views.items() if view}
