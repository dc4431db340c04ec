"""The bare Glue is what AWS's own client takes for Glue and STS."""

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError, HTTPClientError, ReadTimeoutError

from tests.support.bare_faults import (
    CUT_BODY,
    CUT_CONNECTION,
    CUT_TEXT,
    GZIP,
    HANG,
    RESET_CONNECTION,
    THROTTLED,
    UNAVAILABLE,
    WRONG_CONTENT_TYPE,
)
from tests.support.bare_glue import GET_RUN, BareGlue
from tests.support.bare_records import ACCOUNT, Listing, sample_run, sample_run_id


@pytest.fixture
def glue() -> Iterator[BareGlue]:
    """Serve while the test runs."""
    with BareGlue() as server:
        yield server


def client(glue: BareGlue, service: Any = "glue") -> Any:
    """Return AWS's own client of the bare server, without retries."""
    session = boto3.Session(
        aws_access_key_id="AKIATEST", aws_secret_access_key="test", region_name="eu-west-1"
    )
    config = Config(retries={"total_max_attempts": 1}, read_timeout=2.0, connect_timeout=2.0)
    return session.client(service, endpoint_url=glue.url, config=config)


@pytest.fixture
def asked(glue: BareGlue) -> Iterator[Any]:
    """Hold run 1 and ask with AWS's own client."""
    glue.records.put_run(sample_run(1))
    asking = client(glue)
    yield asking
    asking.close()


def get(asking: Any, number: int = 1) -> Any:
    return asking.get_materialized_view_refresh_task_run(
        CatalogId=ACCOUNT, MaterializedViewRefreshTaskRunId=sample_run_id(number)
    )


def test_answers_a_run_as_it_was_put(glue: BareGlue, asked: Any) -> None:
    run = get(asked)["MaterializedViewRefreshTaskRun"]
    assert run["Status"] == "SUCCEEDED"
    assert run["DPUSeconds"] == 11.5
    assert run["EndTime"].timestamp() == glue.records.run(sample_run_id(1))["EndTime"]


def test_tells_who_asked_for_what(glue: BareGlue, asked: Any) -> None:
    get(asked)
    (call,) = glue.calls(GET_RUN, run_id=sample_run_id(1))
    assert (call.access_key, call.aws_region, call.catalog_id) == ("AKIATEST", "eu-west-1", ACCOUNT)


def test_an_unknown_run_is_the_modelled_error(asked: Any) -> None:
    with pytest.raises(asked.exceptions.EntityNotFoundException):
        get(asked, 2)


@pytest.mark.parametrize("order", ["newest", "oldest", "random"])
@pytest.mark.parametrize("page_size", [3, 1000])
def test_pages_hold_every_run_once(glue: BareGlue, asked: Any, order: Any, page_size: int) -> None:
    now = time.time()
    for number in range(1, 11):
        glue.records.put_run(sample_run(number, now=now))
    glue.records.put_run(sample_run(99), catalog_id="999999999999")
    glue.listing = Listing(order=order)
    pages = asked.get_paginator("list_materialized_view_refresh_task_runs").paginate(
        CatalogId=ACCOUNT, PaginationConfig={"PageSize": page_size}
    )
    found = [
        run["MaterializedViewRefreshTaskRunId"]
        for page in pages
        for run in page["MaterializedViewRefreshTaskRuns"]
    ]
    newest_first = [sample_run_id(number) for number in range(1, 11)]
    assert sorted(found) == newest_first
    assert (found == newest_first) == (order == "newest")
    assert (found == newest_first[::-1]) == (order == "oldest")


def test_lists_the_runs_of_one_view(glue: BareGlue, asked: Any) -> None:
    glue.records.put_run(sample_run(2))
    answer = asked.list_materialized_view_refresh_task_runs(
        CatalogId=ACCOUNT, DatabaseName="database_2", TableName="view_2"
    )
    assert [run["TableName"] for run in answer["MaterializedViewRefreshTaskRuns"]] == ["view_2"]
    assert "NextToken" not in answer


def test_tokens_expire_and_listings_overlap_when_told(glue: BareGlue, asked: Any) -> None:
    for number in range(2, 5):
        glue.records.put_run(sample_run(number))
    glue.listing = Listing(page_limit=2, overlap=1)
    first = asked.list_materialized_view_refresh_task_runs(CatalogId=ACCOUNT)
    second = asked.list_materialized_view_refresh_task_runs(CatalogId=ACCOUNT, NextToken=first["NextToken"])
    assert second["MaterializedViewRefreshTaskRuns"][0] == first["MaterializedViewRefreshTaskRuns"][-1]
    glue.listing = Listing(token_lifetime=0)
    with pytest.raises(asked.exceptions.InvalidInputException):
        asked.list_materialized_view_refresh_task_runs(CatalogId=ACCOUNT, NextToken=first["NextToken"])


def test_tells_views_from_tables(glue: BareGlue, asked: Any) -> None:
    glue.records.put_view("sales", "daily", refresh_seconds=3600)
    glue.records.put_table({"Name": "plain"}, database="sales")
    assert [d["Name"] for d in asked.get_databases()["DatabaseList"]] == ["sales"]
    view, table = asked.get_tables(DatabaseName="sales")["TableList"]
    assert view["ViewDefinition"] == {"RefreshSeconds": 3600}
    assert "IsMaterializedView" not in table
    assert asked.get_table(DatabaseName="sales", Name="daily")["Table"] == view
    with pytest.raises(asked.exceptions.EntityNotFoundException):
        asked.get_tables(DatabaseName="nowhere")


def test_serves_sts_on_the_same_port(glue: BareGlue) -> None:
    sts = client(glue, "sts")
    assert sts.get_caller_identity()["Account"] == ACCOUNT
    assumed = sts.assume_role(RoleArn="arn:aws:iam::1:role/glue-read", RoleSessionName="test")
    assert assumed["Credentials"]["AccessKeyId"] == "ASIAGLUEREAD"
    glue.misbehave(THROTTLED, operation="AssumeRole")
    with pytest.raises(ClientError, match="ThrottlingException"):
        sts.assume_role(RoleArn="arn:aws:iam::1:role/glue-read", RoleSessionName="test")
    sts.close()


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (THROTTLED, ClientError),
        (UNAVAILABLE, ClientError),
        (HANG, ReadTimeoutError),
        (CUT_CONNECTION, (HTTPClientError, EndpointConnectionError)),
        (RESET_CONNECTION, (HTTPClientError, EndpointConnectionError)),
        (GZIP, UnicodeDecodeError),
    ],
)
def test_faults_reach_the_client(glue: BareGlue, asked: Any, fault: Any, expected: type[Exception]) -> None:
    glue.misbehave(fault, run_id=sample_run_id(1))
    with pytest.raises(expected):
        get(asked)
    glue.behave()
    assert get(asked)["MaterializedViewRefreshTaskRun"]


@pytest.mark.parametrize("fault", [CUT_BODY, CUT_TEXT])
def test_a_body_that_is_cut_looks_like_an_empty_answer(glue: BareGlue, asked: Any, fault: Any) -> None:
    """The trap that the exporter must not fall into."""
    glue.misbehave(fault)
    assert "MaterializedViewRefreshTaskRun" not in get(asked)


def test_a_wrong_content_type_holds_the_true_answer(glue: BareGlue, asked: Any) -> None:
    glue.misbehave(WRONG_CONTENT_TYPE)
    assert get(asked)["MaterializedViewRefreshTaskRun"]["Status"] == "SUCCEEDED"


def test_every_second_call_can_fail(glue: BareGlue, asked: Any) -> None:
    glue.misbehave(THROTTLED, every=2)
    get(asked)
    with pytest.raises(ClientError):
        get(asked)
    get(asked)


def test_a_full_page_of_ten_thousand_runs_is_quick(glue: BareGlue) -> None:
    for number in range(10_000):
        glue.records.put_run(sample_run(number))
    body = json.dumps({"CatalogId": ACCOUNT, "MaxResults": 1000}).encode()
    headers = {"X-Amz-Target": "AWSGlue.ListMaterializedViewRefreshTaskRuns"}

    def first_page() -> int:
        request = urllib.request.Request(glue.url, body, headers)
        with urllib.request.urlopen(request) as answer:
            return len(json.load(answer)["MaterializedViewRefreshTaskRuns"])

    assert first_page() == 1000
    started = time.monotonic()
    assert first_page() == 1000
    assert time.monotonic() - started < 20


def test_runs_as_a_process_of_its_own() -> None:
    """Benchmarks start it so, and count the calls over HTTP."""
    command = [sys.executable, "-m", "tests.support.bare_glue", "--runs", "2", "--active", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        url = process.stdout.readline().strip()
        body = json.dumps({"CatalogId": ACCOUNT, "MaterializedViewRefreshTaskRunId": sample_run_id(0)})
        request = urllib.request.Request(url, body.encode(), {"X-Amz-Target": f"AWSGlue.{GET_RUN}"})
        with urllib.request.urlopen(request) as answer:
            assert json.load(answer)["MaterializedViewRefreshTaskRun"]["Status"] == "RUNNING"
        with urllib.request.urlopen(f"{url}/calls") as answer:
            assert json.load(answer) == {GET_RUN: 1}
        process.terminate()
        assert process.wait(5) == 0
