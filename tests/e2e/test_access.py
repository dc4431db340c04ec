"""Accounts, credentials, permissions, shared limits, and two targets that mean the same run."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.exposition import EXPORTER, RUN
from tests.e2e.program import SESSION_TOKEN, run, serve, target, write_config
from tests.support.bare_faults import ACCESS_DENIED, THROTTLED
from tests.support.bare_glue import GET_RUN, BareGlue
from tests.support.bare_records import ACCOUNT, sample_run, sample_run_id, view_run

POLICY = Path(__file__).parents[2] / "deploy" / "aws" / "iam-policy.json"
OTHER_ACCOUNT = "210987654321"
S3_TABLES = f"{ACCOUNT}:s3tablescatalog/my-bucket"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/glue-read"


def sts(glue: BareGlue) -> dict[str, str]:
    """Return the environment in which this endpoint is STS, too."""
    return {"AWS_ENDPOINT_URL_STS": glue.url, "AWS_DEFAULT_REGION": "eu-west-1"}


def polled(*targets: dict[str, Any]) -> dict[str, Any]:
    return {"poll_interval": "5s", "targets": list(targets)}


def test_the_default_catalog_is_the_account_of_the_caller(glue: BareGlue, tmp_path: Path) -> None:
    glue.account = OTHER_ACCOUNT
    run_id = glue.records.put_run(sample_run(1), catalog_id=OTHER_ACCOUNT)
    config = polled(target(glue.url, run_id, catalog_id=None))
    with serve(tmp_path, config, env=sts(glue)) as program:
        scraped = program.scrape_until(lambda e: e.status(run_id))
        assert scraped.value(f"{RUN}up", catalog_id=OTHER_ACCOUNT) == 1
        assert scraped.value(f"{EXPORTER}target_info", catalog_id=OTHER_ACCOUNT) == 1
        assert scraped.value(f"{EXPORTER}api_requests_total", operation="GetCallerIdentity") == 1
        assert glue.calls(GET_RUN)[0].catalog_id == OTHER_ACCOUNT


def test_an_s3_tables_catalog_is_asked_for_as_it_is_written_and_the_region_is_the_sdks(
    glue: BareGlue, tmp_path: Path
) -> None:
    run_id = glue.records.put_run(sample_run(1), catalog_id=S3_TABLES)
    config = polled(target(glue.url, run_id, catalog_id=S3_TABLES, aws_region=None))
    with serve(tmp_path, config, env={"AWS_DEFAULT_REGION": "ap-southeast-2"}) as program:
        scraped = program.scrape_until(lambda e: e.status(run_id))
        assert scraped.value(f"{RUN}up", catalog_id=S3_TABLES, aws_region="ap-southeast-2") == 1
    assert {call.aws_region for call in glue.calls()} == {"ap-southeast-2"}


def test_without_any_region_the_program_says_what_to_do(tmp_path: Path) -> None:
    """It may refuse to start, or start and be down: it must say that a region is missing."""
    config = polled(target("http://127.0.0.1:9", sample_run_id(1), aws_region=None))
    told = run(tmp_path, "once", f"--config.file={write_config(tmp_path, config)}")
    assert told.status in {1, 2}
    assert "region" in told.err.lower()
    assert "Traceback" not in told.err


def test_one_entry_assumes_its_role_in_the_account_of_each_catalog(glue: BareGlue, tmp_path: Path) -> None:
    accounts = {ACCOUNT, OTHER_ACCOUNT}
    role = "arn:aws:iam::{account_id}:role/glue-read"
    watched = target(glue.url, name="company", views=["*.*"], assume_role={"role_arn": role}, catalog_id=None)
    with serve(tmp_path, polled({**watched, "catalog_ids": sorted(accounts)}), env=sts(glue)) as program:
        for account in accounts:
            program.await_up(f"company/{account}")
    assumed = {str(call.parameters["RoleArn"]) for call in glue.calls("AssumeRole")}
    assert assumed == {f"arn:aws:iam::{account}:role/glue-read" for account in accounts}


def test_a_role_is_assumed_and_renewed(glue: BareGlue, tmp_path: Path) -> None:
    glue.credentials_lifetime = 60  # so near to its end that it is renewed before every poll
    run_id = glue.records.put_run(sample_run(1, status="RUNNING"))
    role = {"role_arn": ROLE, "external_id": "external-id-do-not-print", "session_name": "watching"}
    config = polled(target(glue.url, run_id, assume_role=role))
    with serve(tmp_path, config, "--log.level=debug", env=sts(glue)) as program:
        glue.wait_for_calls(3, GET_RUN)
        scraped = program.scrape()
        assert scraped.up() == 1
        assert (scraped.value(f"{EXPORTER}api_requests_total", operation="AssumeRole") or 0) >= 2
    assumed = glue.calls("AssumeRole")[0].parameters
    assert (assumed["RoleArn"], assumed["ExternalId"], assumed["RoleSessionName"]) == tuple(role.values())
    assert {call.access_key for call in glue.calls(GET_RUN)} == {"ASIAGLUEREAD"}


def test_a_profile_is_used(glue: BareGlue, tmp_path: Path) -> None:
    (tmp_path / "credentials").write_text(
        "[reader]\naws_access_key_id=AKIAREADER\naws_secret_access_key=secret-do-not-print\n"
        f"aws_session_token={SESSION_TOKEN}\n"
    )
    run_id = glue.records.put_run(sample_run(1))
    env = {"AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials")}
    config = polled(target(glue.url, run_id, profile="reader"))
    with serve(tmp_path, config, "--log.level=debug", env=env) as program:
        program.scrape_until(lambda e: e.status(run_id))
    assert {call.access_key for call in glue.calls()} == {"AKIAREADER"}


def test_never_more_requests_than_allowed(glue: BareGlue, tmp_path: Path) -> None:
    """Retries count, and targets with the same credentials, region and endpoint share the lowest limit.

    On a busy machine a request may arrive late, and look close to those after it: one five in ten may
    look so, and 45 in a row may not. Whether each leaves in time, tests/glue/test_rate_limiter.py tells.
    """
    runs = [glue.records.put_run(sample_run(number, status="RUNNING")) for number in range(40)]
    glue.misbehave(THROTTLED, every=4)
    config = polled(
        target(glue.url, *runs[:20], name="slow", max_requests_per_second=4),
        target(glue.url, *runs[20:], name="quick", max_requests_per_second=50),
    )
    with serve(tmp_path, config):
        glue.wait_for_calls(50, seconds=90)
    times = [call.at for call in glue.calls()]
    assert min(after - first for first, after in zip(times, times[44:], strict=False)) > 9.9
    fives = sorted(after - first for first, after in zip(times, times[4:], strict=False))
    assert fives[len(fives) // 10] > 0.9, fives
    assert fives[len(fives) // 2] < 2.5, "the allowance is used"


@pytest.mark.parametrize("first", ["default", "written"])
def test_two_targets_with_the_same_run_make_no_duplicate(glue: BareGlue, tmp_path: Path, first: str) -> None:
    """Only the running exporter can tell that a default catalog is the one that is written there."""
    run_id, other = (glue.records.put_run(sample_run(n, status="RUNNING")) for n in (1, 2))
    targets = [
        target(glue.url, run_id, name="default", catalog_id=None),
        target(glue.url, run_id, other, name="written"),
    ]
    config = polled(*(targets if first == "default" else targets[::-1]))
    with serve(tmp_path, config, env=sts(glue)) as program:
        program.scrape_until(lambda e: e.status(run_id) and e.up("default") == e.up("written") == 1)
        glue.wait_for_calls(3, GET_RUN, run_id=other)
        scraped = program.scrape()
        assert scraped.up("default") == scraped.up("written") == 1
        assert [len(scraped.series(f"{RUN}up", run_id=one)) for one in (run_id, other)] == [1, 1]
        assert run_id in program.log
        assert sum(value for _, value in scraped.series(f"{EXPORTER}target_runs")) == 2
        assert glue.count(GET_RUN, run_id=run_id) <= glue.count(GET_RUN, run_id=other) + 1


def every_feature(glue: BareGlue) -> dict[str, Any]:
    """Return a configuration with every way in which something can be watched."""
    known = glue.records.put_run(sample_run(1))
    gone = "00000000-0000-4000-8000-000000000000"
    for number, view in enumerate(("sales.daily", "sales.hourly", "finance.revenue"), 2):
        glue.records.put_view(*view.split("."), refresh_seconds=3600)
        glue.records.put_run(view_run(number, view))
    ways: dict[str, dict[str, Any]] = {
        "runs": {"runs": [known, gone]},
        "names": {"views": ["finance.revenue"], "catalog_id": f"{ACCOUNT}:s3tablescatalog/a"},
        "globs": {"views": ["sales.*"], "catalog_id": f"{ACCOUNT}:s3tablescatalog/b"},
        "everything": {"views": ["*.*"], "exclude_views": ["tmp.*"], "catalog_id": None},
        "role": {"views": ["*.*"], "assume_role": {"role_arn": ROLE}, "aws_region": "us-east-1"},
    }
    return polled(*(target(glue.url, name=name, **way) for name, way in ways.items()))


def test_the_calls_of_all_features_are_exactly_those_of_the_policy(glue: BareGlue, tmp_path: Path) -> None:
    """The daemon with every way to watch, with all that is denied, too; the commands that ask AWS."""
    statements = json.loads(POLICY.read_text())["Statement"]
    assert {statement["Effect"] for statement in statements} == {"Allow"}
    allowed = {action for statement in statements for action in statement["Action"]}
    config, env = every_feature(glue), sts(glue)
    with serve(tmp_path, config, env=env) as program:
        for way in ("runs", "everything", "role"):
            program.await_up(way)
        program.scrape_until(lambda e: e.up("globs") is not None)
        glue.misbehave(ACCESS_DENIED)  # a program that is denied something could try something else
        program.scrape_until(lambda e: e.up("runs") == e.up("role") == 0, what="all is denied")
        glue.behave()
    file = write_config(tmp_path, config)
    for command in ("once", "runs"):
        run(tmp_path, command, f"--config.file={file}", env=env)
    run(tmp_path, "runs", "--aws.region=eu-west-1", env=env | {"AWS_ENDPOINT_URL_GLUE": glue.url})
    run(tmp_path, "check-config", "--online", str(file), env=env)
    of_sts = {"GetCallerIdentity", "AssumeRole"}
    made = {("sts:" if call.operation in of_sts else "glue:") + call.operation for call in glue.calls()}
    # AWS answers GetCallerIdentity to everybody; roles to assume are those of the configuration: docs/aws.md.
    assert made == allowed | {"sts:GetCallerIdentity", "sts:AssumeRole"}
