"""The states of the disk that a crash at any moment of a recorded story can leave."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.state.crash_story import Record
from tests.state.watched_disk import Step

SECTOR = 512
"""Bytes that a disk writes whole, or not at all."""
SHARES = (0.0, 0.2, 0.5, 0.9)
"""Of what no sync has secured, so much is on the disk after a power cut."""

Files = Mapping[str, bytes]
"""What the folder holds: contents by name."""


@dataclass
class _File:
    """One file between the program and the disk."""

    content: bytearray = field(default_factory=bytearray)
    """As the program sees it."""
    there: bool = False
    lasting: bytearray | None = None
    """As it certainly is on the disk; None: its name may not be there."""
    waiting: list[Step] = field(default_factory=list)
    """What was done since the last sync: the disk has any part of it, in any order."""

    def apply(self, step: Step) -> None:
        self.there = step.kind != "delete"
        if step.kind == "sync":
            self.lasting, self.waiting = bytearray(self.content), []
        else:
            change(self.content, step)
            self.waiting.append(step)

    def names_last(self) -> None:
        """Take in that the folder was synced: what was deleted is, and what was created is there."""
        places = [place for place, step in enumerate(self.waiting) if step.kind in ("create", "delete")]
        if places:
            self.lasting = None if self.waiting[places[-1]].kind == "delete" else bytearray()
            del self.waiting[: places[-1] + 1]

    def after_power_cut(self, keep: "Chance") -> bytearray | None:
        """Return what is left where the disk has made only some of what was waiting."""
        left = None if self.lasting is None else bytearray(self.lasting)
        for step in self.waiting:
            if step.kind in ("create", "delete"):
                if not keep.step():
                    return left  # and what came then is in a file that has no name
                left = bytearray() if step.kind == "create" else None
            elif left is None:
                pass
            elif step.kind == "truncate":
                if keep.step():
                    change(left, step)
            else:
                for start in range(0, len(step.data), SECTOR):
                    if keep.step():
                        part = step.data[start : start + SECTOR]
                        change(left, Step(kind="write", path="", offset=step.offset + start, data=part))
        return left


def change(content: bytearray, step: Step) -> None:
    if step.kind == "write":
        content.extend(bytes(max(0, step.offset - len(content))))
        content[step.offset : step.offset + len(step.data)] = step.data
    elif step.kind == "truncate":
        del content[step.offset :]
    else:
        content.clear()


@dataclass
class Chance:
    """Which of the waiting changes the disk has made: a share of them, by chance."""

    share: float
    dice: random.Random

    def step(self) -> bool:
        return self.dice.random() < self.share


def crash_states(record: Record, dice: random.Random) -> Iterator[tuple[int, str, Files]]:
    """Yield the number of each step, what happened right before it was made, and what that leaves.

    ``killed``: all that was written is there. ``torn``: and a part of this write. ``power cut``: of what no
    sync has secured the disk has nothing, everything of one file alone, or any sectors.
    """
    disk: dict[str, _File] = {}
    renamed: dict[str, str] = {}
    """New names, and the old ones, that no sync has secured."""
    for number, step in enumerate(record.steps):
        name = Path(step.path).name
        yield number, "killed", {n: bytes(f.content) for n, f in disk.items() if f.there}
        if step.kind == "write" and len(step.data) > 1:
            for size in {len(step.data) // 2, len(step.data) // 2 // SECTOR * SECTOR} - {0}:
                torn = {n: bytearray(f.content) for n, f in disk.items() if f.there}
                change(torn[name], Step(kind="write", path="", offset=step.offset, data=step.data[:size]))
                yield number, "torn", {n: bytes(content) for n, content in torn.items()}
        if renamed or any(file.waiting for file in disk.values()):
            ways = [dict.fromkeys(disk, Chance(share, dice)) for share in SHARES]
            waiting = [n for n, file in disk.items() if file.waiting]
            ways += [
                {n: Chance(1.0 if n == only else 0.0, dice) for n in disk}
                for only in (waiting if len(waiting) > 1 else ())
            ]
            for way in ways:
                left = {n: file.after_power_cut(way[n]) for n, file in disk.items()}
                old = {n: renamed[n] for n in renamed if not way[n].step()}
                yield (
                    number,
                    "power cut",
                    {old.get(n, n): bytes(content) for n, content in left.items() if content is not None},
                )
        if step.kind == "rename":
            renamed[Path(step.to).name] = name
            disk[Path(step.to).name] = disk.pop(name)
        elif step.kind != "sync names":
            disk.setdefault(name, _File()).apply(step)
        if step.name_lasts:
            renamed.clear()
            for file in disk.values():
                file.names_last()
