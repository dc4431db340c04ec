"""What the store logs, and the lines that tests expect of it."""

from exporter.errors import GlueError
from exporter.model.run import Run
from exporter.store.log_lines import Line
from tests.support.reader import ACCOUNT

PLACE = {"aws_region": "eu-west-1", "catalog_id": ACCOUNT}


class Log:
    """Collects the lines that a store writes."""

    def __init__(self) -> None:
        self._lines: list[Line] = []

    def __call__(self, line: Line) -> None:
        self._lines.append(line)

    def take(self) -> list[Line]:
        """Return the lines since the last time."""
        lines, self._lines = self._lines, []
        return lines


def target_up(name: str, *, again: bool = False) -> Line:
    return Line("info", "target is up again" if again else "target is up", {"target": name})


def target_down(name: str, error: object) -> Line:
    return Line("error", "target is down", {"target": name, "error": str(error)})


def elsewhere(target: str, owner: str, names: str) -> Line:
    """Return the line that another target owns these, written one after the other."""
    message = "another target, earlier in the file, watches these runs and views"
    return Line("warning", message, {"target": target, "owner": owner, "names": names})


def unmatched(target: str, pattern: str) -> Line:
    return Line(
        "warning", "this pattern matches no materialized view", {"target": target, "pattern": pattern}
    )


def ignored(run_id: str) -> Line:
    return Line("warning", "a listed run names no view; it is ignored", {**PLACE, "run_id": run_id})


def run_ended(run: Run) -> Line:
    return Line(
        "warning" if run.status == "FAILED" else "info",
        "run ended",
        {
            **PLACE,
            "run_id": run.run_id,
            "database": run.database,
            "table": run.table,
            "status": run.status,
            "refresh_type": run.refresh_type,
            "duration_seconds": run.whole_duration,
            "dpu_seconds": run.dpu_seconds,
            "error_message": run.error_message,
        },
    )


def unknown(run_ids: str) -> Line:
    """Return the line that Glue does not know these runs, written one after the other."""
    message = "Glue does not know these runs; they are asked for at growing intervals"
    return Line("warning", message, {**PLACE, "run_ids": run_ids})


def failing(run_ids: str, error: GlueError) -> Line:
    fields: dict[str, object] = {**PLACE, "reason": error.reason.value, "error": str(error)}
    return Line("warning", "runs cannot be read", {**fields, "run_ids": run_ids})


def readable(run_ids: str) -> Line:
    return Line("info", "runs can be read again", {**PLACE, "run_ids": run_ids})


def unwritable(error: object) -> Line:
    message = "the state cannot be written; counters stand still until it can"
    return Line("error", message, {"error": str(error)})
