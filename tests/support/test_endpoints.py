"""Both kinds of Glue are what AWS's own client takes for Glue and STS, and they answer the same."""

import json
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, HTTPClientError, ReadTimeoutError

from exporter.simulated_glue import RunScript, RunStatus
from tests.support import bare_faults as faults
from tests.support.bare_glue import GET_RUN, BareGlue
from tests.support.bare_records import ACCOUNT, Listing, sample_run, sample_run_id
from tests.support.clock import START
from tests.support.endpoint import Endpoint
from tests.support.left_over import nothing_left_over
from tests.support.moto_glue import MotoGlue

CATALOG = {"CatalogId": ACCOUNT}


SESSION: Any = boto3.Session(
    aws_access_key_id="AKIATEST", aws_secret_access_key="test", region_name="eu-west-1"
)


def client(endpoint: Endpoint, service: Any = "glue", *, read_timeout: float = 20.0) -> Any:
    """Return AWS's own client of an endpoint, without retries."""
    config = Config(retries={"total_max_attempts": 1}, read_timeout=read_timeout)
    return closing(SESSION.client(service, endpoint_url=endpoint.url, config=config))


def get(glue: Any, number: int = 1) -> Any:
    return glue.get_materialized_view_refresh_task_run(
        **CATALOG, MaterializedViewRefreshTaskRunId=sample_run_id(number)
    )


@pytest.fixture(params=[BareGlue, MotoGlue])
def endpoint(request: pytest.FixtureRequest) -> Iterator[Endpoint]:
    """Serve each kind of Glue, holding run 1."""
    with request.param() as endpoint:
        if isinstance(endpoint, BareGlue):
            endpoint.records.put_run(sample_run(1))
        else:
            endpoint.simulated.runs().add_run("sales", "daily", run_id=sample_run_id(1))
        yield endpoint


def fill(moto: MotoGlue, bare: BareGlue) -> None:
    """Put runs of all kinds, and tables of all kinds, into both."""
    for number, outcome in enumerate([RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.STOPPED] * 3):
        script = RunScript(outcome=outcome, duration=100 * number)
        created = START - 300.0 - number
        run_id = sample_run_id(number)
        moto.simulated.runs().add_run("sales", f"view_{number % 2}", script, created=created, run_id=run_id)
        bare.records.put_run(moto.simulated.runs().record(run_id))
    moto.simulated.add_source("finance", "ledger")
    moto.simulated.add_view("finance", "manual")
    moto.simulated.add_view("finance", "monthly", sources=("finance.ledger",), managed=True, owner="ledger")
    moto.simulated.add_view("sales", "view_0", refresh_seconds=3600)
    moto.simulated.add_table("sales", "view_1")
    bare.records.put_view("finance", "manual")
    bare.records.put_view("sales", "view_0", refresh_seconds=3600)
    bare.records.put_table({"Name": "view_1", "IsMaterializedView": False}, database="sales")
    arn = bare.records.put_source("finance", "ledger", update_time=START)
    definition = {"IsManaged": True, "ViewVersionId": -1, "SubObjects": [arn]}
    bare.records.put_view("finance", "monthly", definition=definition, Owner="ledger")


def outcomes(glue: Any, sts: Any) -> Iterator[object]:
    """Yield what every operation answers: what there is, in which pages, and what is refused."""

    def code(call: Any, **parameters: Any) -> str:
        with pytest.raises(ClientError) as caught:
            call(**parameters)
        return str(caught.value.response["Error"]["Code"])

    list_runs = "list_materialized_view_refresh_task_runs"
    for size, filters in ((2, {}), (1000, {}), (3, {"DatabaseName": "sales"}), (2, {"DatabaseName": "x"})):
        pages = glue.get_paginator(list_runs).paginate(
            **CATALOG, **filters, PaginationConfig={"PageSize": size}
        )
        yield [page["MaterializedViewRefreshTaskRuns"] for page in pages]
    yield getattr(glue, list_runs)(**CATALOG, DatabaseName="sales", TableName="view_1")[
        "MaterializedViewRefreshTaskRuns"
    ]
    yield [get(glue, number)["MaterializedViewRefreshTaskRun"] for number in range(9)]
    yield [database["Name"] for database in glue.get_databases()["DatabaseList"]]
    for database in ("finance", "sales"):
        yield [
            (
                table["Name"],
                table.get("IsMaterializedView", False),
                table.get("ViewDefinition", {}).get("RefreshSeconds"),
            )
            for table in glue.get_tables(**CATALOG, DatabaseName=database)["TableList"]
        ]
    ledger, monthly = (
        glue.get_table(DatabaseName="finance", Name=name)["Table"] for name in ("ledger", "monthly")
    )
    yield ledger["UpdateTime"], ledger["Parameters"]
    yield (
        monthly["Owner"],
        [monthly["ViewDefinition"][member] for member in ("IsManaged", "ViewVersionId", "SubObjects")],
    )
    yield glue.get_table(DatabaseName="sales", Name="view_0")["Table"]["ViewDefinition"]["RefreshSeconds"]
    yield code(get, glue=glue, number=99)
    yield code(getattr(glue, list_runs), **CATALOG, MaxResults=1001)
    yield code(getattr(glue, list_runs), **CATALOG, NextToken="never given")
    yield code(glue.get_tables, DatabaseName="nowhere")
    yield code(glue.get_table, DatabaseName="sales", Name="gone")
    yield sts.get_caller_identity()["Account"]


def test_moto_and_the_bare_glue_answer_the_same() -> None:
    """Each checks the other: they have nothing in common but the endpoint before them."""
    with ExitStack() as stack:
        moto = stack.enter_context(MotoGlue(now=lambda: START))
        bare = stack.enter_context(BareGlue())
        fill(moto, bare)
        answers = [
            list(outcomes(stack.enter_context(client(each)), stack.enter_context(client(each, "sts"))))
            for each in (moto, bare)
        ]
    assert answers[0] == answers[1]


def test_calls_are_noted(endpoint: Endpoint) -> None:
    """With what was asked, by whom and for which region; also for another process."""
    with client(endpoint) as glue:
        get(glue)
    (call,) = endpoint.calls(GET_RUN, run_id=sample_run_id(1))
    assert (call.service, call.access_key, call.aws_region) == ("glue", "AKIATEST", "eu-west-1")
    assert call.catalog_id == ACCOUNT
    endpoint.wait_for_calls(1)
    with urllib.request.urlopen(f"{endpoint.url}/calls") as answer:
        assert json.load(answer) == {GET_RUN: 1}
    urllib.request.urlopen(urllib.request.Request(f"{endpoint.url}/calls", method="DELETE")).close()
    assert endpoint.count() == 0


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (faults.THROTTLED, ClientError),
        (faults.UNAVAILABLE, ClientError),
        (faults.CUT_CONNECTION, ConnectionClosedError),
        (faults.RESET_CONNECTION, HTTPClientError),
        (faults.GZIP, UnicodeDecodeError),
        (faults.Fault(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"), KeyError),
    ],
)
def test_faults_reach_the_client(endpoint: Endpoint, fault: faults.Fault, expected: type[Exception]) -> None:
    endpoint.misbehave(fault, run_id=sample_run_id(1))
    with client(endpoint) as glue:
        with pytest.raises(expected):
            get(glue)["MaterializedViewRefreshTaskRun"]
        endpoint.behave()
        assert get(glue)["MaterializedViewRefreshTaskRun"]


def test_what_hangs_does_not_keep_the_endpoint_from_closing(endpoint: Endpoint) -> None:
    endpoint.misbehave(faults.HANG)
    with client(endpoint, read_timeout=0.2) as glue, pytest.raises(ReadTimeoutError):
        get(glue)
    with nothing_left_over(threads=-2):  # that which hangs, and that which listens
        endpoint.close()


@pytest.mark.parametrize("fault", [faults.CUT_BODY, faults.CUT_TEXT])
def test_a_body_that_is_cut_looks_like_an_empty_answer(endpoint: Endpoint, fault: faults.Fault) -> None:
    """The trap that the exporter must not fall into."""
    endpoint.misbehave(fault)
    with client(endpoint) as glue:
        assert "MaterializedViewRefreshTaskRun" not in get(glue)


def test_a_fault_happens_to_the_calls_that_fit(endpoint: Endpoint) -> None:
    """To every so manieth, so many times."""

    def fails(**rule: Any) -> list[bool]:
        endpoint.behave()
        endpoint.misbehave(faults.THROTTLED, **rule)
        found = []
        for _ in range(6):
            try:
                get(glue)
            except ClientError:
                found.append(True)
            else:
                found.append(False)
        return found

    with client(endpoint) as glue:
        assert fails(every=2) == [False, True] * 3
        assert fails(times=2) == [True] * 2 + [False] * 4
        for rule in ({"operation": "GetTables"}, {"run_id": "another"}, {"aws_region": "us-east-1"}):
            assert fails(**rule) == [False] * 6


def test_the_bare_glue_lists_in_any_order() -> None:
    """That of Glue is undocumented."""
    now = time.time()
    numbers = list(range(1, 11))
    with BareGlue() as bare, client(bare) as glue:
        for number in numbers:
            bare.records.put_run(sample_run(number, now=now))
        orders: dict[Any, list[str]] = {}
        for order in ("newest", "oldest", "random"):
            bare.listing = Listing(order=order, page_limit=3)
            pages = glue.get_paginator("list_materialized_view_refresh_task_runs").paginate(**CATALOG)
            orders[order] = [
                run["MaterializedViewRefreshTaskRunId"]
                for page in pages
                for run in page["MaterializedViewRefreshTaskRuns"]
            ]
    newest_first = [sample_run_id(number) for number in numbers]
    assert orders["newest"] == newest_first
    assert orders["oldest"] == newest_first[::-1]
    assert sorted(orders["random"]) == newest_first
    assert orders["random"] not in (newest_first, newest_first[::-1])


def test_members_of_a_table_of_the_bare_glue_can_be_changed() -> None:
    """Those that are not named stay."""
    with BareGlue() as bare, client(bare) as glue:
        bare.records.put_view("sales", "daily", refresh_seconds=3600, definition={"ViewVersionId": 1})
        bare.records.change_table("sales", "daily", definition={"ViewVersionId": 2}, UpdateTime=START)
        table = glue.get_table(DatabaseName="sales", Name="daily")["Table"]
    assert table["IsMaterializedView"] is True
    assert table["ViewDefinition"] == {"RefreshSeconds": 3600, "ViewVersionId": 2}
    assert table["UpdateTime"].timestamp() == START


def test_tokens_expire_and_listings_overlap_when_told() -> None:
    with BareGlue() as bare, client(bare) as glue:
        for number in range(4):
            bare.records.put_run(sample_run(number))
        bare.listing = Listing(page_limit=2, overlap=1)
        list_runs = glue.list_materialized_view_refresh_task_runs
        first = list_runs(**CATALOG)
        second = list_runs(**CATALOG, NextToken=first["NextToken"])
        assert second["MaterializedViewRefreshTaskRuns"][0] == first["MaterializedViewRefreshTaskRuns"][-1]
        bare.listing = Listing(token_lifetime=0)
        with pytest.raises(glue.exceptions.InvalidInputException):
            list_runs(**CATALOG, NextToken=first["NextToken"])


def test_a_role_gets_keys_that_name_it() -> None:
    with BareGlue() as bare, client(bare, "sts") as sts:
        assumed = sts.assume_role(RoleArn="arn:aws:iam::1:role/glue-read", RoleSessionName="test")
        assert assumed["Credentials"]["AccessKeyId"] == "ASIAGLUEREAD"
        bare.misbehave(faults.THROTTLED, operation="AssumeRole")
        with pytest.raises(ClientError, match="ThrottlingException"):
            sts.assume_role(RoleArn="arn:aws:iam::1:role/glue-read", RoleSessionName="test")
