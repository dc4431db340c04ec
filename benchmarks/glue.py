"""A bare Glue with a lifelike load: ``python -m benchmarks.glue '{"runs": 10000, "active": 100}'``.

A process of its own, so that its cost is not measured with the exporter's. It prints its URL;
``tests/support/bare_glue.py`` says how to ask it which calls it got.
"""

import json
import signal
import sys
import time
from collections.abc import Sequence

from benchmarks import lifelike
from tests.support.bare_glue import BareGlue
from tests.support.bare_records import Records


def main(load: dict[str, int]) -> None:
    """Serve until SIGTERM."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    hourly = lifelike.Hourly(load.get("hourly", 1))
    with BareGlue() as glue:
        tables = Tables(glue.records, load)
        for record in load_records(load):
            glue.records.put_run(record)
        for record in hourly.before(load.get("runs_each", 1)) if "hourly" in load else ():
            glue.records.put_run(record)
        print(glue.url, flush=True)
        while signal.sigtimedwait({signal.SIGTERM}, 1.0) is None:
            tables.commit()
            for record in hourly.since() if "hourly" in load else ():
                glue.records.put_run(record)
                if "EndTime" in record:
                    tables.refresh(record)


class Tables:
    """The views, and the source tables that they read: each source changes in its turn."""

    def __init__(self, records: Records, load: dict[str, int]) -> None:
        self._records = records
        self._sources = lifelike.sources(load.get("sources", 0))
        self._committed = self._began = time.time()
        arns = [
            records.put_source(*name, update_time=self._began - lifelike.COMMITS_EVERY)
            for name in self._sources
        ]
        for number, (database, table) in enumerate(load_views(load)):
            read = [arns[n] for n in lifelike.sources_of(number, len(arns))] if arns else []
            definition = {"SubObjects": read, "ViewVersionId": 1} if read else {}
            records.put_view(database, table, refresh_seconds=3600, definition=definition)

    def commit(self) -> None:
        """Change the sources whose turn it was since the last call."""
        now = time.time()
        for number, (database, table) in enumerate(self._sources):
            turn = self._began + lifelike.COMMITS_EVERY * number / len(self._sources)
            turn += (now - turn) // lifelike.COMMITS_EVERY * lifelike.COMMITS_EVERY
            if self._committed < turn <= now:
                self._records.put_source(database, table, update_time=turn)
        self._committed = now

    def refresh(self, run: lifelike.Record) -> None:
        """Give a view of which a run has ended its new snapshot."""
        if self._sources:
            name, ended = (run["DatabaseName"], run["TableName"]), run["EndTime"]
            self._records.change_table(*name, definition={"ViewVersionId": int(ended)}, UpdateTime=ended)


def load_views(load: dict[str, int]) -> Sequence[tuple[str, str]]:
    """Return the views of a load."""
    if "databases" in load:
        return [(f"database_{number:04}", "orders") for number in range(load["databases"])]
    return lifelike.views(load.get("views", load.get("hourly", 0)))


def load_records(load: dict[str, int]) -> list[lifelike.Record]:
    """Return the runs of a load that stays as it is, the same in every process but for their times."""
    if "views" in load:
        return list(lifelike.view_records(load["views"], runs_each=load.get("runs_each", 1)))
    if "databases" in load:
        return [lifelike.ended_run(number, *name) for number, name in enumerate(load_views(load))]
    return list(lifelike.records(load.get("runs", 0), active=load.get("active", 0)))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
