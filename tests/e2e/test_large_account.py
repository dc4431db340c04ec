"""An account of any size is read to its end, with few calls, and is not up before that."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.exposition import EXPORTER, Exposition
from tests.e2e.polls import LAST_POLL, TARGET_UP, VIEW, await_polls, await_up
from tests.e2e.program import run, serve, write_config
from tests.e2e.test_views import view_run, watching
from tests.support.bare_glue import BareGlue
from tests.support.bare_records import Listing

pytestmark = pytest.mark.timeout(240)

DATABASES = 170
"""At five requests a second, more than the 30 s of a poll allow to ask for."""


@pytest.fixture
def glue() -> Iterator[BareGlue]:
    with BareGlue() as bare:
        yield bare


def views_up(scraped: Exposition) -> int:
    return sum(value == 1 for _, value in scraped.series(f"{VIEW}up"))


def cpu_seconds(glue: BareGlue, folder: Path, *views: str) -> float:
    """Return the processor time until all views are up."""
    with serve(folder, watching(glue, *views, max_requests_per_second=500)) as program:
        scraped = await_up(program, 120)
        assert views_up(scraped) == 3_000
        return scraped.value("process_cpu_seconds_total") or 0.0


def test_views_named_one_by_one_cost_what_a_glob_for_them_costs(glue: BareGlue, tmp_path: Path) -> None:
    """In calls as few as the pages of their databases, and about the same processor time."""
    names = [(f"database_{number % 30}", f"view_{number}") for number in range(3_000)]
    for number, name in enumerate(names):
        glue.records.put_view(*name, refresh_seconds=3600)
        glue.records.put_run(view_run(number, *name))
    by_glob = cpu_seconds(glue, tmp_path / "glob", "*.*")
    glue.forget_calls()
    by_name = cpu_seconds(glue, tmp_path / "names", *(".".join(name) for name in names))
    assert glue.count("GetTables") == 30
    assert glue.count("GetTable") == 0
    assert glue.count("GetDatabases") <= 1
    assert by_name < 3 * by_glob


def test_one_malformed_table_costs_one_database_and_not_all_of_them(glue: BareGlue, tmp_path: Path) -> None:
    """It alone is read again, at growing intervals; the views of the others are up all the while."""
    for number in range(60):
        glue.records.put_view(f"database_{number}", "view", refresh_seconds=3600)
    broken = {"Name": "broken", "IsMaterializedView": True, "CreateTime": "yesterday"}
    glue.records.put_table(broken, database="database_7")
    with serve(tmp_path, watching(glue, "*.*")) as program:
        program.scrape_until(lambda now: views_up(now) == 60, what="all that can be read is up")
        await_polls(program)
        glue.forget_calls()
        scraped = await_polls(program, 4)
        asked = [call.parameters["DatabaseName"] for call in glue.calls("GetTables")]
        assert set(asked) <= {"database_7"}
        assert len(asked) <= 3
        assert glue.count("GetDatabases") == 0
        assert views_up(scraped) == 60
        assert scraped.value(TARGET_UP) == 0, "not everything could be read"
        assert 1 <= program.log.count("database_7.broken") <= 2, "once, and once as why the target is down"


def test_an_account_that_takes_longer_than_a_poll_is_read_to_its_end(glue: BareGlue, tmp_path: Path) -> None:
    """At the default rate. Every database is asked for once, and then each view is up."""
    for number in range(DATABASES):
        glue.records.put_view(f"database_{number}", "view", refresh_seconds=3600)
        glue.records.put_run(view_run(number, f"database_{number}", "view"))
    config = watching(glue, "*.*", max_requests_per_second=5) | {"poll_interval": "30s"}
    with serve(tmp_path, config) as program:
        scraped = await_up(program, 55)
        assert views_up(scraped) == DATABASES
        assert len(scraped.series(f"{VIEW}last_success_timestamp_seconds")) == DATABASES
        assert glue.count("GetTables") == DATABASES


def test_once_reads_a_large_account_to_its_end(glue: BareGlue, tmp_path: Path) -> None:
    for number in range(DATABASES):
        glue.records.put_view(f"database_{number}", "view", refresh_seconds=3600)
    file = write_config(tmp_path, watching(glue, "*.*", max_requests_per_second=5))
    outcome = run(tmp_path, "once", f"--config.file={file}", seconds=90)
    assert outcome.status == 0, outcome.err
    assert views_up(Exposition(outcome.out)) == DATABASES


def test_a_target_is_not_up_while_pages_of_its_listing_are_unread(glue: BareGlue, tmp_path: Path) -> None:
    """An unsorted listing takes longer than a poll, and what is new in it comes last."""
    glue.records.put_view("sales", "orders", refresh_seconds=3600)
    for number in range(1_000):
        glue.records.put_run(view_run(number, "sales", "orders"))
    glue.listing = Listing(order="oldest")
    config = watching(glue, "sales.*", max_requests_per_second=5) | {"resync_interval": "30s"}
    with serve(tmp_path, config) as program:
        await_up(program)
        glue.listing = Listing(order="oldest", page_limit=5)
        now = time.time()
        failed = view_run(1_000, "sales", "orders", status="FAILED")
        glue.records.put_run({**failed, "CreationTime": now - 60, "StartTime": now - 50, "EndTime": now})

        def shows(scraped: Exposition) -> bool:
            failing = scraped.value(f"{VIEW}last_run_status", status="FAILED") == 1
            assert failing or not all_was_read_since(scraped, now), scraped.text
            return failing

        program.scrape_until(shows, 100, "the failure shows")


def all_was_read_since(scraped: Exposition, time: float) -> bool:
    """Tell whether a poll that began after this time says that it has read everything."""
    ended = scraped.value(LAST_POLL) or 0.0
    began = ended - (scraped.value(f"{EXPORTER}target_last_poll_duration_seconds") or 0.0)
    up = scraped.value(TARGET_UP) == 1 and scraped.value(f"{VIEW}up") == 1
    return up and began > time
