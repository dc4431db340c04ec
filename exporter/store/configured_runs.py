"""The runs of one catalog that are configured by their IDs: whose they are, and when to ask for them."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass


@dataclass(slots=True)
class ConfiguredRun:
    """How asking for one run went. What it is, the records know."""

    run_id: str
    up: bool = False
    """Whether the last attempt to fetch it succeeded (or it is settled)."""
    told: bool = False
    """Whether a failure to fetch it has been told of; one that was left unread with many others is not."""
    misses: int = 0
    """Answers in a row that Glue does not know it."""
    last_attempt: float | None = None
    """Monotonic seconds of the last attempt; None before the first."""
    not_before: float = 0.0
    """Monotonic seconds before which it is not asked for again."""

    def found(self, monotonic: float) -> None:
        """Take in that a read found it."""
        self.up, self.misses, self.last_attempt, self.not_before = True, 0, monotonic, 0.0

    def missed(self, monotonic: float, *, poll_interval: float, longest_wait: float) -> None:
        """Take in that Glue does not know it: the next poll asks again, then the wait doubles each time."""
        self.up = False
        self.last_attempt = monotonic
        # A bounded exponent: 2.0**2000 is no float.
        self.not_before = monotonic + min(longest_wait, poll_interval * 2.0 ** min(self.misses, 32))
        self.misses += 1

    def failed(self, monotonic: float) -> None:
        """Take in that the read failed."""
        self.up, self.last_attempt = False, monotonic

    def due(self, monotonic: float, *, slack: float) -> bool:
        """Tell whether this poll should ask for it. ``slack`` forgives a poll that starts a little early."""
        return self.not_before <= monotonic + slack


class ConfiguredRuns:
    """Runs by ID. State belongs to the catalog, not to the target, so that a target may be renamed."""

    def __init__(self) -> None:
        self._owners: dict[str, str] = {}
        self._unsettled: dict[str, ConfiguredRun | None] = {}
        """None: nothing has come of asking for it yet. That of 100,000 runs would leave holes in memory."""
        self._owned: dict[str, int] = {}

    def claim(
        self, claims: Iterable[tuple[str, Sequence[str]]], settled: AbstractSet[str]
    ) -> Mapping[tuple[str, str], tuple[str, ...]]:
        """Decide anew who watches what: the first claim (target, run IDs) of a run has it.

        Returns the run IDs that a target claimed in vain, by (target, owner). What nobody claims is
        forgotten; what stays keeps its state.
        """
        owners: dict[str, str] = {}
        lost: dict[tuple[str, str], list[str]] = {}
        owned: dict[str, int] = {}
        for target, run_ids in claims:
            taken = [] if owners.keys().isdisjoint(run_ids) else [one for one in run_ids if one in owners]
            for run_id in taken:
                lost.setdefault((target, owners[run_id]), []).append(run_id)
            owned[target] = len(run_ids) - len(taken)
            before = {run_id: owners[run_id] for run_id in taken}
            owners.update(dict.fromkeys(run_ids, target))
            owners.update(before)
        self._owners, self._owned = owners, owned
        left = owners.keys() - settled  # most often nothing
        unsettled = (run_id for run_id in owners if run_id in left) if left else ()
        self._unsettled = {run_id: self._unsettled.get(run_id) for run_id in unsettled}
        return {pair: tuple(run_ids) for pair, run_ids in lost.items()}

    def owner(self, run_id: str) -> str | None:
        """Return the target that watches the run; None where it is not configured."""
        return self._owners.get(run_id)

    def are_settled(self, run_ids: Iterable[str]) -> bool:
        """Tell whether all of these configured runs are settled."""
        return not self._unsettled or self._unsettled.keys().isdisjoint(run_ids)

    @property
    def owners(self) -> Mapping[str, str]:
        """The target that watches each configured run."""
        return self._owners

    @property
    def targets(self) -> AbstractSet[str]:
        """The targets that watch anything in the catalog."""
        return self._owned.keys()

    def all(self) -> AbstractSet[str]:
        """Return every configured run ID."""
        return self._owners.keys()

    def of(self, target: str) -> Iterator[str]:
        """Yield the IDs of the runs that the target watches."""
        return (run_id for run_id, owner in self._owners.items() if owner == target)

    def count(self, target: str) -> int:
        """Return how many runs the target watches by their IDs."""
        return self._owned.get(target, 0)

    def get(self, run_id: str) -> ConfiguredRun | None:
        """Return how asking for an unsettled run went."""
        if run_id not in self._unsettled:
            return None
        asked = self._unsettled[run_id] = self._unsettled[run_id] or ConfiguredRun(run_id)
        return asked

    def up(self, run_id: str) -> bool | None:
        """Return the value of ``run_up``; None for a run that is not configured."""
        if run_id not in self._owners:
            return None
        asked = self._unsettled.get(run_id)
        return asked.up if asked else run_id not in self._unsettled

    def resting(self) -> set[str]:
        """Return the settled ones: nobody asks for them again."""
        return self._owners.keys() - self._unsettled.keys()

    def resting_count(self) -> int:
        """Return how many these are."""
        return len(self._owners) - len(self._unsettled)

    def unsettled(self, target: str) -> Iterator[str]:
        """Yield the IDs of the target's runs that may still change, in the order of the configuration."""
        return (run_id for run_id in self._unsettled if self._owners[run_id] == target)

    def due(self, target: str, monotonic: float, *, slack: float) -> list[str]:
        """Return the IDs that this poll should ask for: those first that were not asked for for the longest.

        ``slack`` forgives a poll that starts a little early.
        """
        waiting = {
            run_id: asked.last_attempt
            for run_id in self.unsettled(target)
            if (asked := self._unsettled[run_id]) and asked.last_attempt is not None
        }
        due = [
            run_id
            for run_id in self.unsettled(target)
            if not (asked := self._unsettled[run_id]) or asked.due(monotonic, slack=slack)
        ]
        return sorted(due, key=lambda run_id: waiting.get(run_id, -math.inf)) if waiting else due

    def settled(self, run_id: str) -> None:
        """Note that the run is settled: it is never asked for again."""
        self._unsettled.pop(run_id, None)
        if not self._unsettled:
            self._unsettled = {}  # an emptied dictionary keeps its room
