"""A catalog is read over HTTP; every attempt is counted, and every trouble has its reason."""

import json
from typing import Any

import pytest

import exporter
from exporter.errors import GlueError, Reason
from exporter.glue import Timeouts
from exporter.model.run import MalformedRun, Run
from exporter.model.view import MalformedView, View
from exporter.store.requests import RequestStats
from tests.support.glue_clients import (
    ACCOUNT,
    attempts,
    catalog_of,
    failures,
    reason_from,
    session_with,
    target,
)
from tests.support.scripted_aws import Asked, Reply, ScriptedAws, found, refused

RUN_ID = "0f8fad5b-d9cb-469f-a165-70867728950e"
GET_RUN = "GetMaterializedViewRefreshTaskRun"
LIST_RUNS = "ListMaterializedViewRefreshTaskRuns"
FOUND = found({"MaterializedViewRefreshTaskRun": {"Status": "RUNNING", "DPUSeconds": 0}})


def test_a_run_is_fetched() -> None:
    """One signed request with the catalog and the run, and a user agent that names the exporter."""
    with ScriptedAws(FOUND) as aws, catalog_of(target(aws.url)) as catalog:
        assert catalog.get_run(RUN_ID) == Run(run_id=RUN_ID, status="RUNNING", dpu_seconds=0.0)
    (asked,) = aws.asked
    assert asked.operation == GET_RUN
    assert asked.parameters == {"CatalogId": ACCOUNT, "MaterializedViewRefreshTaskRunId": RUN_ID}
    assert f"glue-mv-exporter/{exporter.__version__}" in asked.headers["User-Agent"]
    assert "/eu-west-1/glue/aws4_request" in asked.headers["Authorization"]


def test_a_page_of_runs_is_listed() -> None:
    """A record that cannot be read is set aside, and the others are there."""
    records = [
        {"MaterializedViewRefreshTaskRunId": "a", "EndTime": 5},
        {"MaterializedViewRefreshTaskRunId": "b", "EndTime": "yesterday"},
        {"Status": "RUNNING"},
        None,
    ]
    page = found({"MaterializedViewRefreshTaskRuns": records, "NextToken": "more"})
    with ScriptedAws(page) as aws, catalog_of(target(aws.url)) as catalog:
        listing = catalog.list_runs(database="sales", table="daily", next_token="this", max_results=10)
    assert listing.runs == (Run(run_id="a", end_time=5.0),)
    assert [bad.run_id for bad in listing.malformed] == ["b", None, None]
    assert listing.malformed[0] == MalformedRun("b", "EndTime is a string, not a time in seconds")
    assert listing.next_token == "more"
    assert aws.asked[0].parameters == {
        "CatalogId": ACCOUNT,
        "DatabaseName": "sales",
        "TableName": "daily",
        "NextToken": "this",
        "MaxResults": 10,
    }


def test_a_page_with_a_record_that_cannot_be_read_counts_as_failed_once() -> None:
    """The others of the page are there all the same."""
    records = [None, None, {"MaterializedViewRefreshTaskRunId": "a"}]
    stats = RequestStats()
    with (
        ScriptedAws(found({"MaterializedViewRefreshTaskRuns": records})) as aws,
        catalog_of(target(aws.url), stats=stats) as catalog,
    ):
        assert len(catalog.list_runs().runs) == 1
    counts = stats.read()["ListMaterializedViewRefreshTaskRuns"]
    assert (counts.requests, counts.failures[Reason.UNEXPECTED]) == (1, 1)


def test_a_whole_catalog_is_listed_without_filters() -> None:
    """What is not asked for is not sent; an empty page is an answer."""
    with (
        ScriptedAws(found({"MaterializedViewRefreshTaskRuns": []})) as aws,
        catalog_of(target(aws.url)) as catalog,
    ):
        listing = catalog.list_runs()
    assert (listing.runs, listing.malformed, listing.next_token) == ((), (), None)
    assert aws.asked[0].parameters == {"CatalogId": ACCOUNT, "MaxResults": 1000}


def test_databases_and_their_views_are_listed() -> None:
    """Plain tables are left out, malformed records set aside."""
    view = {"Name": "v", "IsMaterializedView": True, "ViewDefinition": {"RefreshSeconds": 3600}}

    def answer(asked: Asked) -> Reply:
        if asked.operation == "GetDatabases":
            return found({"DatabaseList": [{"Name": "sales"}, {}], "NextToken": "d"})
        if asked.operation == "GetTables":
            broken = {"Name": "w", "IsMaterializedView": "yes"}
            return found({"TableList": [view, {"Name": "plain"}, broken], "NextToken": "t"})
        return found({"Table": view if asked.parameters["Name"] == "v" else {"Name": "plain"}})

    expected = View(database="sales", table="v", refresh_seconds=3600.0)
    with ScriptedAws(answer) as aws, catalog_of(target(aws.url)) as catalog:
        databases = catalog.get_databases()
        tables = catalog.get_tables("sales", next_token="x")
        assert catalog.get_table("sales", "v") == expected
        assert catalog.get_table("sales", "plain") is None
    assert (databases.names, databases.next_token) == (("sales",), "d")
    assert databases.malformed == ("Name is missing",)
    assert (tables.views, tables.next_token) == ((expected,), "t")
    assert tables.malformed == (MalformedView("w", "IsMaterializedView is a string, not true or false"),)
    assert aws.asked[1].parameters == {"CatalogId": ACCOUNT, "DatabaseName": "sales", "NextToken": "x"}
    assert aws.asked[2].parameters == {"CatalogId": ACCOUNT, "DatabaseName": "sales", "Name": "v"}


MALFORMED = {
    "empty": Reply(b""),
    "no content": Reply(b"", status=204),
    "HTML": Reply(b"<html></html>"),
    "a list": Reply(b"[]"),
    "null": Reply(b"null"),
    "no main member": Reply(b"{}"),
    "cut short": Reply(b'{"MaterializedViewRefreshTaskRun": {"Status"', announced=1000),
    "deep": Reply(b"[" * 50_000),
    "not UTF-8": Reply(b'{"MaterializedViewRefreshTaskRun": {"Status": "\xff"}}'),
    "a wrong type": found({"MaterializedViewRefreshTaskRun": {"DPUSeconds": "many"}}),
    "not finite": Reply(b'{"MaterializedViewRefreshTaskRun": {"DPUSeconds": NaN}}'),
    "another run": found({"MaterializedViewRefreshTaskRun": {"MaterializedViewRefreshTaskRunId": "x"}}),
    "a redirect": Reply(b"", status=302, headers={"Location": "/elsewhere"}),
    "an unknown error": refused("SomethingNew"),
    "an error that is a list": Reply(b"[]", status=400),
    "an error of a number": Reply(b'{"__type": 5}', status=404),
}


@pytest.mark.parametrize("reply", MALFORMED.values(), ids=MALFORMED.keys())
def test_an_answer_that_cannot_be_used_is_one_unexpected_failure(reply: Reply) -> None:
    """One attempt, one failure, one line, and the next call is served again."""
    stats = RequestStats()
    with ScriptedAws(reply) as aws, catalog_of(target(aws.url), stats=stats) as catalog:
        with pytest.raises(GlueError) as caught:
            catalog.get_run(RUN_ID)
        aws.answer = lambda _: FOUND
        catalog.get_run(RUN_ID)
    assert caught.value.reason is Reason.UNEXPECTED
    assert (caught.value.operation, caught.value.__cause__) == (GET_RUN, None)
    assert caught.value.__suppress_context__
    assert "\n" not in str(caught.value)
    assert attempts(stats) == {GET_RUN: 2}
    assert failures(stats) == {(GET_RUN, "unexpected"): 1}


@pytest.mark.parametrize("body", [b"{}", b"", b'{"TableList": [{"Na', b'{"TableList": [], "NextToken": 5}'])
def test_a_cut_listing_never_passes_for_an_empty_one(body: bytes) -> None:
    """An empty list must be said."""
    with ScriptedAws(Reply(body)) as aws, catalog_of(target(aws.url)) as catalog:
        assert reason_from(lambda: catalog.get_tables("sales")) is Reason.UNEXPECTED


def test_without_credentials_nothing_is_sent() -> None:
    """The failure is counted all the same, under the call's operation."""
    stats = RequestStats()
    nobody = session_with(credentials=False)
    with (
        ScriptedAws(FOUND) as aws,
        catalog_of(target(aws.url), stats=stats, sessions=nobody) as catalog,
        pytest.raises(GlueError, match="Unable to locate credentials") as caught,
    ):
        catalog.get_run(RUN_ID)
    assert caught.value.reason is Reason.CREDENTIALS
    assert (aws.asked, failures(stats)) == ([], {(GET_RUN, "credentials"): 1})


def test_a_broken_way_to_credentials_is_about_credentials() -> None:
    """Whatever it raises: a helper program that prints no JSON, say."""

    class Broken:
        def load_credentials(self) -> None:
            raise ValueError("s3cr3t is no JSON")

    def broken(profile: str | None) -> Any:
        session = session_with()(profile)
        session._credentials = None
        session.register_component("credential_provider", Broken())
        return session

    with (
        ScriptedAws(FOUND) as aws,
        catalog_of(target(aws.url), sessions=broken) as catalog,
        pytest.raises(GlueError) as caught,
    ):
        catalog.get_run(RUN_ID)
    assert (caught.value.reason, caught.value.message) == (Reason.CREDENTIALS, "ValueError")


def test_without_a_region_the_message_says_what_to_set() -> None:
    """It is a matter of the configuration."""
    nowhere = target("http://127.0.0.1:1", aws_region=None)
    with catalog_of(nowhere) as catalog, pytest.raises(GlueError, match="set aws_region") as caught:
        catalog.get_run(RUN_ID)
    assert caught.value.reason is Reason.INVALID_INPUT


def test_an_answer_without_end_is_given_up() -> None:
    """Its size is bounded, and the connection is not used again."""
    page = json.dumps({"MaterializedViewRefreshTaskRuns": [], "Padding": "x" * 70_000_000}).encode()
    patient = Timeouts(answer=100)
    with (
        ScriptedAws(Reply(page)) as aws,
        catalog_of(target(aws.url), timeouts=patient) as catalog,
        pytest.raises(GlueError, match="larger than") as caught,
    ):
        catalog.list_runs()
    assert caught.value.reason is Reason.UNEXPECTED
    assert len(aws.asked) == 1
