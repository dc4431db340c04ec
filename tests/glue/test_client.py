"""A catalog is read over HTTP, every failure has its reason, and readers share what equal access can."""

import threading
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import exporter
from exporter.cli.exporter_process import with_regions
from exporter.clock import Clock
from exporter.errors import GlueError, Reason
from exporter.glue.client import ClientFactory, GlueCatalog
from exporter.model.run import Malformed, Run
from exporter.model.settings import AssumeRole, Settings, Target
from exporter.model.view import SourceTable, View
from exporter.store.series import RequestStats
from tests.support.bare_faults import Fault, json_answer
from tests.support.bare_glue import BareGlue, Call
from tests.support.clock import ManualClock, eventually
from tests.support.glue_clients import (
    ACCOUNT,
    PATIENT,
    attempts,
    catalog_of,
    failures,
    reason_from,
    session_with,
    target,
)

RUN_ID = "0f8fad5b-d9cb-469f-a165-70867728950e"
GET_RUN = "GetMaterializedViewRefreshTaskRun"
FOUND = json_answer({"MaterializedViewRefreshTaskRun": {"Status": "RUNNING", "DPUSeconds": 0}})
HERE = "http://127.0.0.1:1"


def test_a_run_is_fetched() -> None:
    """One signed request with the catalog and the run, and a user agent that names the exporter."""
    with BareGlue(FOUND) as aws, catalog_of(target(aws.url)) as catalog:
        assert catalog.get_run(RUN_ID) == Run(run_id=RUN_ID, status="RUNNING", dpu_seconds=0.0)
    (asked,) = aws.calls()
    assert asked.operation == GET_RUN
    assert asked.parameters == {"CatalogId": ACCOUNT, "MaterializedViewRefreshTaskRunId": RUN_ID}
    assert f"glue-mv-exporter/{exporter.__version__}" in asked.user_agent
    assert (asked.service, asked.aws_region) == ("glue", "eu-west-1")


def test_a_page_of_runs_is_listed() -> None:
    """A record that cannot be read is set aside, and what is not asked for is not sent."""
    records = [
        {"MaterializedViewRefreshTaskRunId": "a", "EndTime": 5},
        {"MaterializedViewRefreshTaskRunId": "b", "EndTime": "yesterday"},
        {"Status": "RUNNING"},
        None,
    ]
    page = json_answer({"MaterializedViewRefreshTaskRuns": records, "NextToken": "more"})
    with BareGlue(page) as aws, catalog_of(target(aws.url)) as catalog:
        listing = catalog.list_runs(database="sales", table="daily", next_token="this", max_results=10)
        catalog.list_runs()
    assert listing.items == (Run(run_id="a", end_time=5.0),)
    assert [bad.name for bad in listing.malformed] == ["b", None, None]
    assert listing.malformed[0] == Malformed("b", "EndTime is a string, not a number")
    assert listing.next_token == "more"
    assert aws.calls()[0].parameters == {
        "CatalogId": ACCOUNT,
        "DatabaseName": "sales",
        "TableName": "daily",
        "NextToken": "this",
        "MaxResults": 10,
    }
    assert aws.calls()[1].parameters == {"CatalogId": ACCOUNT, "MaxResults": 1000}


def test_databases_and_their_views_are_listed() -> None:
    view = {"Name": "v", "IsMaterializedView": True, "ViewDefinition": {"RefreshSeconds": 3600}}

    def answer(asked: Call) -> Fault:
        if asked.operation == "GetDatabases":
            return json_answer({"DatabaseList": [{"Name": "sales"}, {}], "NextToken": "d"})
        if asked.operation == "GetTables":
            broken = {"Name": "w", "IsMaterializedView": "yes"}
            return json_answer({"TableList": [view, {"Name": "plain"}, broken], "NextToken": "t"})
        return json_answer({"Table": view if asked.parameters["Name"] == "v" else {"Name": "plain"}})

    expected = View(database="sales", table="v", refresh_seconds=3600.0)
    with BareGlue(answer) as aws, catalog_of(target(aws.url)) as catalog:
        databases = catalog.get_databases()
        tables = catalog.get_tables("sales", next_token="x")
        assert catalog.get_table("sales", "v") == expected
        assert catalog.get_table("sales", "plain") == SourceTable(table="plain")
    assert (databases.items, databases.next_token) == (("sales",), "d")
    assert databases.malformed == (Malformed(None, "Name is missing"),)
    assert (tables.items, tables.next_token) == ((expected, SourceTable(table="plain")), "t")
    assert tables.malformed == (Malformed("w", "IsMaterializedView is a string, not true or false"),)
    assert aws.calls()[1].parameters == {"CatalogId": ACCOUNT, "DatabaseName": "sales", "NextToken": "x"}
    assert aws.calls()[2].parameters == {"CatalogId": ACCOUNT, "DatabaseName": "sales", "Name": "v"}


def test_a_source_may_be_in_another_catalog() -> None:
    bucket = "210987654321:s3tablescatalog/lake"
    with BareGlue() as aws, catalog_of(Target(name="t", access=target(aws.url).access)) as catalog:
        aws.records.put_source("sales", "orders", update_time=5.0, catalog_id=bucket)
        orders = SourceTable(table="orders", update_time=5.0, iceberg=True)
        assert catalog.get_table("sales", "orders", catalog_id=bucket) == orders
        assert catalog.get_tables("sales", catalog_id=bucket).items == (orders,)
    assert [(call.operation, call.catalog_id) for call in aws.calls()] == [
        ("GetTable", bucket),
        ("GetTables", bucket),
    ]


MALFORMED = {
    "no content": Fault(body=b"", status=204),
    "cut short": Fault(body=FOUND.body, cut="body"),
    "a wrong type": json_answer({"MaterializedViewRefreshTaskRun": {"DPUSeconds": "many"}}),
}


@pytest.mark.parametrize("reply", MALFORMED.values(), ids=MALFORMED.keys())
def test_an_answer_that_cannot_be_used_is_one_unexpected_failure(reply: Fault) -> None:
    """One attempt, one failure, one line, and the next call is served again."""
    stats = RequestStats()
    with BareGlue(reply) as aws, catalog_of(target(aws.url), stats=stats) as catalog:
        with pytest.raises(GlueError) as caught:
            catalog.get_run(RUN_ID)
        aws.judge = lambda _: FOUND
        catalog.get_run(RUN_ID)
    assert caught.value.reason is Reason.UNEXPECTED
    assert (caught.value.operation, caught.value.__cause__) == (GET_RUN, None)
    assert caught.value.__suppress_context__
    assert "\n" not in str(caught.value)
    assert attempts(stats) == {GET_RUN: 2}
    assert failures(stats) == {(GET_RUN, "unexpected"): 1}


def factory() -> ClientFactory:
    return ClientFactory(ManualClock(), session_factory=session_with(), timeouts=PATIENT)


def settings(*targets: Target) -> Settings:
    return Settings(targets=targets)


def catalog(made_by: ClientFactory, target: Target) -> GlueCatalog:
    return made_by.catalog(target, RequestStats(), threading.Event())


def rate(catalog: GlueCatalog) -> float:
    return catalog.connection.limiter.requests_per_second


def test_targets_of_equal_access_share_the_lowest_rate() -> None:
    fast, slow = target(HERE, rate=9), target(HERE, rate=2, catalog_id="210987654321")
    elsewhere = target(HERE, rate=5, aws_region="us-east-1")
    clients = factory()
    clients.configure(settings(fast, slow, elsewhere))
    assert [rate(catalog(clients, each)) for each in (fast, slow, elsewhere)] == [2, 2, 5]
    reader = catalog(clients, fast)
    assert reader.connection is catalog(clients, slow).connection
    clients.configure(settings(target(HERE, rate=1)))
    assert rate(reader) == 1, "a reload holds for readers in use, too"


def test_a_poll_goes_before_a_resync() -> None:
    reader = catalog(factory(), target(HERE))
    assert [reader.until(9.0, first=first).caller.first for first in (True, False)] == [True, False]


def test_other_credentials_and_endpoints_have_a_limit_of_their_own() -> None:
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


def test_the_sdks_own_region_is_the_same_as_the_written_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config"
    config.write_text("[default]\nregion = eu-west-1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    (own,) = with_regions(settings(target(HERE, aws_region=None)), "config.yaml").targets
    clients = factory()
    assert catalog(clients, own).connection is catalog(clients, target(HERE)).connection


def test_connections_that_a_configuration_does_not_use_are_closed() -> None:
    """A poll of a target that is gone may go on; the others keep their sockets."""
    clients = ClientFactory(Clock(), session_factory=session_with(), timeouts=PATIENT)
    with BareGlue(FOUND) as kept, BareGlue(FOUND) as dropped:
        stays, goes = target(kept.url), target(dropped.url, aws_region="us-east-1")
        clients.configure(settings(stays, goes))
        readers = [catalog(clients, stays), catalog(clients, goes)]
        for reader in readers:
            reader.get_run(RUN_ID)
        sockets = set(kept.connections)
        clients.configure(settings(stays))
        eventually(lambda: not dropped.connections)
        for reader in readers:
            reader.get_run(RUN_ID)
        catalog(clients, stays).get_run(RUN_ID)
        assert kept.connections == sockets
        clients.close()
        eventually(lambda: not kept.connections)


def test_credentials_that_never_come_do_not_hold_up_a_reload() -> None:
    """A helper program may hang, and its target is dropped for that."""
    asked, over = threading.Event(), threading.Event()

    class Hanging:
        def load_credentials(self) -> None:
            asked.set()
            over.wait(30)

    def sessions(profile: str | None) -> Any:
        session = session_with(credentials=False)(profile)
        session.register_component("credential_provider", Hanging())
        return session

    clients = ClientFactory(Clock(), session_factory=sessions, timeouts=PATIENT)
    clients.configure(settings(target(HERE)))
    reader = catalog(clients, target(HERE))
    call = threading.Thread(target=reason_from, args=(partial(reader.get_run, RUN_ID),))
    call.start()
    assert asked.wait(10)
    clients.configure(settings())
    assert call.is_alive()
    over.set()
    call.join(10)
