"""Credentials, roles, the account and the region: found when they are wanted, renewed in time."""

import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from exporter.errors import GlueError, Reason
from exporter.glue import fixed_session, resolve_region
from exporter.model.settings import Access, AssumeRole
from exporter.store.series import RequestStats
from tests.support.bare_faults import CUT_CONNECTION, HANG, Fault, error, json_answer
from tests.support.bare_glue import BareGlue, Call
from tests.support.glue_clients import (
    ACCESS_KEY,
    ACCOUNT,
    HASTY,
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
    """Answer Glue with a run; STS answers as it should."""
    return FOUND if call.service == "glue" else None


def operations(aws: BareGlue) -> list[str]:
    return [call.operation for call in aws.calls()]


def keys(aws: BareGlue) -> list[tuple[str, str]]:
    """Return what was asked, and with which access key."""
    return [(call.operation, call.access_key) for call in aws.calls()]


def test_the_account_is_asked_of_sts_once(tmp_path: Path) -> None:
    """And is the catalog ID from then on; all of it shows in the statistics."""
    stats = RequestStats()
    with BareGlue(found_at_glue) as aws:
        sessions = session_with(sts_at(aws.url, tmp_path))
        with catalog_of(target(aws.url, catalog_id=None), stats=stats, sessions=sessions) as catalog:
            assert catalog.until(math.inf).catalog_id() == ACCOUNT
            catalog.get_run(RUN_ID)
            assert catalog.until(math.inf).catalog_id() == catalog.catalog_id() == ACCOUNT
    assert operations(aws) == ["GetCallerIdentity", GET_RUN]
    assert aws.calls()[1].parameters["CatalogId"] == ACCOUNT
    assert attempts(stats) == {"GetCallerIdentity": 1, GET_RUN: 1}
    assert failures(stats) == {}


def test_glues_endpoint_is_glues_alone(tmp_path: Path) -> None:
    """STS is found the SDK's own way: its answers are about accounts, whatever stands in for Glue."""
    with (
        BareGlue(FOUND) as glue,
        BareGlue() as sts,
        catalog_of(
            target(glue.url, catalog_id=None), sessions=session_with(sts_at(sts.url, tmp_path))
        ) as catalog,
    ):
        catalog.get_run(RUN_ID)
    assert operations(glue) == [GET_RUN]
    assert operations(sts) == ["GetCallerIdentity"]


def test_an_account_that_sts_does_not_report_is_requested_again(tmp_path: Path) -> None:
    """Whatever STS answers is about credentials; the configured catalog ID would need no STS."""
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


@pytest.mark.parametrize(
    "trouble",
    [HANG, CUT_CONNECTION, Fault(body=b"", status=503)],
    ids=["silent", "cut", "busy"],
)
@pytest.mark.parametrize("operation", ["GetCallerIdentity", "AssumeRole"])
def test_an_sts_that_cannot_be_reached_is_about_credentials(
    tmp_path: Path, trouble: Fault, operation: str
) -> None:
    """Its timeouts are not Glue's; both attempts are counted under its own operation."""
    stats = RequestStats()
    role = ROLE if operation == "AssumeRole" else None
    with BareGlue(trouble) as aws:
        asking = target(aws.url, catalog_id=None if role is None else ACCOUNT, assume_role=role)
        sessions = session_with(sts_at(aws.url, tmp_path))
        with (
            catalog_of(asking, stats=stats, sessions=sessions, timeouts=HASTY) as catalog,
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
    """And its account is the role's, not the caller's."""
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
    """Counted at STS, where it happened; Glue was not asked."""
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


def test_a_missing_profile_is_the_error_of_a_call() -> None:
    """The program starts: the profile may come, and other targets need it not."""
    stats = RequestStats()
    nowhere = target("http://127.0.0.1:1", profile="gone")
    with catalog_of(nowhere, stats=stats) as catalog, pytest.raises(GlueError, match="gone") as caught:
        catalog.get_run(RUN_ID)
    assert caught.value.reason is Reason.CREDENTIALS
    assert failures(stats) == {(GET_RUN, "credentials"): 1}


def test_without_credentials_nothing_is_sent() -> None:
    """The failure is counted all the same, under the call's operation."""
    stats = RequestStats()
    nobody = session_with(credentials=False)
    with (
        BareGlue(FOUND) as aws,
        catalog_of(target(aws.url), stats=stats, sessions=nobody) as catalog,
        pytest.raises(GlueError, match="Unable to locate credentials") as caught,
    ):
        catalog.get_run(RUN_ID)
    assert caught.value.reason is Reason.CREDENTIALS
    assert (aws.calls(), failures(stats)) == ([], {(GET_RUN, "credentials"): 1})


def test_a_broken_way_to_credentials_is_about_credentials() -> None:
    """Whatever it raises: a helper program that prints no JSON, say."""

    class Broken:
        def load_credentials(self) -> None:
            raise ValueError("s3cr3t is not JSON")

    def broken(profile: str | None) -> Any:
        session = session_with()(profile)
        session._credentials = None
        session.register_component("credential_provider", Broken())
        return session

    with (
        BareGlue(FOUND) as aws,
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


def test_the_region_is_the_written_one_or_the_sdks_own(tmp_path: Path) -> None:
    """None where there is none, nor such a profile; the network is not asked."""
    config = tmp_path / "config"
    config.write_text("[default]\nregion = eu-north-1\n[profile south]\nregion = sa-east-1\n[profile bare]\n")
    sessions = session_with(config)
    regions = {
        profile: resolve_region(Access(profile=profile), sessions)
        for profile in (None, "south", "bare", "gone")
    }
    assert regions == {None: "eu-north-1", "south": "sa-east-1", "bare": None, "gone": None}
    assert resolve_region(Access(aws_region="us-east-1", profile="south"), sessions) == "us-east-1"


def test_made_up_credentials_are_the_same_everywhere() -> None:
    """Whatever profile is asked for, or the environment names."""
    for profile in (None, "gone"):
        credentials = fixed_session(profile).get_credentials()
        assert (credentials.access_key, credentials.method) == ("simulated", "explicit")


MAKE_CLIENTS = """
import sys
from exporter.clock import SystemClock
from exporter.glue import ClientFactory
from exporter.model.settings import Access, Settings, Target
from exporter.store.series import RequestStats
from threading import Event

opened = []
sys.addaudithook(lambda event, given: opened.append(str(given[0])) if event == "open" else None)
clients = ClientFactory(SystemClock())
for region in ("eu-west-1", "us-east-1", "eu-north-1"):
    target = Target(name=region, access=Access(aws_region=region), catalog_id="123456789012")
    clients.catalog(target, RequestStats(), Event()).connection.glue()
print(*(file for file in opened if "/botocore/data/glue/" in file and "service-2." in file), sep="\\n")
"""


def test_the_model_of_glue_is_read_once_for_all_sessions() -> None:
    """It has megabytes: thirty accounts must not hold it thirty times."""
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "do-not-print"}
    done = subprocess.run(
        [sys.executable, "-c", MAKE_CLIENTS],
        env={**os.environ, **keys}, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert len(done.stdout.splitlines()) == 1
