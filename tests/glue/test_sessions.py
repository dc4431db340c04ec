"""Credentials, roles, the account and the region: found when they are wanted, renewed in time."""

import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from exporter.errors import GlueError, Reason
from exporter.glue.sessions import SessionFactory, fixed_session, resolve_region
from exporter.model.settings import Access, AssumeRole
from exporter.store.series import RequestStats
from tests.support.bare_faults import HANG, Fault, error, json_answer
from tests.support.bare_glue import BareGlue, Call
from tests.support.glue_clients import (
    ACCESS_KEY,
    ACCOUNT,
    HASTY,
    PATIENT,
    attempts,
    catalog_of,
    failures,
    session_with,
    sts_at,
    target,
)

RUN_ID = "0f8fad5b-d9cb-469f-a165-70867728950e"
GET_RUN = "GetMaterializedViewRefreshTaskRun"
FOUND = json_answer({"MaterializedViewRefreshTaskRun": {}})
ROLE = AssumeRole(
    role_arn="arn:aws:iam::210987654321:role/glue-read", external_id="s3cr3t", session_name="my-session"
)


ROLE_KEY = "ASIAGLUEREAD"


def found_at_glue(call: Call) -> Fault | None:
    return FOUND if call.service == "glue" else None


def operations(aws: BareGlue) -> list[str]:
    return [call.operation for call in aws.calls()]


def keys(aws: BareGlue) -> list[tuple[str, str]]:
    return [(call.operation, call.access_key) for call in aws.calls()]


def test_the_account_is_asked_once_of_an_sts_that_is_found_the_sdks_own_way(tmp_path: Path) -> None:
    """Its answers are about accounts, whatever stands in for Glue; it all shows in the statistics."""
    stats = RequestStats()
    with BareGlue(FOUND) as glue, BareGlue() as sts:
        sessions = session_with(sts_at(sts.url, tmp_path))
        with catalog_of(target(glue.url, catalog_id=None), stats=stats, sessions=sessions) as catalog:
            assert catalog.until(math.inf).catalog_id() == ACCOUNT
            catalog.get_run(RUN_ID)
            assert catalog.until(math.inf).catalog_id() == catalog.catalog_id() == ACCOUNT
    assert (operations(sts), operations(glue)) == (["GetCallerIdentity"], [GET_RUN])
    assert glue.calls()[0].parameters["CatalogId"] == ACCOUNT
    assert attempts(stats) == {"GetCallerIdentity": 1, GET_RUN: 1}
    assert failures(stats) == {}


def test_an_account_that_sts_does_not_report_is_requested_again(tmp_path: Path) -> None:
    replies = [
        error("InvalidClientTokenId", 403, message=f"{ACCESS_KEY} is not valid"),
        Fault(body=b"<html>"),
        Fault(body=b"<GetCallerIdentityResponse/>"),
        None,
    ]
    stats = RequestStats()
    with BareGlue(lambda _: replies.pop(0)) as aws:
        sessions = session_with(sts_at(aws.url, tmp_path))
        with catalog_of(target(aws.url, catalog_id=None), stats=stats, sessions=sessions) as catalog:
            for _ in range(3):
                with pytest.raises(GlueError) as caught:
                    catalog.catalog_id()
                assert caught.value.reason is Reason.CREDENTIALS
                assert ACCESS_KEY not in str(caught.value)
            assert catalog.catalog_id() == ACCOUNT
    assert attempts(stats) == {"GetCallerIdentity": 4}
    assert failures(stats) == {("GetCallerIdentity", "credentials"): 3}


@pytest.mark.parametrize("trouble", [HANG, Fault(body=b"", status=503)], ids=["silent", "busy"])
@pytest.mark.parametrize("operation", ["GetCallerIdentity", "AssumeRole"])
def test_an_sts_that_cannot_be_reached_is_about_credentials(
    tmp_path: Path, trouble: Fault, operation: str
) -> None:
    """Its timeouts are not Glue's; both attempts are counted under its own operation."""
    stats = RequestStats()
    role = ROLE if operation == "AssumeRole" else None
    timeouts = HASTY if trouble is HANG else PATIENT
    with BareGlue(trouble) as aws:
        asking = target(aws.url, catalog_id=None if role is None else ACCOUNT, assume_role=role)
        sessions = session_with(sts_at(aws.url, tmp_path))
        with (
            catalog_of(asking, stats=stats, sessions=sessions, timeouts=timeouts) as catalog,
            pytest.raises(GlueError) as caught,
        ):
            catalog.get_run(RUN_ID)
    assert caught.value.reason is Reason.CREDENTIALS
    assert attempts(stats) == {operation: 2}
    assert failures(stats) == {(operation, "credentials"): 2}


def test_a_role_is_assumed_with_the_callers_credentials(tmp_path: Path) -> None:
    """Once: Glue then sees the role's keys until they run out."""
    stats = RequestStats()
    with BareGlue(found_at_glue) as aws:
        sessions = session_with(sts_at(aws.url, tmp_path))
        with catalog_of(target(aws.url, assume_role=ROLE), stats=stats, sessions=sessions) as catalog:
            catalog.get_run(RUN_ID)
            catalog.get_run(RUN_ID)
    assert keys(aws) == [("AssumeRole", ACCESS_KEY), (GET_RUN, ROLE_KEY), (GET_RUN, ROLE_KEY)]
    asked = aws.calls()[0].parameters
    assert (asked["RoleArn"], asked["ExternalId"]) == (ROLE.role_arn, "s3cr3t")
    assert asked["RoleSessionName"] == "my-session"
    assert aws.calls()[1].session_token == "assumed-token-1"
    assert attempts(stats) == {"AssumeRole": 1, GET_RUN: 2}


def test_a_role_is_renewed_before_it_runs_out(tmp_path: Path) -> None:
    with BareGlue(found_at_glue) as aws:
        sessions = session_with(sts_at(aws.url, tmp_path))
        with catalog_of(target(aws.url, assume_role=ROLE), sessions=sessions) as catalog:
            aws.credentials_lifetime = 120.0
            catalog.get_run(RUN_ID)
            aws.credentials_lifetime = 3600.0
            catalog.get_run(RUN_ID)
            catalog.get_run(RUN_ID)
        # The keys are fetched before the request's turn, and renewed once more when it is signed.
        assert operations(aws) == ["AssumeRole", "AssumeRole", GET_RUN, "AssumeRole", GET_RUN, GET_RUN]
        assert [call.session_token for call in aws.calls(GET_RUN)] == [
            "assumed-token-2", "assumed-token-3", "assumed-token-3",
        ]  # fmt: skip
        aws.forget_calls()
        aws.account_of = {ROLE_KEY: "210987654321"}.get
        own = target(aws.url, assume_role=ROLE, catalog_id=None)
        with catalog_of(own, sessions=sessions) as catalog:
            assert catalog.catalog_id() == "210987654321"
    assert keys(aws) == [("AssumeRole", ACCESS_KEY), ("GetCallerIdentity", ROLE_KEY)]


def test_a_refused_role_is_one_failure_without_secrets(tmp_path: Path) -> None:
    denied = error("AccessDenied", message="arn:aws:sts::1:assumed-role/r/my-session with s3cr3t may not")
    stats = RequestStats()
    with BareGlue(lambda call: denied if call.operation == "AssumeRole" else FOUND) as aws:
        sessions = session_with(sts_at(aws.url, tmp_path))
        with (
            catalog_of(target(aws.url, assume_role=ROLE), stats=stats, sessions=sessions) as catalog,
            pytest.raises(GlueError) as caught,
        ):
            catalog.get_run(RUN_ID)
    assert str(caught.value) == f"{GET_RUN}: STS refused AssumeRole: AccessDenied"
    assert caught.value.reason is Reason.CREDENTIALS
    assert attempts(stats) == {"AssumeRole": 1}
    assert failures(stats) == {("AssumeRole", "credentials"): 1}


def test_keys_that_were_refused_are_read_again() -> None:
    """A login tool writes new ones into the SDK's files; no restart is needed to use them."""
    given = iter(["AKIAOLD", "AKIANEW"])

    def sessions(profile: str | None) -> Any:
        session = session_with(credentials=False)(profile)
        session.set_credentials(next(given), "secret")
        return session

    def answer(asked: Call) -> Fault:
        return error("ExpiredTokenException") if asked.access_key == "AKIAOLD" else FOUND

    with BareGlue(answer) as aws, catalog_of(target(aws.url), sessions=sessions) as catalog:
        with pytest.raises(GlueError) as caught:
            catalog.get_run(RUN_ID)
        catalog.get_run(RUN_ID)
        catalog.get_run(RUN_ID)
    assert caught.value.reason is Reason.CREDENTIALS
    assert keys(aws) == [(GET_RUN, "AKIAOLD"), (GET_RUN, "AKIANEW"), (GET_RUN, "AKIANEW")]


class Broken:
    """A helper program that prints no JSON, say."""

    def load_credentials(self) -> None:
        raise ValueError("s3cr3t is not JSON")


def broken_session(profile: str | None) -> Any:
    session = session_with(credentials=False)(profile)
    session.register_component("credential_provider", Broken())
    return session


@pytest.mark.parametrize(
    ("access", "sessions", "reason", "message"),
    [
        (
            {"profile": "gone"},
            session_with(),
            Reason.CREDENTIALS,
            "The config profile (gone) could not be found",
        ),
        ({}, session_with(credentials=False), Reason.CREDENTIALS, "Unable to locate credentials"),
        ({}, broken_session, Reason.CREDENTIALS, "ValueError"),
        (
            {"aws_region": None},
            session_with(),
            Reason.INVALID_INPUT,
            "no AWS region: set aws_region, or the AWS SDK's own region",
        ),
    ],
)
def test_what_is_missing_here_is_the_error_of_a_call_and_nothing_is_sent(
    access: dict[str, Any], sessions: SessionFactory, reason: Reason, message: str
) -> None:
    """The program starts: a profile may come, and other targets do not need it."""
    stats = RequestStats()
    with (
        BareGlue(FOUND) as aws,
        catalog_of(target(aws.url, **access), stats=stats, sessions=sessions) as catalog,
        pytest.raises(GlueError) as caught,
    ):
        catalog.get_run(RUN_ID)
    assert (caught.value.reason, caught.value.message) == (reason, message)
    assert (aws.calls(), failures(stats)) == ([], {(GET_RUN, str(reason)): 1})


def test_the_region_is_the_written_one_or_the_sdks_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None where there is none, nor such a profile; the network is not asked."""
    config = tmp_path / "config"
    config.write_text("[default]\nregion = eu-north-1\n[profile south]\nregion = sa-east-1\n[profile bare]\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    regions = {
        profile: resolve_region(Access(profile=profile)) for profile in (None, "south", "bare", "gone")
    }
    assert regions == {None: "eu-north-1", "south": "sa-east-1", "bare": None, "gone": None}
    assert resolve_region(Access(aws_region="us-east-1", profile="south")) == "us-east-1"


def test_made_up_credentials_are_the_same_everywhere() -> None:
    for profile in (None, "gone"):
        credentials = fixed_session(profile).get_credentials()
        assert (credentials.access_key, credentials.method) == ("simulated", "explicit")


def test_the_simulated_glue_is_not_looked_for_behind_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing leaves the machine, whatever the environment says."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with BareGlue(FOUND) as glue, catalog_of(target(glue.url), sessions=fixed_session) as catalog:
        assert catalog.until(math.inf).get_run(RUN_ID)


MAKE_CLIENTS = """
import sys
from exporter.clock import Clock
from exporter.glue.client import ClientFactory
from exporter.model.settings import Access, Settings, Target
from exporter.store.series import RequestStats
from threading import Event

opened = []
sys.addaudithook(lambda event, given: opened.append(str(given[0])) if event == "open" else None)
clients = ClientFactory(Clock())
for region in ("eu-west-1", "us-east-1", "eu-north-1"):
    target = Target(name=region, access=Access(aws_region=region), catalog_id="123456789012")
    clients.catalog(target, RequestStats(), Event()).connection.client("glue")
print(*(file for file in opened if "/botocore/data/glue/" in file and "service-2." in file), sep="\\n")
"""


def test_the_model_of_glue_is_read_once_for_all_sessions() -> None:
    """It has megabytes: thirty accounts must not hold it thirty times."""
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "do-not-print"}
    done = subprocess.run(
        [sys.executable, "-c", MAKE_CLIENTS],
        env={**os.environ, **keys}, capture_output=True, text=True, timeout=100, check=True,
    )  # fmt: skip
    assert len(done.stdout.splitlines()) == 1
