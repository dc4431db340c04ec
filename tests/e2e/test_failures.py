"""Unexpected errors, a connection that flaps, a host without an address: the metrics tell, work goes on."""

import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.exposition import EXPORTER, RUN, VIEW, Exposition
from tests.e2e.program import Program, broken, serve, target, wait_until, watching
from tests.support.bare_glue import BareGlue
from tests.support.bare_records import sample_run, sample_run_id, view_run
from tests.support.ports import held_port

TABLES = ("orders", "returns")
OTHER_CATALOG = "210987654321"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a file: while it exists, an unexpected error comes up in the place that a test names."""
    return tmp_path / "broken"


def breaking(glue: BareGlue, place: str, file: Path) -> Program:
    """Return an exporter of two views that breaks down in this place while the file exists."""
    for number, table in enumerate(TABLES):
        glue.records.put_view("sales", table, refresh_seconds=3600)
        glue.records.put_run(view_run(number, f"sales.{table}", status="RUNNING"))
    return serve(file.parent / "program", watching(glue, "sales.*"), **broken(place, file), may_trace=True)


def await_error(file: Path, number: int = 1) -> None:
    wait_until(lambda: file.read_text().count("raised") >= number, 90, "the error")


def test_a_poll_that_ends_with_an_unexpected_error_has_ended_and_is_not_up(
    glue: BareGlue, file: Path
) -> None:
    """Also a first one: the program is ready, and the views that it had found need not wait for a resync."""
    file.touch()
    with breaking(glue, "poll", file) as program:
        await_error(file)
        program.await_ready()
        assert program.scrape().up() == 0
        file.unlink()
        program.scrape_until(lambda now: now.views_up == len(TABLES), what="the views are up")
        program.await_up()
        file.touch()
        scraped = program.scrape_until(lambda now: now.up() == 0, what="the target is down again")
        assert scraped.value(f"{RUN}dpu_seconds", table="returns") is not None, "values stay"
        assert program.get("/-/healthy").status == 200
        file.unlink()
        program.await_up()


def test_what_could_not_be_published_once_is_published_anew(glue: BareGlue, file: Path) -> None:
    with breaking(glue, "publish", file) as program:
        program.await_up()
        file.touch()
        for number, table in enumerate(TABLES):
            glue.records.put_run(view_run(number, f"sales.{table}"))
        await_error(file, 2)  # the second one was after a poll that read them
        file.unlink()
        scraped = program.await_polls(2)
        assert scraped.counted == {"SUCCEEDED": 2}
        for number, table in enumerate(TABLES):
            assert scraped.status(sample_run_id(number)) == "SUCCEEDED"
            assert scraped.value(f"{VIEW}last_run_status", table=table, status="SUCCEEDED") == 1


def files_and_threads(program: Program) -> tuple[int, int]:
    process = Path(f"/proc/{program.process.pid}")
    return len(list((process / "fd").iterdir())), len(list((process / "task").iterdir()))


def test_a_connection_that_flaps_every_second(glue: BareGlue, tmp_path: Path) -> None:
    """The program answers all the while, keeps what it knew, and is well as soon as the connection is."""
    run_id = glue.records.put_run(sample_run(1, status="RUNNING"))
    glue.records.put_run(sample_run(1, status="RUNNING"), catalog_id=OTHER_CATALOG)
    well = target(glue.url, run_id, name="well", catalog_id=OTHER_CATALOG)
    with ExitStack() as stack:
        port = stack.enter_context(held_port())

        def connect() -> BareGlue:
            return stack.enter_context(BareGlue(port=port, records=glue.records))

        flapping = connect()
        config = {"poll_interval": "5s", "targets": [target(flapping.url, run_id), well]}
        program = stack.enter_context(serve(tmp_path, config))
        program.await_up()
        program.await_up("well")
        before = files_and_threads(program)
        for turn in range(16):
            if turn % 2:
                flapping = connect()
            else:
                flapping.close()  # all connections are cut, new ones are refused
            time.sleep(1)
            reply = program.get("/metrics")
            assert (reply.status, reply.seconds < 10) == (200, True)
            scraped = Exposition(reply.text)
            statuses = scraped.series(f"{RUN}status", run_id=run_id, status="RUNNING")
            assert [value for _, value in statuses] == [1, 1], "both targets keep what they knew"
            assert scraped.up("well") == 1
            assert set(scraped.failures("test")) <= {"unavailable", "timeout"}
        program.await_up()
        for now, then in zip(files_and_threads(program), before, strict=True):
            assert now <= then + 8


def test_a_host_without_an_address_is_unavailable_and_shows_no_values(glue: BareGlue, tmp_path: Path) -> None:
    """And a neighbour does not notice."""
    run_id = glue.records.put_run(sample_run(1))
    nowhere = target("http://glue.invalid", sample_run_id(2), name="nowhere", catalog_id=OTHER_CATALOG)
    with serve(tmp_path, {"poll_interval": "5s", "targets": [nowhere, target(glue.url, run_id)]}) as program:
        scraped = program.scrape_until(lambda now: now.up("nowhere") == 0 and now.up() == 1, 120)
        assert scraped.value(f"{RUN}up", catalog_id=OTHER_CATALOG) == 0
        assert scraped.series(f"{RUN}info", catalog_id=OTHER_CATALOG) == []
        assert scraped.value(f"{EXPORTER}target_last_success_timestamp_seconds", target="nowhere") is None
        assert scraped.failures("nowhere")
        assert set(scraped.failures("nowhere")) <= {"unavailable", "timeout"}
        assert scraped.failures("test") == {}
        program.await_log("Could not connect to the endpoint URL")
