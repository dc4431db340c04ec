"""Targets share what equal access can share, and a reload changes no more than it must."""

import threading
from dataclasses import replace
from pathlib import Path

from exporter.clock import SystemClock
from exporter.glue import ClientFactory, GlueCatalog, fixed_session
from exporter.model.settings import Access, AssumeRole, Settings, Target
from exporter.store.requests import RequestStats
from tests.support.clock import ManualClock
from tests.support.glue_clients import HASTY, session_with, target
from tests.support.scripted_aws import ScriptedAws, found

RUN_ID = "0f8fad5b-d9cb-469f-a165-70867728950e"
FOUND = found({"MaterializedViewRefreshTaskRun": {}})
HERE = "http://127.0.0.1:1"


def factory(config_file: str | Path = "/nonexistent") -> ClientFactory:
    return ClientFactory(ManualClock(), session_factory=session_with(config_file), timeouts=HASTY)


def settings(*targets: Target) -> Settings:
    return Settings(targets=targets)


def catalog(made_by: ClientFactory, target: Target) -> GlueCatalog:
    return made_by.catalog(target, RequestStats(), threading.Event())


def rate(catalog: GlueCatalog) -> float:
    return catalog._connection.limiter.requests_per_second


def test_targets_of_equal_access_share_the_lowest_rate() -> None:
    """The order of the file does not matter; another region has a limit of its own."""
    fast, slow = target(HERE, rate=9), target(HERE, rate=2, catalog_id="210987654321")
    elsewhere = target(HERE, rate=5, aws_region="us-east-1")
    clients = factory()
    clients.configure(settings(fast, slow, elsewhere))
    assert [rate(catalog(clients, each)) for each in (fast, slow, elsewhere)] == [2, 2, 5]
    assert catalog(clients, fast)._connection is catalog(clients, slow)._connection


def test_other_credentials_have_a_limit_of_their_own() -> None:
    """As have other endpoints."""
    role = AssumeRole(role_arn="arn:aws:iam::123456789012:role/r")
    targets = [
        target(HERE, rate=1),
        target(HERE, rate=2, profile="x"),
        target(HERE, rate=3, assume_role=role),
        target(HERE, rate=4, assume_role=replace(role, session_name="other")),
        target(None, rate=5),
    ]
    clients = factory()
    clients.configure(settings(*targets))
    assert [rate(catalog(clients, each)) for each in targets] == [1, 2, 3, 4, 5]


def test_the_sdks_own_region_is_the_same_as_the_written_one(tmp_path: Path) -> None:
    """Both draw on the same quota."""
    config = tmp_path / "config"
    config.write_text("[default]\nregion = eu-west-1\n")
    clients = factory(config)
    own = Target(name="own", access=Access(endpoint_url=HERE))
    assert clients.resolve_region(own.access) == "eu-west-1"
    assert catalog(clients, own)._connection is catalog(clients, target(HERE))._connection


def test_without_a_configuration_each_reader_brings_its_rate() -> None:
    """The lowest one holds, as everywhere."""
    clients = factory()
    first = catalog(clients, target(HERE, rate=9))
    catalog(clients, target(HERE, rate=3))
    catalog(clients, target(HERE, rate=6))
    assert rate(first) == 3


def test_a_reload_changes_the_rate_of_readers_in_use() -> None:
    """Up as well as down; nobody needs a new reader."""
    clients = factory()
    clients.configure(settings(target(HERE, rate=2)))
    reader = catalog(clients, target(HERE, rate=2))
    clients.configure(settings(target(HERE, rate=7)))
    assert rate(reader) == 7


def test_a_reload_keeps_the_connections_of_unchanged_access() -> None:
    """Their sockets go on; what nobody uses is closed."""
    clients = ClientFactory(SystemClock(), session_factory=session_with(), timeouts=HASTY)
    with ScriptedAws(FOUND) as kept, ScriptedAws(FOUND) as dropped:
        stays, goes = target(kept.url), target(dropped.url, aws_region="us-east-1")
        clients.configure(settings(stays, goes))
        reader, old = catalog(clients, stays), catalog(clients, goes)
        reader.get_run(RUN_ID)
        old.get_run(RUN_ID)
        client = reader._connection.glue()
        clients.configure(settings(stays))
        assert catalog(clients, stays)._connection.glue() is client
        assert catalog(clients, goes)._connection is not old._connection
        clients.close()


def test_many_threads_make_one_client() -> None:
    """The SDK's own making of clients is not safe to share."""
    clients = ClientFactory(SystemClock(), session_factory=session_with(), timeouts=HASTY)
    with ScriptedAws(FOUND) as aws:
        readers = [catalog(clients, target(aws.url, rate=1000)) for _ in range(8)]
        threads = [threading.Thread(target=reader.get_run, args=(RUN_ID,)) for reader in readers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(aws.asked) == 8
        assert len(readers[0]._connection.identity._clients) == 1
        clients.close()


def test_made_up_credentials_are_the_same_everywhere() -> None:
    """Whatever profile is asked for, or the environment names."""
    for profile in (None, "gone"):
        credentials = fixed_session(profile).get_credentials()
        assert (credentials.access_key, credentials.method) == ("simulated", "explicit")
