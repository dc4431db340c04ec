"""The SDK is loaded with the first call, and whoever calls notices nothing of it."""

import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from exporter.cli.late_sdk import LateCatalog, LateClients, resolve_region
from exporter.clock import SystemClock
from exporter.errors import PollInterrupted
from exporter.glue import ClientFactory, GlueCatalog
from exporter.model.reading import CatalogReader
from exporter.model.settings import Access, Settings, Target
from exporter.store.requests import RequestStats
from tests.support.bare_glue import BareGlue
from tests.support.bare_records import Listing, sample_run, sample_run_id
from tests.support.glue_clients import ACCESS_KEY, ACCOUNT, HASTY, catalog_of, session_with, sts_at, target


@pytest.fixture
def glue() -> Iterator[BareGlue]:
    """Return a Glue with three runs and a view."""
    with BareGlue() as glue:
        for number in range(3):
            glue.records.put_run(sample_run(number))
        glue.records.put_view("sales", "daily")
        yield glue


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> Iterator[LateClients]:
    """Return clients that nobody has asked for anything."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    clients = LateClients(SystemClock())
    yield clients
    clients.close()


def reader(clients: LateClients, target: Target) -> LateCatalog:
    """Return a reader that has not been asked for anything."""
    reader = clients.catalog(target, RequestStats(), threading.Event())
    assert isinstance(reader, LateCatalog)
    return reader


def connection(reader: LateCatalog) -> object:
    """Return the connection of a reader that has been asked for something."""
    assert isinstance(reader._reader, GlueCatalog)
    return reader._reader._connection


CALLS: dict[str, Callable[[CatalogReader], object]] = {
    "catalog_id": lambda reader: reader.catalog_id(),
    "get_run": lambda reader: reader.get_run(sample_run_id(1)),
    "list_runs": lambda reader: reader.list_runs(max_results=3),
    "list_runs of a view": lambda reader: reader.list_runs(database="sales", table="daily"),
    "get_databases": lambda reader: reader.get_databases(),
    "get_tables": lambda reader: reader.get_tables("sales"),
    "get_table": lambda reader: reader.get_table("sales", "daily"),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_every_call_is_answered_as_without_it(
    glue: BareGlue, clients: LateClients, call: Callable[[CatalogReader], object]
) -> None:
    own = target(glue.url)
    with catalog_of(own) as direct:
        assert call(reader(clients, own)) == call(direct)


def test_further_pages_are_asked_for_as_without_it(glue: BareGlue, clients: LateClients) -> None:
    glue.listing = Listing(page_limit=1)
    for number in range(101):
        glue.records.put_view("sales", f"daily_{number}")
        glue.records.put_database(f"stock_{number}")
    late = reader(clients, target(glue.url))
    runs = late.list_runs()
    assert late.list_runs(next_token=runs.next_token).runs != runs.runs
    databases = late.get_databases()
    assert late.get_databases(next_token=databases.next_token).names != databases.names
    tables = late.get_tables("sales")
    assert late.get_tables("sales", next_token=tables.next_token).views != tables.views


def test_a_catalog_that_is_not_written_is_asked_for(
    glue: BareGlue, clients: LateClients, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(sts_at(glue.url, tmp_path)))
    assert reader(clients, target(glue.url, catalog_id=None)).catalog_id() == ACCOUNT


def test_the_catalog_that_is_written_is_known_without_a_call(clients: LateClients) -> None:
    """So that a poll which has nothing to ask loads nothing."""
    late = reader(clients, target("http://127.0.0.1:1"))
    late.begin_poll(math.inf)
    assert late.catalog_id() == ACCOUNT
    assert late._reader is None


def test_what_was_said_before_the_first_call_holds(glue: BareGlue, clients: LateClients) -> None:
    """Until when to wait, and (after a reload) how often to ask."""
    late = reader(clients, target(glue.url, rate=2))
    clients.configure(Settings(targets=(target(glue.url, rate=2),)))
    clients.configure(Settings(targets=(target(glue.url, rate=7),)))
    late.begin_poll(SystemClock().monotonic() - 1.0)
    with pytest.raises(PollInterrupted):
        late.get_run(sample_run_id(1))
    late.begin_poll(math.inf)
    late.get_run(sample_run_id(1))
    assert late._reader._connection.limiter.requests_per_second == 7  # type: ignore[union-attr]  # it is one of Glue's


def test_readers_of_before_and_after_share_what_equal_access_can_share(
    glue: BareGlue, clients: LateClients
) -> None:
    own = target(glue.url)
    before = [reader(clients, own), reader(clients, replace(own, catalog_id="210987654321"))]
    before[0].get_run(sample_run_id(1))
    after = clients.catalog(own, RequestStats(), threading.Event())
    assert isinstance(after, GlueCatalog)
    assert connection(before[0]) is connection(before[1]) is after._connection
    clients.configure(Settings(targets=(target(glue.url, rate=3),)))
    assert after._connection.limiter.requests_per_second == 3


def test_many_first_calls_load_it_once(glue: BareGlue, clients: LateClients) -> None:
    readers = [reader(clients, target(glue.url, rate=1000)) for _ in range(8)]
    threads = [threading.Thread(target=one.get_run, args=(sample_run_id(1),)) for one in readers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert glue.count() == 8
    assert len({id(connection(one)) for one in readers}) == 1


def test_it_may_be_closed_before_anything_was_asked(clients: LateClients) -> None:
    clients.close()


def test_clients_that_are_there_are_used_and_closed(glue: BareGlue) -> None:
    """Whoever has made them has loaded the SDK."""
    made = ClientFactory(SystemClock(), session_factory=session_with(), timeouts=HASTY)
    clients = LateClients(SystemClock(), made)
    clients.configure(Settings(targets=(target(glue.url, rate=3),)))
    reader = clients.catalog(target(glue.url), RequestStats(), threading.Event())
    assert isinstance(reader, GlueCatalog)
    assert reader._connection.limiter.requests_per_second == 3
    reader.get_run(sample_run_id(1))
    clients.close()
    assert not reader._connection.identity._clients


def test_nothing_is_open_after_it_was_closed(glue: BareGlue, clients: LateClients) -> None:
    late = reader(clients, target(glue.url))
    late.get_run(sample_run_id(1))
    identity = late._reader._connection.identity  # type: ignore[union-attr]  # it is one of Glue's
    assert identity._clients
    clients.close()
    assert not identity._clients


def test_the_credentials_are_those_of_the_sdks_chain(glue: BareGlue, clients: LateClients) -> None:
    reader(clients, target(glue.url)).get_run(sample_run_id(1))
    assert [call.access_key for call in glue.calls()] == [ACCESS_KEY]


def test_a_region_that_is_not_written_is_the_sdks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-south-1")
    assert resolve_region(Access(aws_region="eu-west-1")) == "eu-west-1"
    assert resolve_region(Access()) == "eu-south-1"
