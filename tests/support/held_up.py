"""An exporter that is held up on purpose: ``python -m tests.support.held_up WHAT CONFIG_FILE``.

``commit``: the first poll never gets its outcome into the store, and so the store stays locked.
``stuck``: the same, and for the poll loop's heartbeat, so much time has passed then that it counts as stuck.
``reload``: reading the configuration again never ends. ``nothing``: it runs as it should.
Prints ``held up`` once it is.
"""

import sys
import threading
from pathlib import Path

from exporter.cli.daemon import serve_until_signal
from exporter.cli.exporter_process import Exporter, load_settings, make_exporter
from exporter.cli.logs import configure_logs
from exporter.cli.reloading import Reloader, content_of
from exporter.cli.signals import Signals
from exporter.metrics import Exposition
from exporter.model.settings import Settings
from exporter.model.sharding import Shard
from exporter.poller import Scheduler
from exporter.poller.scheduler import STUCK_AFTER
from exporter.store.series import SeriesChanges
from exporter.store.store import Store
from exporter.web.address import ListenAddress
from tests.support.clock import SteppedClock


def hold_up() -> None:
    """Tell so, and never return."""
    print("held up", flush=True)  # noqa: T201 (the parent process waits for it)
    threading.Event().wait()


def with_a_commit_that_hangs(exporter: Exporter, seconds: float) -> Exporter:
    """Return the exporter with a store whose listener never returns from the first poll's commit.

    ``seconds``: how long it seems to have hung from the start.
    """
    clock = SteppedClock()
    exposition = Exposition(clock)

    def listen(changes: SeriesChanges) -> None:
        if any(series and series.up is not None for series in changes.targets.values()):
            clock.advance(seconds)
            hold_up()
        exposition.apply(changes)

    store = Store(clock, [listen])
    return Exporter(store, exposition, exporter.clients, Scheduler(store, exporter.clients.catalog, clock))


def main() -> int:
    """Serve until a signal."""
    what, file = sys.argv[1:]
    with Signals() as signals:
        return serve(what, file, signals)


def serve(what: str, file: str, signals: Signals) -> int:
    """Serve until a signal, as far as what holds it up lets it."""
    configure_logs("info", "logfmt")
    settings = load_settings(file, Shard())
    exporter = make_exporter(settings)
    if what in {"commit", "stuck"}:
        exporter = with_a_commit_that_hangs(exporter, STUCK_AFTER if what == "stuck" else 0.0)

    def load() -> Settings:
        if what == "reload":
            hold_up()
        return load_settings(file, Shard())

    loaded = content_of(file)
    reloader = Reloader(file, load, exporter, loaded=loaded)
    address = ListenAddress.parse("127.0.0.1:0")
    status = serve_until_signal(
        exporter, settings, [address], signals=signals, reloader=reloader, lifecycle=True
    )
    Path(file).with_name("ended-in-order").touch()
    return status


if __name__ == "__main__":
    sys.exit(main())
