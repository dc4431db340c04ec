"""The whole of it: server, ledger, STS, and how several simulations get on."""

import subprocess
import sys
import threading
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError

from exporter.simulated_glue import Call, Ledger, ManualClock, SimulatedGlue, SystemClock

ACCOUNT = "123456789012"
LIST = "ListMaterializedViewRefreshTaskRuns"


def test_the_ledger_counts_every_call_and_keeps_what_was_asked(
    glue: SimulatedGlue, clock: ManualClock, make_client: Callable[..., Any]
) -> None:
    client = make_client(region="us-east-1", aws_access_key_id="ABC")
    client.list_materialized_view_refresh_task_runs(CatalogId=ACCOUNT, MaxResults=5)
    client.get_databases()
    make_client("sts").get_caller_identity()
    assert glue.ledger.counts == {LIST: 1, "GetDatabases": 1, "GetCallerIdentity": 1}
    assert (glue.ledger.count(), glue.ledger.count(LIST), glue.ledger.count("GetTables")) == (3, 1, 0)
    (call,) = glue.ledger.calls_of(LIST)
    assert (call.service, call.region, call.access_key) == ("glue", "us-east-1", "ABC")
    assert (call.catalog_id, call.parameters["MaxResults"], call.time) == (ACCOUNT, 5, clock.time())
    assert glue.ledger.calls[1].catalog_id is None


def test_refused_calls_are_counted_too(glue: SimulatedGlue, client: Any) -> None:
    with pytest.raises(client.exceptions.InvalidInputException):
        client.list_materialized_view_refresh_task_runs()
    assert glue.ledger.count(LIST) == 1


def test_the_ledger_can_be_cleared(glue: SimulatedGlue, client: Any) -> None:
    client.get_databases()
    glue.ledger.clear()
    assert (glue.ledger.count(), glue.ledger.calls) == (0, ())


def test_the_ledger_keeps_the_newest_calls_and_counts_all() -> None:
    """A demo may run for weeks."""
    ledger = Ledger(keep=2)
    calls = [
        Call(service="glue", operation="GetTables", region="r", access_key="k", parameters={}, time=float(n))
        for n in range(3)
    ]
    for call in calls:
        ledger.note(call)
    assert ledger.count("GetTables") == 3
    assert ledger.calls == tuple(calls[1:])


def test_the_ledger_tells_when_a_call_does_not_come() -> None:
    assert Ledger().wait_for(1, timeout=0) is False


def test_sts_tells_the_simulated_account(make_client: Callable[..., Any]) -> None:
    assert make_client("sts").get_caller_identity()["Account"] == ACCOUNT


def test_an_assumed_role_sees_the_catalog_of_its_own_account(
    glue: SimulatedGlue, make_client: Callable[..., Any]
) -> None:
    glue.add_view("sales", "daily", catalog_id="210987654321")
    keys = make_client("sts").assume_role(
        RoleArn="arn:aws:iam::210987654321:role/reader", RoleSessionName="exporter", ExternalId="x"
    )["Credentials"]
    role = {
        "aws_access_key_id": keys["AccessKeyId"],
        "aws_secret_access_key": keys["SecretAccessKey"],
        "aws_session_token": keys["SessionToken"],
    }
    identity = make_client("sts", **role).get_caller_identity()
    assert identity["Account"] == "210987654321"
    assert identity["Arn"].endswith(":assumed-role/reader/exporter")
    assert [d["Name"] for d in make_client(**role).get_databases()["DatabaseList"]] == ["sales"]
    assert make_client().get_databases()["DatabaseList"] == []


def test_simulations_in_one_process_see_nothing_of_each_other(
    glue: SimulatedGlue, clock: ManualClock, make_client: Callable[..., Any]
) -> None:
    with SimulatedGlue(clock=clock, account_id="999999999999") as other:
        other.add_view("sales", "daily")
        other.runs(catalog_id=ACCOUNT).add_run("sales", "daily")
        assert make_client().get_databases()["DatabaseList"] == []
        runs = make_client().list_materialized_view_refresh_task_runs(CatalogId=ACCOUNT)
        assert runs["MaterializedViewRefreshTaskRuns"] == []
        identity = make_client("sts", endpoint_url=other.endpoint_url).get_caller_identity()
        assert identity["Account"] == "999999999999"
        assert other.ledger.counts == {"GetCallerIdentity": 1}
    assert "GetCallerIdentity" not in glue.ledger.counts


def test_the_date_of_an_answer_is_the_clock_s(client: Any, clock: ManualClock) -> None:
    headers = client.get_databases()["ResponseMetadata"]["HTTPHeaders"]
    assert parsedate_to_datetime(headers["date"]).timestamp() == clock.time()


def test_without_a_clock_time_is_that_of_the_machine() -> None:
    assert isinstance(SimulatedGlue().clock, SystemClock)
    assert SystemClock().time() > 1_700_000_000


def test_an_unsigned_request_is_refused(make_client: Callable[..., Any]) -> None:
    with pytest.raises(ClientError, match="MissingAuthenticationTokenException"):
        make_client(config=Config(signature_version=UNSIGNED)).get_databases()


@pytest.mark.parametrize("body", [b"{", b"[]", b'"x"', b"[" * 100_000])
def test_a_body_that_is_no_json_object_cannot_be_read(client: Any, body: bytes) -> None:
    def send(request: Any, **_: Any) -> None:
        request.data = body

    client.meta.events.register("request-created.glue", send)
    with pytest.raises(ClientError, match="SerializationException"):
        client.get_databases()


def test_a_service_that_is_not_simulated_is_refused(make_client: Callable[..., Any]) -> None:
    with pytest.raises(ClientError, match="UnknownOperationException"):
        make_client("logs").describe_log_groups()


def test_many_requests_at_once_are_all_answered(glue: SimulatedGlue, client: Any) -> None:
    for _ in range(50):
        glue.runs().add_run("sales", "daily")
    answers: list[int] = []

    def ask() -> None:
        for _ in range(5):
            answer = client.list_materialized_view_refresh_task_runs(CatalogId=ACCOUNT)
            answers.append(len(answer["MaterializedViewRefreshTaskRuns"]))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert answers == [50] * 40


def test_it_can_be_stopped_and_started_again_with_its_state(glue: SimulatedGlue, client: Any) -> None:
    """On the same port, so that a client sees a service that comes back."""
    glue.add_view("sales", "daily")
    glue.stop()
    glue.stop()
    with pytest.raises(EndpointConnectionError):
        client.get_databases()
    glue.start()
    assert [database["Name"] for database in client.get_databases()["DatabaseList"]] == ["sales"]


def test_starting_and_asking_out_of_turn_is_an_error(glue: SimulatedGlue) -> None:
    with pytest.raises(RuntimeError, match="started already"):
        glue.start()
    glue.stop()
    with pytest.raises(RuntimeError, match="not started"):
        _ = glue.endpoint_url


def test_a_port_that_is_taken_is_an_error(glue: SimulatedGlue) -> None:
    port = int(glue.endpoint_url.rpartition(":")[2])
    with pytest.raises(RuntimeError, match=f"cannot listen on 127.0.0.1:{port}"):
        SimulatedGlue(port=port).start()


def in_fresh_python(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )


def test_without_moto_the_error_tells_what_to_install() -> None:
    program = "import sys; sys.modules['moto'] = None; import exporter.simulated_glue as s; s.SimulatedGlue()"
    result = in_fresh_python(program)
    assert result.returncode == 1
    assert "needs moto: in a checkout, pip install '.[demo]'" in result.stderr


def test_importing_the_package_loads_neither_moto_nor_boto3() -> None:
    heavy = {"moto", "boto3", "botocore", "werkzeug"}
    program = f"import sys, exporter.simulated_glue; print({heavy} & {{*sys.modules}})"
    assert in_fresh_python(program).stdout.strip() == "set()"
