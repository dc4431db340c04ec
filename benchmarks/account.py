"""A large account on a clock that runs ten times as fast: ``python -m benchmarks.account DATABASES``.

The whole exporter but its web server, at the default intervals and rate, against a bare Glue with one view
in each database. Prints JSON, in seconds of that clock.
"""

import json
import sys
import threading
import time

from benchmarks.glue import load_records, load_views
from benchmarks.lifelike import ACCOUNT, REGION, ended_run
from exporter.cli.exporter_process import make_exporter
from exporter.cli.logs import configure_logs
from exporter.clock import Clock
from exporter.model.settings import Access, Settings, Target, ViewPattern
from tests.support.bare_glue import BareGlue

SPEED = 10
VIEW = "glue_mv_refresh_view_"


class FastClock(Clock):
    """Runs faster than the machine's clock."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return self._began + SPEED * (time.monotonic() - self._began)

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait for the event, so many of these seconds at most."""
        return event.wait(seconds / SPEED)


def main(databases: int) -> dict[str, float]:
    """Return when every view has its last success, after how many calls, and how late a failure shows."""
    clock = FastClock()
    with BareGlue() as glue:
        for database, table in load_views({"databases": databases}):
            glue.records.put_view(database, table, refresh_seconds=3600)
        for record in load_records({"databases": databases}):
            glue.records.put_run(record)
        target = Target(
            name="b",
            access=Access(aws_region=REGION, endpoint_url=glue.url),
            catalog_id=ACCOUNT,
            views=(ViewPattern(database="*", table="*"),),
        )
        settings = Settings(targets=(target,))
        exporter = make_exporter(settings, clock=clock)

        def wait_for_series(start: str, number: int, end: str = "") -> float:
            """Return when so many series are there whose lines begin and end so."""
            while True:
                lines = exporter.exposition.scrape().body().decode().splitlines()
                if sum(line.startswith(start) and line.endswith(end) for line in lines) >= number:
                    return clock.monotonic()
                time.sleep(1 / SPEED)

        begun = clock.monotonic()
        exporter.scheduler.configure(settings)
        wait_for_series(f"{VIEW}up{{", databases // 3)
        name = load_views({"databases": databases})[0]
        failed = clock.monotonic()
        glue.records.put_run(ended_run(databases, *name, status="FAILED", age=0))
        failure = wait_for_series(f"{VIEW}last_run_status{{", 1, 'status="FAILED"} 1') - failed
        ended = wait_for_series(f"{VIEW}last_success_timestamp_seconds{{", databases)
        found = {"seconds": ended - begun, "calls": glue.count(), "failure": failure}
        exporter.scheduler.stop(5)
        exporter.close()
        return found


if __name__ == "__main__":
    configure_logs("error", "logfmt")
    print(json.dumps(main(int(sys.argv[1]))))
