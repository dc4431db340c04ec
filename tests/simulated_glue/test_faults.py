"""Every kind of fault as a boto3 client meets it, and whom it meets."""

import http.client
import json
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.config import Config
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ReadTimeoutError,
)

from exporter.simulated_glue import Fault, SimulatedGlue, faults

ACCOUNT = "123456789012"
GET = "GetMaterializedViewRefreshTaskRun"
LIST = "ListMaterializedViewRefreshTaskRuns"


@pytest.fixture
def run_id(glue: SimulatedGlue) -> str:
    return glue.runs().add_run("sales", "daily")


@pytest.fixture
def get(client: Any, run_id: str) -> Callable[[], Any]:
    def call() -> Any:
        return client.get_materialized_view_refresh_task_run(
            CatalogId=ACCOUNT, MaterializedViewRefreshTaskRunId=run_id
        )

    return call


@pytest.fixture
def raw_body(client: Any) -> list[bytes]:
    """Collect the bodies as they come over the wire."""
    bodies: list[bytes] = []
    client.meta.events.register(
        "before-parse.glue", lambda response_dict, **_: bodies.append(response_dict["body"])
    )
    return bodies


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (faults.throttling(), 400, "ThrottlingException"),
        (faults.operation_timeout(), 400, "OperationTimeoutException"),
        (faults.access_denied(), 400, "AccessDeniedException"),
        (faults.error("ExpiredTokenException", "expired"), 400, "ExpiredTokenException"),
        (faults.server_error(), 500, "InternalServiceException"),
    ],
)
def test_an_error_answer_is_met_as_a_client_error(
    glue: SimulatedGlue, get: Callable[[], Any], fault: Fault, status: int, code: str
) -> None:
    glue.faults.add(fault)
    with pytest.raises(ClientError) as caught:
        get()
    response = caught.value.response
    assert (response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]) == (status, code)


def test_throttling_has_the_message_that_clients_know(glue: SimulatedGlue, get: Callable[[], Any]) -> None:
    glue.faults.add(faults.throttling())
    with pytest.raises(ClientError, match="Rate exceeded"):
        get()


def test_an_unavailable_service_answers_with_a_page(glue: SimulatedGlue, get: Callable[[], Any]) -> None:
    glue.faults.add(faults.server_error(503))
    with pytest.raises(ClientError, match="503"):
        get()


def test_a_cut_connection_gives_no_answer(glue: SimulatedGlue, get: Callable[[], Any]) -> None:
    glue.faults.add(faults.connection_cut(), times=1)
    with pytest.raises(ConnectionClosedError):
        get()
    assert "MaterializedViewRefreshTaskRun" in get()


def test_a_cut_body_is_shorter_than_promised(
    glue: SimulatedGlue, get: Callable[[], Any], raw_body: list[bytes]
) -> None:
    """To botocore it is an empty answer without an error: it does not mind the Content-Length."""
    glue.faults.add(faults.cut_body())
    answer = get()
    assert "MaterializedViewRefreshTaskRun" not in answer
    assert int(answer["ResponseMetadata"]["HTTPHeaders"]["content-length"]) > len(raw_body[0]) > 0


def test_cut_json_is_half_of_the_right_answer(
    glue: SimulatedGlue, get: Callable[[], Any], raw_body: list[bytes]
) -> None:
    """It is what a client must guard against: botocore reads an empty answer, without an error."""
    get()
    glue.faults.add(faults.cut_json())
    assert "MaterializedViewRefreshTaskRun" not in get()
    whole, cut = raw_body
    assert whole[: len(whole) // 2] == cut


def test_html_comes_with_status_200(
    glue: SimulatedGlue, get: Callable[[], Any], raw_body: list[bytes]
) -> None:
    glue.faults.add(faults.html())
    assert get()["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert raw_body[0].startswith(b"<!DOCTYPE html>")


@pytest.mark.parametrize("value", [None, [], "text", 7])
def test_json_can_be_no_object(
    glue: SimulatedGlue, client: Any, raw_body: list[bytes], value: object
) -> None:
    glue.faults.add(faults.json_value(value))
    client.meta.events.register("before-parse.glue", stop_parsing)
    with pytest.raises(_ParsingStopped):
        client.list_materialized_view_refresh_task_runs(CatalogId=ACCOUNT)
    assert json.loads(raw_body[0]) == value


class _ParsingStopped(Exception):  # noqa: N818 (no error: the test has seen enough)
    """Raised instead of letting botocore parse what it cannot."""


def stop_parsing(**_: object) -> None:
    raise _ParsingStopped


def test_any_bytes_can_be_the_answer(
    glue: SimulatedGlue, get: Callable[[], Any], raw_body: list[bytes]
) -> None:
    glue.faults.add(faults.raw_body(b"\xff\xfe", status=418))
    with pytest.raises(UnicodeDecodeError):
        get()
    assert raw_body == [b"\xff\xfe"]


@pytest.mark.parametrize("operation", [GET, LIST])
def test_fields_can_have_wrong_types(
    glue: SimulatedGlue, client: Any, run_id: str, raw_body: list[bytes], operation: str
) -> None:
    glue.faults.add(faults.wrong_types(), operation=operation)
    get = client.get_materialized_view_refresh_task_run
    calls = {
        GET: lambda: get(CatalogId=ACCOUNT, MaterializedViewRefreshTaskRunId=run_id),
        LIST: lambda: client.list_materialized_view_refresh_task_runs(CatalogId=ACCOUNT),
    }
    with pytest.raises(ValueError, match="yesterday"):
        calls[operation]()
    assert b'"DPUSeconds": "many"' in raw_body[0]


def test_an_answer_can_be_edited(glue: SimulatedGlue, client: Any, run_id: str) -> None:
    glue.faults.add(faults.edited(lambda answer: {**answer, "NextToken": "more"}), operation=LIST)
    answer = client.list_materialized_view_refresh_task_runs(CatalogId=ACCOUNT)
    assert answer["NextToken"] == "more"
    assert answer["MaterializedViewRefreshTaskRuns"][0]["MaterializedViewRefreshTaskRunId"] == run_id


def test_a_slow_answer_is_right_but_late(glue: SimulatedGlue, get: Callable[[], Any]) -> None:
    glue.faults.add(faults.slow(0.2))
    begin = time.monotonic()
    assert "MaterializedViewRefreshTaskRun" in get()
    assert time.monotonic() - begin >= 0.2


def test_a_hanging_answer_comes_once_the_fault_is_cleared(
    glue: SimulatedGlue, get: Callable[[], Any]
) -> None:
    placed = glue.faults.add(faults.hanging())
    answers: list[Any] = []
    caller = threading.Thread(target=lambda: answers.append(get()))
    caller.start()
    assert glue.ledger.wait_for(1, GET)
    assert answers == []
    placed.clear()
    caller.join(timeout=5)
    assert "MaterializedViewRefreshTaskRun" in answers[0]
    assert "MaterializedViewRefreshTaskRun" in get()


def test_a_client_gives_up_on_a_hanging_answer(
    glue: SimulatedGlue, make_client: Callable[..., Any], run_id: str
) -> None:
    impatient = make_client(config=Config(read_timeout=0.1, retries={"total_max_attempts": 1}))
    glue.faults.add(faults.hanging())
    with pytest.raises(ReadTimeoutError):
        impatient.get_materialized_view_refresh_task_run(
            CatalogId=ACCOUNT, MaterializedViewRefreshTaskRunId=run_id
        )


def test_a_stop_does_not_wait_for_hanging_answers(glue: SimulatedGlue) -> None:
    glue.faults.add(faults.hanging())
    address = urlsplit(glue.endpoint_url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=5)
    signature = "AWS4-HMAC-SHA256 Credential=test/20231114/eu-west-1/glue/aws4_request"
    connection.request(
        "POST", "/", b"{}", {"X-Amz-Target": "AWSGlue.GetDatabases", "Authorization": signature}
    )
    assert glue.ledger.wait_for(1, "GetDatabases")
    begin = time.monotonic()
    glue.stop()
    assert time.monotonic() - begin < 20
    connection.close()
    assert [thread for thread in threading.enumerate() if thread.name == "simulated-glue"] == []


def test_a_fault_meets_as_many_requests_as_it_is_told_to(glue: SimulatedGlue, get: Callable[[], Any]) -> None:
    placed = glue.faults.add(faults.throttling(), times=2)
    for _ in range(2):
        with pytest.raises(ClientError):
            get()
    assert "MaterializedViewRefreshTaskRun" in get()
    assert placed.hits == 2


def test_a_fault_can_be_cleared(glue: SimulatedGlue, get: Callable[[], Any]) -> None:
    glue.faults.add(faults.throttling())
    with pytest.raises(ClientError):
        get()
    glue.faults.clear()
    assert "MaterializedViewRefreshTaskRun" in get()


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"operation": LIST},
        {"region": "us-east-1"},
        {"catalog_id": f"{ACCOUNT}:s3tablescatalog/b"},
        {"matching": lambda call: call.parameters["MaterializedViewRefreshTaskRunId"] == "another"},
    ],
)
def test_a_fault_for_others_leaves_a_request_alone(
    glue: SimulatedGlue, get: Callable[[], Any], elsewhere: dict[str, Any]
) -> None:
    placed = glue.faults.add(faults.throttling(), **elsewhere)
    assert "MaterializedViewRefreshTaskRun" in get()
    assert placed.hits == 0


def test_a_fault_meets_the_requests_that_fit_all_that_is_given(
    glue: SimulatedGlue, get: Callable[[], Any]
) -> None:
    glue.faults.add(
        faults.throttling(),
        operation=GET,
        region="eu-west-1",
        catalog_id=ACCOUNT,
        matching=lambda call: call.access_key == "test",
    )
    with pytest.raises(ClientError):
        get()


def test_of_two_faults_the_older_one_happens_first(glue: SimulatedGlue, get: Callable[[], Any]) -> None:
    glue.faults.add(faults.access_denied(), times=1)
    glue.faults.add(faults.throttling(), times=1)
    with pytest.raises(ClientError, match="AccessDeniedException"):
        get()
    with pytest.raises(ClientError, match="ThrottlingException"):
        get()


def test_sts_can_be_disturbed_too(glue: SimulatedGlue, make_client: Callable[..., Any]) -> None:
    glue.faults.add(faults.connection_cut(), operation="GetCallerIdentity")
    with pytest.raises(ConnectionClosedError):
        make_client("sts").get_caller_identity()
