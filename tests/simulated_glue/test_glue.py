"""The whole of it: server, STS, and how several simulations get on."""

import logging
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError

from exporter.simulated_glue import SimulatedGlue
from tests.support.clock import ManualClock

ACCOUNT = "123456789012"


def test_an_assumed_role_sees_the_catalog_of_its_own_account(
    glue: SimulatedGlue, make_client: Callable[..., Any]
) -> None:
    glue.add_view("sales", "daily", catalog_id="210987654321")
    assert make_client("sts").get_caller_identity()["Account"] == ACCOUNT
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


def test_simulations_in_one_process_see_nothing_of_each_other(make_client: Callable[..., Any]) -> None:
    with SimulatedGlue(account_id="999999999999") as other:
        other.add_view("sales", "daily", catalog_id=ACCOUNT)
        assert make_client().get_databases()["DatabaseList"] == []
        identity = make_client("sts", endpoint_url=other.endpoint_url).get_caller_identity()
        assert identity["Account"] == "999999999999"


def test_the_date_of_an_answer_is_the_clock_s(client: Any, clock: ManualClock) -> None:
    headers = client.get_databases()["ResponseMetadata"]["HTTPHeaders"]
    assert parsedate_to_datetime(headers["date"]).timestamp() == clock.time()


def test_what_is_not_simulated_is_refused(make_client: Callable[..., Any]) -> None:
    """As are requests without a signature, and operations that Glue does not have."""
    with pytest.raises(ClientError, match="MissingAuthenticationTokenException"):
        make_client(config=Config(signature_version=UNSIGNED)).get_databases()
    with pytest.raises(ClientError, match="UnknownOperationException"):
        make_client("logs").describe_log_groups()

    def rename(request: Any, **_: Any) -> None:
        request.headers.replace_header("X-Amz-Target", "AWSGlue.BakeCake")

    client = make_client()
    client.meta.events.register("before-sign.glue", rename)
    with pytest.raises(ClientError, match="UnknownOperationException"):
        client.get_databases()


def test_an_error_of_the_simulation_is_logged_and_looks_like_one(
    glue: SimulatedGlue, client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: int) -> Any:
        raise ZeroDivisionError

    glue.add_view("sales", "daily", plan=broken)
    with caplog.at_level(logging.ERROR), pytest.raises(ClientError, match="InternalServiceException"):
        client.start_materialized_view_refresh_task_run(
            CatalogId=ACCOUNT, DatabaseName="sales", TableName="daily"
        )
    assert "ZeroDivisionError" in caplog.text


def test_many_requests_at_once_are_all_answered(
    glue: SimulatedGlue, listed: Callable[..., list[str]]
) -> None:
    for _ in range(50):
        glue.runs().add_run("sales", "daily")
    with ThreadPoolExecutor(8) as pool:
        assert {len(runs) for runs in pool.map(lambda _: listed(), range(40))} == {50}


def test_it_listens_only_while_it_is_entered(make_client: Callable[..., Any]) -> None:
    with SimulatedGlue() as glue:
        client = make_client(endpoint_url=glue.endpoint_url)
        assert client.get_databases()["DatabaseList"] == []
    with pytest.raises(RuntimeError, match="not started"):
        _ = glue.endpoint_url
    with pytest.raises(EndpointConnectionError):
        make_client(endpoint_url=client.meta.endpoint_url).get_databases()


def in_fresh_python(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )


def test_without_moto_the_error_says_what_to_install() -> None:
    program = "import sys; sys.modules['moto'] = None; import exporter.simulated_glue as s; s.SimulatedGlue()"
    result = in_fresh_python(program)
    assert result.returncode == 1
    assert "needs moto: in a checkout, pip install '.[demo]'" in result.stderr


def test_importing_the_package_loads_neither_moto_nor_boto3() -> None:
    heavy = {"moto", "boto3", "botocore", "werkzeug"}
    program = f"import sys, exporter.simulated_glue; print({heavy} & {{*sys.modules}})"
    assert in_fresh_python(program).stdout.strip() == "set()"
