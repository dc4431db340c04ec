"""Which process watches which target: rendezvous hashing, without coordination.

Each process gives each target a score for each shard, and the shard with the highest score has it.
With one shard more, a target moves only if the new one scores highest for it: one target in n + 1.
"""

import hashlib
import re
from dataclasses import dataclass

MOST_SHARDS = 1000
"""Each start takes a hash for each target and shard."""

_WRITTEN = re.compile(r"(?:[a-z][a-z0-9.-]*-)?([0-9]{1,9})/([0-9]{1,9})", re.ASCII)
"""The number may be the end of a Kubernetes pod's name, as it is in a StatefulSet."""


@dataclass(frozen=True, slots=True)
class Shard:
    """One process's part of the targets."""

    index: int = 0
    """From 0."""
    count: int = 1
    """How many processes share the targets."""

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Read ``i/n``, or ``NAME-i/n`` with a pod's name; raise ValueError that says what to write."""
        written = _WRITTEN.fullmatch(text)
        index, count = map(int, written.groups()) if written else (0, 0)
        if not index < count <= MOST_SHARDS:
            raise ValueError(
                f"not a valid shard: {text!r}; write i/n, such as 0/3 for the first of three processes:"
                f" i must be below n, and n at most {MOST_SHARDS}"
            )
        return cls(index, count)

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


def owner(name: str, count: int) -> int:
    """Return the index of the shard, of ``count``, that watches the target of this name."""

    def score(index: int) -> bytes:
        # Not to be changed: targets would change hands, and leave their counters and state behind.
        return hashlib.blake2b(f"{index}/{name}".encode(), digest_size=16).digest()

    return max(range(count), key=score)
