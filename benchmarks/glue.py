"""A bare Glue with a lifelike load: ``python -m benchmarks.glue '{"runs": 10000, "active": 100}'``.

A process of its own, so that its cost is not measured with the exporter's. It prints its URL.
"""

import json
import signal
import sys
from collections.abc import Sequence

from benchmarks import lifelike
from tests.support.bare_glue import BareGlue


def main(load: dict[str, int]) -> None:
    """Serve until SIGTERM."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    hourly = lifelike.Hourly(load["hourly"]) if "hourly" in load else None
    with BareGlue() as glue:
        for database, table in load_views(load):
            glue.records.put_view(database, table, refresh_seconds=3600)
        for record in hourly.before() if hourly else load_records(load):
            glue.records.put_run(record)
        print(glue.url, flush=True)
        while signal.sigtimedwait({signal.SIGTERM}, 1.0) is None:
            for record in hourly.since() if hourly else ():
                glue.records.put_run(record)


def load_views(load: dict[str, int]) -> Sequence[tuple[str, str]]:
    """Return the views of a load."""
    return lifelike.views(load.get("views", load.get("hourly", 0)))


def load_records(load: dict[str, int]) -> list[lifelike.Record]:
    """Return the runs of a load that stays as it is, the same in every process but for their times."""
    if "views" in load:
        return list(lifelike.view_records(load["views"], runs_each=load.get("runs_each", 1)))
    return list(lifelike.records(load["runs"], active=load.get("active", 0)))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
