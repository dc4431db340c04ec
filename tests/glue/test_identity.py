"""Credentials, roles, the account and the region: found when they are wanted, renewed in time."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from exporter.errors import GlueError, Reason
from exporter.glue import resolve_region
from exporter.model.settings import Access, AssumeRole
from exporter.store.requests import RequestStats
from tests.support.glue_clients import (
    ACCESS_KEY,
    ACCOUNT,
    attempts,
    catalog_of,
    failures,
    session_with,
    sts_at,
    target,
)
from tests.support.scripted_aws import (
    Asked,
    Reply,
    ScriptedAws,
    found,
    refused,
    sts_account,
    sts_refused,
    sts_role,
)

RUN_ID = "0f8fad5b-d9cb-469f-a165-70867728950e"
GET_RUN = "GetMaterializedViewRefreshTaskRun"
FOUND = found({"MaterializedViewRefreshTaskRun": {}})
ROLE = AssumeRole(
    role_arn="arn:aws:iam::210987654321:role/glue-read", external_id="s3cr3t", session_name="my-session"
)


def from_now(**time: float) -> str:
    return (dt.datetime.now(dt.UTC) + dt.timedelta(**time)).strftime("%Y-%m-%dT%H:%M:%SZ")


def answer_with(**answers: Reply | Callable[[], Reply]) -> Callable[[Asked], Reply]:
    """Answer each operation as given, and Glue with a run."""

    def answer(asked: Asked) -> Reply:
        reply = answers.get(asked.operation, FOUND)
        return reply if isinstance(reply, Reply) else reply()

    return answer


def keys(aws: ScriptedAws) -> list[tuple[str, str]]:
    """Return what was asked, and with which access key."""
    return [
        (asked.operation, asked.headers["Authorization"].partition("Credential=")[2].partition("/")[0])
        for asked in aws.asked
    ]


def test_the_account_is_asked_of_sts_once(tmp_path: Path) -> None:
    """And is the catalog ID from then on; all of it shows in the statistics."""
    stats = RequestStats()
    with ScriptedAws(answer_with(GetCallerIdentity=sts_account(ACCOUNT))) as aws:
        sessions = session_with(sts_at(aws.url, tmp_path))
        with catalog_of(target(aws.url, catalog_id=None), stats=stats, sessions=sessions) as catalog:
            assert catalog.catalog_id() == ACCOUNT
            catalog.get_run(RUN_ID)
            assert catalog.catalog_id() == ACCOUNT
    assert aws.operations == ["GetCallerIdentity", GET_RUN]
    assert aws.asked[1].parameters["CatalogId"] == ACCOUNT
    assert attempts(stats) == {"GetCallerIdentity": 1, GET_RUN: 1}
    assert failures(stats) == {}


def test_glues_endpoint_is_glues_alone(tmp_path: Path) -> None:
    """STS is found the SDK's own way: its answers are about accounts, whoever stands in for Glue."""
    with (
        ScriptedAws(FOUND) as glue,
        ScriptedAws(sts_account(ACCOUNT)) as sts,
        catalog_of(
            target(glue.url, catalog_id=None), sessions=session_with(sts_at(sts.url, tmp_path))
        ) as catalog,
    ):
        catalog.get_run(RUN_ID)
    assert (glue.operations, sts.operations) == ([GET_RUN], ["GetCallerIdentity"])


def test_an_account_that_is_not_told_is_asked_for_again(tmp_path: Path) -> None:
    """Whatever STS answers is about credentials; the configured catalog ID would need no STS."""
    replies = [
        sts_refused("InvalidClientTokenId", f"{ACCESS_KEY} is not valid"),
        Reply(b"<html>"),
        Reply(b"<GetCallerIdentityResponse/>"),
        sts_account(ACCOUNT),
    ]
    stats = RequestStats()
    with ScriptedAws(lambda _: replies.pop(0)) as aws:
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
    [Reply(silent=True), Reply(hang_up=True), Reply(b"", status=503)],
    ids=["silent", "cut", "busy"],
)
@pytest.mark.parametrize("operation", ["GetCallerIdentity", "AssumeRole"])
def test_an_sts_that_cannot_be_reached_is_about_credentials(
    tmp_path: Path, trouble: Reply, operation: str
) -> None:
    """Its timeouts are not Glue's; both attempts are counted under its own operation."""
    stats = RequestStats()
    role = ROLE if operation == "AssumeRole" else None
    with ScriptedAws(trouble) as aws:
        asking = target(aws.url, catalog_id=None if role is None else ACCOUNT, assume_role=role)
        sessions = session_with(sts_at(aws.url, tmp_path))
        with (
            catalog_of(asking, stats=stats, sessions=sessions) as catalog,
            pytest.raises(GlueError) as caught,
        ):
            catalog.get_run(RUN_ID)
    assert caught.value.reason is Reason.CREDENTIALS
    assert attempts(stats) == {operation: 2}
    assert failures(stats) == {(operation, "credentials"): 2}


def test_a_role_is_assumed_with_the_callers_credentials(tmp_path: Path) -> None:
    """Once: Glue then sees the role's keys until they run out."""
    stats = RequestStats()
    role = sts_role("ASIAROLE", expiration=from_now(hours=1))
    with ScriptedAws(answer_with(AssumeRole=role)) as aws:
        sessions = session_with(sts_at(aws.url, tmp_path))
        with catalog_of(target(aws.url, assume_role=ROLE), stats=stats, sessions=sessions) as catalog:
            catalog.get_run(RUN_ID)
            catalog.get_run(RUN_ID)
    assert keys(aws) == [("AssumeRole", ACCESS_KEY), (GET_RUN, "ASIAROLE"), (GET_RUN, "ASIAROLE")]
    asked = aws.asked[0].parameters
    assert (asked["RoleArn"], asked["ExternalId"]) == (ROLE.role_arn, "s3cr3t")
    assert asked["RoleSessionName"] == "my-session"
    assert aws.asked[1].headers["X-Amz-Security-Token"] == "role-token"
    assert attempts(stats) == {"AssumeRole": 1, GET_RUN: 2}


def test_a_role_is_renewed_before_it_runs_out(tmp_path: Path) -> None:
    """And its account is the role's, not the caller's."""
    roles = [
        sts_role("ASIAFIRST", expiration=from_now(minutes=2)),
        sts_role("ASIANEXT", expiration=from_now(hours=1)),
    ]
    with ScriptedAws(
        answer_with(AssumeRole=lambda: roles.pop(0), GetCallerIdentity=sts_account("210987654321"))
    ) as aws:
        sessions = session_with(sts_at(aws.url, tmp_path))
        with catalog_of(target(aws.url, assume_role=ROLE), sessions=sessions) as catalog:
            catalog.get_run(RUN_ID)
            catalog.get_run(RUN_ID)
        # The keys are fetched before the request's turn and looked at once more when it is signed.
        assert keys(aws)[:2] == [("AssumeRole", ACCESS_KEY)] * 2
        assert keys(aws)[2:] == [(GET_RUN, "ASIANEXT")] * 2
        aws.asked.clear()
        roles.append(sts_role("ASIANEXT", expiration=from_now(hours=1)))
        own = target(aws.url, assume_role=ROLE, catalog_id=None)
        with catalog_of(own, sessions=sessions) as catalog:
            assert catalog.catalog_id() == "210987654321"
    assert keys(aws) == [("AssumeRole", ACCESS_KEY), ("GetCallerIdentity", "ASIANEXT")]


def test_a_refused_role_is_one_failure_without_secrets(tmp_path: Path) -> None:
    """Counted at STS, where it happened; Glue was not asked."""
    denied = sts_refused("AccessDenied", "arn:aws:sts::1:assumed-role/r/my-session with s3cr3t may not")
    stats = RequestStats()
    with ScriptedAws(answer_with(AssumeRole=denied)) as aws:
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

    def answer(asked: Asked) -> Reply:
        return refused("ExpiredTokenException") if "AKIAOLD" in asked.headers["Authorization"] else FOUND

    with ScriptedAws(answer) as aws, catalog_of(target(aws.url), sessions=sessions) as catalog:
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
