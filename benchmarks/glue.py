"""A bare Glue with a lifelike load: ``python -m benchmarks.glue '{"runs": 10000, "active": 100}'``.

In a process of its own, so that what it costs is nobody else's. It prints its URL; see
``tests/support/bare_glue.py`` for what it tells of the calls that it got.
"""

import json
import signal
import sys

from benchmarks import lifelike
from tests.support.bare_glue import BareGlue


def main(load: dict[str, int]) -> None:
    """Serve until SIGTERM."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    with BareGlue() as glue:
        for database, table in lifelike.views(load.get("views", 0)):
            glue.records.put_view(database, table, refresh_seconds=3600)
        for record in load_records(load):
            glue.records.put_run(record)
        print(glue.url, flush=True)
        signal.sigwait({signal.SIGTERM})


def load_records(load: dict[str, int]) -> list[lifelike.Record]:
    """Return the runs of a load, the same in every process but for their times."""
    if "views" in load:
        return list(lifelike.view_records(load["views"], runs_each=load.get("runs_each", 1)))
    return list(lifelike.records(load["runs"], active=load.get("active", 0)))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
