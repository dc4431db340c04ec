"""One run's way through the exporter: unfetched, active, settling, settled; known or unknown to Glue."""

from dataclasses import dataclass

from exporter.model.run import Run

SETTLED_AT_THE_LATEST = 3600.0
"""Seconds after its end when a run is settled, whatever Glue has still not reported."""
READS_UNTIL_GONE = 2
"""So many complete reads in a row must miss an unsettled run before its values go."""


def is_settled(run: Run, *, first_seen_ended: float, now: float, settle_period: float) -> bool:
    """Tell whether nothing about the run will change any more, so that it is never fetched again."""
    age = now - run.end(first_seen_ended)
    if age >= SETTLED_AT_THE_LATEST:
        return True
    return age >= settle_period and run.end_time is not None and run.dpu_seconds is not None


@dataclass(slots=True)
class WatchedRun:
    """What is remembered of one run between polls. Changed only by the methods below."""

    run_id: str
    run: Run | None = None
    """The last good values."""
    up: bool = False
    """Whether the last attempt to fetch it succeeded."""
    settled: bool = False
    first_seen_ended: float | None = None
    """Unix time; stands in for an end that Glue does not report."""
    misses: int = 0
    """Complete reads in a row that did not find it."""
    last_attempt: float | None = None
    """Monotonic seconds of the last attempt; None before the first."""
    not_before: float = 0.0
    """Monotonic seconds before which it is not asked for again."""

    @property
    def phase(self) -> str:
        """The value of the label ``state``: ``active``, ``settling``, ``settled`` or ``unfetched``."""
        if self.run is None:
            return "unfetched"
        if self.settled:
            return "settled"
        return "settling" if self.run.ended else "active"

    def found(self, run: Run, *, now: float, monotonic: float, settle_period: float) -> None:
        """Take in what a read returned. An ended run that a later read shows unended is unended again."""
        self.run = run
        self.up = True
        self.misses = 0
        self.last_attempt = monotonic
        self.not_before = 0.0
        if not run.ended:
            self.first_seen_ended = None
            self.settled = False
            return
        if self.first_seen_ended is None:
            self.first_seen_ended = now
        self.settled = is_settled(
            run, first_seen_ended=self.first_seen_ended, now=now, settle_period=settle_period
        )

    def missed(self, *, monotonic: float, poll_interval: float, longest_wait: float) -> None:
        """Take in that Glue does not know the run: ask at growing intervals, forget at the second time."""
        self.misses += 1
        self.up = False
        self.last_attempt = monotonic
        # At the first miss the next poll asks again; from then on the wait doubles. Bounded exponent: 2**1000
        # is no float.
        self.not_before = monotonic + min(longest_wait, poll_interval * 2.0 ** min(self.misses - 1, 32))
        if self.misses >= READS_UNTIL_GONE:
            self.run = None
            self.first_seen_ended = None

    def failed(self, *, monotonic: float) -> None:
        """Take in that the read failed: the last good values stay."""
        self.up = False
        self.last_attempt = monotonic

    def due(self, monotonic: float, *, slack: float) -> bool:
        """Tell whether this poll should ask for it. ``slack`` forgives a poll that starts a little early."""
        return not self.settled and self.not_before <= monotonic + slack
