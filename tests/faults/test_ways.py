"""What goes wrong between two polls, or over many: clocks that jump, ways that flap, roles that expire."""

import contextlib
import gc
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

from exporter.errors import GlueError, Reason
from exporter.glue import GlueCatalog, Timeouts
from tests.e2e.exposition import EXPORTER, RUN, Exposition
from tests.faults import invariants as check
from tests.faults.house import CONFIGURED, NEIGHBOUR, WATCHED, House, catalog_of
from tests.faults.table import Cell, Moment, Operation
from tests.support.bare_faults import EXPIRED_TOKEN
from tests.support.bare_glue import BareGlue
from tests.support.bare_records import sample_run, sample_run_id
from tests.support.clock import eventually
from tests.support.glue_clients import catalog_of as reader_of
from tests.support.glue_clients import target
from tests.support.left_over import nothing_left_over, open_sockets

HOUR = 3600.0


@pytest.mark.parametrize("jumps", [(6 * HOUR, -12 * HOUR), (-6 * HOUR, 12 * HOUR), (-72 * HOUR, 48 * HOUR)])
def test_clock_jumps_of_hours_change_no_value_and_count_nothing_twice(
    tmp_path: Path, jumps: tuple[float, ...]
) -> None:
    """The wall clock is set, forward and back; a run ends meanwhile."""
    with House(tmp_path, [], moment=Moment.STEADY) as house:
        before = house.poll()
        for jump in jumps:
            house.clock.jump(jump)
            scraped = house.poll()
            assert list(check.is_unharmed(None, scraped)) == []
            assert check.values(scraped, catalog_of(None)) == check.values(before, catalog_of(None))
            for name in (f"{RUN}duration_seconds", f"{EXPORTER}target_last_poll_duration_seconds"):
                assert all(value >= 0 for _, value in scraped.series(name))
            skew = scraped.value(f"{EXPORTER}target_clock_skew_seconds", target=NEIGHBOUR)
            assert skew is not None
        house.change_run(WATCHED, Status="SUCCEEDED", EndTime=round(time.time()))
        house.poll()
        for jump in jumps:
            house.clock.jump(jump)
            scraped = house.poll(resync=True)
        counted = [value for _, value in scraped.series(f"{check.VIEW}runs_total") if value]
        assert counted == [1]
        assert house.exporter.scheduler.trouble() is None


def test_a_role_whose_credentials_glue_no_longer_takes_is_assumed_anew(tmp_path: Path) -> None:
    """The next poll has fresh ones, and is good."""
    cell = Cell(1, "expired token", Operation.ASSUME_ROLE, Moment.STEADY)
    with House(tmp_path, [cell], moment=Moment.STEADY) as house:
        house.glue.credentials_lifetime = 3600.0
        good = house.poll()
        assumed = house.glue.count("AssumeRole")
        house.poll()
        assert house.glue.count("AssumeRole") == assumed, "they are kept while they are good"
        house.glue.judge = lambda call: EXPIRED_TOKEN if call.access_key == "ASIACELL1" else None
        expired = house.poll()
        assert expired.value(f"{EXPORTER}target_up", target=cell.target) == 0
        assert set(expired.failures(cell.target)) == {"credentials"}
        assert list(check.keeps_last_good_values(cell, good, expired)) == []
        house.glue.judge = lambda _: None
        recovered = house.poll()
        assert list(check.has_recovered(cell, recovered)) == []
        assert house.glue.count("AssumeRole") > assumed


class FlappingWay:
    """Passes connections on to a port; while it is closed it refuses new ones, and has cut the old ones."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._sockets: set[socket.socket] = set()
        self._open = True
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.flap(passable=False)
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)

    def flap(self, *, passable: bool) -> None:
        """Open the way, or close it and cut what is on it."""
        self._open = passable
        if not passable:
            for one in tuple(self._sockets):
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if not self._open:
                    client.close()
                    continue
                server = socket.create_connection(("127.0.0.1", self._port))
                for source, sink in ((client, server), (server, client)):
                    self._sockets.add(source)
                    threading.Thread(target=self._pass_on, args=(source, sink), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)
        self._sockets.discard(source)
        source.close()


@pytest.mark.long
def test_a_way_that_flaps_every_second_leaves_nothing_behind() -> None:
    """Each read is good or fails clearly; once the way is good, so is the next read, on fresh connections."""
    run_id = sample_run_id(1)
    patient = Timeouts(connect=2.0, read=2.0, answer=2.0)
    with nothing_left_over(), BareGlue() as glue, FlappingWay(glue.port) as way:
        glue.records.put_run(sample_run(1))
        there = target(f"http://127.0.0.1:{way.port}", rate=50.0)
        with reader_of(there, timeouts=patient) as catalog:
            outcomes = list(read_while_flapping(catalog, way, run_id))
            assert set(outcomes) <= {None, Reason.UNAVAILABLE}
            assert {None, Reason.UNAVAILABLE} == set(outcomes), "it did flap"
            way.flap(passable=True)
            assert catalog.get_run(run_id).run_id == run_id


def read_while_flapping(catalog: GlueCatalog, way: FlappingWay, run_id: str) -> Iterator[Reason | None]:
    """Read again and again over four openings and closings, a second in all each; yield how it went."""
    for turn in range(8):
        way.flap(passable=turn % 2 == 0)
        until = time.monotonic() + 0.5
        while time.monotonic() < until:
            try:
                catalog.get_run(run_id)
            except GlueError as error:
                yield error.reason
            else:
                yield None


STEADY_ROWS = ("access denied", "expired token", "half of the text", "a page with status 200", "not found")
"""None of them is tried again at once, and so they take no time."""


@pytest.mark.long
def test_nothing_grows_over_many_faulty_polls(tmp_path: Path) -> None:
    """Threads, sockets and objects stay as many as they were after the first few polls."""
    operations = (Operation.GET_RUN, Operation.LIST_RUNS, Operation.GET_TABLES, Operation.ASSUME_ROLE)
    sheet = [
        Cell(number, row, operation, Moment.STEADY)
        for number, (row, operation) in enumerate(
            ((row, operation) for row in STEADY_ROWS for operation in operations), 1
        )
    ]
    with House(tmp_path, sheet, moment=Moment.STEADY) as house:
        sizes: list[tuple[int, int, int]] = []
        for number in range(20):
            house.faulty = number % 2 == 1
            scraped = house.poll(resync=True)
            if not house.faulty:
                gc.collect()  # what merely waits for that has not grown
                sizes.append((own_threads(), open_sockets(), resident_kib()))
        # Calls that hang end by themselves, some of them after the poll that made them.
        eventually(lambda: own_threads() <= sizes[1][0] + 2)
        assert sizes[-1][1] <= sizes[1][1] + 8, "sockets"
        grown = sizes[-1][2] - sizes[1][2]
        assert grown < 16 * 1024, f"{grown} KiB more"
        assert isinstance(scraped, Exposition)
        assert scraped.value(f"{RUN}up", catalog_id=catalog_of(None), run_id=sample_run_id(CONFIGURED)) == 1


def own_threads() -> int:
    """Return how many threads there are, without those of the simulated Glue: one for each connection."""
    return sum("process_request_thread" not in thread.name for thread in threading.enumerate())


def resident_kib() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * (os.sysconf("SC_PAGE_SIZE") // 1024)
