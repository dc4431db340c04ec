"""What happened, as lines for the log: each once, when it changes, and never one per poll.

The store writes them when its lock is free again: a log that hangs holds up no other thread.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

import structlog

from exporter.model.causes import cause_of
from exporter.model.run import Run, RunKey, Status

SHOWN = 5
"""Run IDs and views named in one line; the rest is counted."""
MOST_REMEMBERED = 10_000
"""Things that are remembered so that they are logged once; more are forgotten, and may be logged again."""


class Line(NamedTuple):
    """One line of the log."""

    level: str
    message: str
    fields: dict[str, object]


def write(line: Line) -> None:
    """Write a line to the log."""
    getattr(structlog.get_logger(), line.level)(line.message, **line.fields)


class LogLines:
    """The lines of the commit that goes on, and what has been logged once. Used under the store's lock."""

    def __init__(self) -> None:
        self._lines: list[Line] = []
        self._alike: dict[tuple[object, ...], tuple[Line, list[str]]] = {}
        """Lines that runs share."""
        self._logged: set[tuple[str, str, str]] = set()

    def add(self, level: str, message: str, **fields: object) -> None:
        """Log this."""
        self._lines.append(Line(level, message, fields))

    def add_run(self, level: str, message: str, key: RunKey, **fields: object) -> None:
        """Log this of a run; runs of which the same is logged share a line, for there may be thousands."""
        place = {"aws_region": key.aws_region, "catalog_id": key.catalog_id}
        alike = (message, key.aws_region, key.catalog_id, fields.get("reason"))
        line = Line(level, message, {**place, **fields})
        self._alike.setdefault(alike, (line, []))[1].append(key.run_id)

    def run_ended(self, key: RunKey, run: Run) -> None:
        """Log that a run was seen ended for the first time."""
        duration = run.whole_duration
        failed = run.status == Status.FAILED
        self.add(
            "warning" if failed else "info",
            "run ended",
            **key._asdict(),
            database=run.database,
            table=run.table,
            status=run.status,
            refresh_type=run.refresh_type,
            duration_seconds=None if duration is None else round(duration, 3),
            dpu_seconds=run.dpu_seconds,
            **({"cause": cause_of(run.error_message).value} if failed else {}),
            error_message=run.error_message,
        )

    def owned_elsewhere(self, target: str, owner: str, names: Iterable[str]) -> None:
        """Log, once, what a target asks for and another one owns."""
        if news := self.news(target, f"owner {owner}", names):
            message = "another target, earlier in the file, watches these runs and views"
            self.add("warning", message, target=target, owner=owner, **_some("names", news))

    def sources(self, target: str, answers: Mapping[str, float | str]) -> None:
        """Log, once, which source tables cannot be read, a line for each reason."""
        by_reason: dict[str, list[str]] = {}
        for arn, answer in sorted(answers.items()):
            if isinstance(answer, str):
                by_reason.setdefault(answer, []).append(arn)
        for reason, arns in by_reason.items():
            if news := self.news(target, f"source {reason}", arns):
                message = "source tables cannot be read; their views are judged by age alone"
                self.add("warning", message, target=target, reason=reason, **_some("source_tables", news))

    def malformed(self, target: str, records: Iterable[str]) -> None:
        """Log, once, records that cannot be read."""
        for record in self.news(target, "malformed", records):
            self.add("warning", "a record of a listing cannot be read", target=target, error=record)

    def news(self, target: str, kind: str, names: Iterable[str]) -> list[str]:
        """Return those that have not been logged before; from now on they have."""
        news = [name for name in dict.fromkeys(names) if (target, kind, name) not in self._logged]
        if len(self._logged) > MOST_REMEMBERED:
            self._logged.clear()
        self._logged.update((target, kind, name) for name in news)
        return news

    def forget(self, targets: AbstractSet[str]) -> None:
        """Forget what has been logged of these targets: a new one of that name is logged anew."""
        self._logged = {one for one in self._logged if one[0] not in targets}

    def take(self) -> list[Line]:
        """Return the lines to write."""
        shared = [
            Line(*line[:2], {**line.fields, **_some("run_ids", ids)}) for line, ids in self._alike.values()
        ]
        lines, self._lines, self._alike = self._lines + shared, [], {}
        return lines


def _some(name: str, values: Sequence[str]) -> dict[str, object]:
    """Return the first few values, and how many there are where these are not all."""
    shown: dict[str, object] = {name: " ".join(values[:SHOWN])}
    return shown if len(values) <= SHOWN else {**shown, "number": len(values)}
