"""Tells a story over and over; each time the disk refuses another of its writes.

    python -m tests.state.refused_writes FOLDER PART PARTS

prints how often it did. The disk is full, broken or read-only for a few writes in a row, and then well again.
"""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from exporter.errors import StorageError
from tests.state.crash_story import NAMES, Story
from tests.state.naive_model import Model, nonzero, shown_counts
from tests.state.watched_disk import Step

IO_ERROR = 10
FULL = {"write": 13, "create": 14}
"""SQLite's codes where the disk is full: SQLITE_FULL, and SQLITE_CANTOPEN where a file cannot be made."""
BROKEN = {
    "write": IO_ERROR | 3 << 8,
    "sync": IO_ERROR | 4 << 8,
    "truncate": IO_ERROR | 6 << 8,
    "delete": IO_ERROR | 10 << 8,
    "create": 8 | 6 << 8,
}
"""The same where it is broken, or read-only. Only codes that SQLite's own file layer returns there: it loses
track of a failed rollback that reports another one."""
IN_A_ROW = (1, 3, 8)


@dataclass
class RefusedStory(Story):
    """A story in which some writes fail. What it asserts is told in :meth:`_act`."""

    refused: range = range(0)
    full: bool = False
    saved: Model = field(default_factory=Model)
    """What is on the disk for certain."""
    unsure: list[Model] = field(default_factory=list)
    """What may be there instead: a write whose sync has failed may be found all the same."""
    made: int = 0

    def _watch(self, step: Step) -> int | None:
        self.made += 1
        if self.made - 1 not in self.refused:
            return None
        code = FULL.get(step.kind) if self.full else None
        return code or BROKEN.get(step.kind, IO_ERROR)

    def _open(self) -> None:
        """Start; and once more for each time that it cannot, with a sentence."""
        for _ in range(len(self.refused) + 1):
            try:
                super()._open()
            except StorageError as error:
                told = str(error)
                assert "cannot be written" in told, told
            else:
                break
        fitting = [model for model in (self.saved, *self.unsure) if self._fits(model)]
        assert fitting, "what is on the disk was never so"
        self.model = self.saved = fitting[-1]
        self.unsure.clear()

    def _act(self, name: str, do: Callable[[], object], after: Model) -> None:
        """Act; what is published is what is on the disk, and all of it once the disk is well."""
        self.unsure.append(after.copy())
        super()._act(name, do, after)
        exporter = self._bench.shown.exporter
        if name.startswith("a poll") and exporter and exporter.storage_last_write_successful:
            self.saved = after.copy()
            self.unsure.clear()
        published = shown_counts(self._bench)
        for key, series in self._bench.shown.views.items():
            if series.facts and name == f"a poll of {series.target}":
                found, expected = published[key[2:]], self.saved.counts(key[2:])
                assert found == expected, f"{name}, {key}: {found} instead of {expected}"

    def _fits(self, model: Model) -> bool:
        saved, nothing = self._bench.saved, Model().counts(NAMES[0])
        views = {name: view for name, view in saved.views.items() if view}
        counts = {name: nonzero(view.counters) for name, view in views.items()}
        counts = {name: found for name, found in counts.items() if found != nothing}
        known = {name: found for name in model.views if (found := model.counts(name)) != nothing}
        baselines = {name for name, view in views.items() if view.baseline_at is not None}
        runs = {(one.run.run_id, one.run.status, one.run.dpu_seconds) for one in saved.runs.values() if one}
        kept = {(k.run.run_id, k.run.status, k.run.dpu_seconds) for k in model.runs.values() if not k.pruned}
        taken = {name for name, view in model.views.items() if view.baseline is not None}
        return (counts, baselines, runs) == (known, taken, kept)


def tell(folder: Path, number: int) -> None:
    """Tell the story in a process of its own, for SQLite is watched; refuse the write of this number."""
    refused = range(number, number + IN_A_ROW[number % len(IN_A_ROW)])
    child = os.fork()
    if not child:
        try:
            story = RefusedStory(folder / str(number), refused=refused, full=number % 2 == 0)
            story.tell()
            os._exit(0 if story.made > number else 3)
        except BaseException:  # noqa: BLE001 (told, and the process ends)
            sys.excepthook(*sys.exc_info())
            sys.stderr.flush()
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    status = os.waitstatus_to_exitcode(status)
    if status == 1:
        raise SystemExit(f"the story went wrong with write {number} refused")
    if status:
        raise StopIteration


def main(folder: Path, part: int, parts: int) -> None:
    """Refuse one write after the other, until the story has no more of them."""
    number = part
    while True:
        try:
            tell(folder, number)
        except StopIteration:
            break
        number += parts
    print(number // parts)  # noqa: T201 (its result)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
