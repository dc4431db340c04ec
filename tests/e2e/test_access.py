"""Accounts, credentials, shared limits, and two targets that mean the same run."""

import time
from pathlib import Path

import pytest

from tests.e2e.exposition import EXPORTER, RUN, Exposition
from tests.e2e.program import SESSION_TOKEN, Program, run, serve, target, write_config
from tests.support.bare_faults import ACCESS_DENIED, CUT_TEXT, EXPIRED_TOKEN, HANG, THROTTLED, Fault
from tests.support.bare_glue import GET_RUN, BareGlue
from tests.support.bare_records import ACCOUNT, sample_run, sample_run_id


def without_catalog(endpoint: str, *runs: str, **more: object) -> dict[str, object]:
    watched = target(endpoint, *runs, **more)
    del watched["catalog_id"]
    return watched


def sts(glue: BareGlue) -> dict[str, str]:
    return {"AWS_ENDPOINT_URL_STS": glue.url}


def test_the_default_catalog_is_the_account_of_the_caller(tmp_path: Path) -> None:
    with BareGlue() as glue:
        glue.account = "210987654321"
        run_id = glue.records.put_run(sample_run(1), catalog_id=glue.account)
        config = {"poll_interval": "5s", "targets": [without_catalog(glue.url, run_id)]}
        with serve(tmp_path, config, env=sts(glue)) as program:
            scraped = program.scrape_until(lambda e: e.status(run_id))
            assert scraped.value(f"{RUN}up", catalog_id=glue.account) == 1
            assert scraped.value(f"{EXPORTER}target_info", catalog_id=glue.account) == 1
            counted = {"target": "test", "operation": "GetCallerIdentity"}
            assert scraped.value(f"{EXPORTER}api_requests_total", **counted) == 1
            assert glue.calls(GET_RUN)[0].catalog_id == glue.account


def test_an_s3_tables_catalog_is_asked_for_as_it_is_written(tmp_path: Path) -> None:
    catalog = f"{ACCOUNT}:s3tablescatalog/my-bucket"
    with BareGlue() as glue:
        run_id = glue.records.put_run(sample_run(1), catalog_id=catalog)
        with serve(tmp_path, {"targets": [target(glue.url, run_id, catalog_id=catalog)]}) as program:
            scraped = program.scrape_until(lambda e: e.status(run_id))
            assert scraped.value(f"{RUN}up", catalog_id=catalog) == 1


@pytest.mark.parametrize("fault", [ACCESS_DENIED, EXPIRED_TOKEN, THROTTLED, HANG, CUT_TEXT])
def test_trouble_with_sts_is_a_matter_of_credentials(tmp_path: Path, fault: Fault) -> None:
    with BareGlue() as glue, BareGlue() as other:
        glue.misbehave(fault, operation="GetCallerIdentity")
        run_id = glue.records.put_run(sample_run(1))
        unharmed = other.records.put_run(sample_run(2))
        config = {
            "poll_interval": "5s",
            "targets": [
                without_catalog(glue.url, run_id, name="poor"),
                target(other.url, unharmed, name="other"),
            ],
        }
        with serve(tmp_path, config, env=sts(glue)) as program:
            scraped = program.scrape_until(
                lambda e: (
                    e.value(f"{EXPORTER}target_up", target="poor") == 0
                    and e.value(f"{EXPORTER}target_up", target="other") is not None
                ),
                40,
            )
            assert scraped.failures("poor").keys() == {"credentials"}
            assert scraped.failures("poor", "GetCallerIdentity").keys() == {"credentials"}
            assert scraped.value(f"{EXPORTER}target_up", target="other") == 1
            assert scraped.status(unharmed) == "SUCCEEDED"
            assert scraped.series(f"{RUN}up", run_id=run_id) == []
            glue.behave()
            program.scrape_until(lambda e: e.status(run_id) == "SUCCEEDED", 20, "recovers")


def test_without_credentials_a_target_is_down_for_that_reason(tmp_path: Path) -> None:
    with BareGlue() as glue:
        config = {"poll_interval": "5s", "targets": [target(glue.url, glue.records.put_run(sample_run(1)))]}
        env = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
        with serve(tmp_path, config, env=env) as program:
            scraped = program.scrape_until(lambda e: e.value(f"{EXPORTER}target_up") == 0)
            assert scraped.failures("test").keys() == {"credentials"}
            assert glue.count() == 0


def await_up(program: Program, name: str) -> None:
    program.scrape_until(lambda e: e.value(f"{EXPORTER}target_up", target=name) == 1)


def test_one_entry_assumes_its_role_in_the_account_of_each_catalog(tmp_path: Path) -> None:
    accounts = {"123456789012", "210987654321"}
    with BareGlue() as glue:
        watched = target(
            glue.url,
            name="company",
            catalog_ids=sorted(accounts),
            views=["*.*"],
            assume_role={"role_arn": "arn:aws:iam::{account_id}:role/glue-read"},
        )
        del watched["catalog_id"], watched["runs"]
        env = {**sts(glue), "AWS_DEFAULT_REGION": "eu-west-1"}
        with serve(tmp_path, {"poll_interval": "5s", "targets": [watched]}, env=env) as program:
            for account in accounts:
                await_up(program, f"company/{account}")
        assumed = {str(call.parameters["RoleArn"]) for call in glue.calls("AssumeRole")}
    assert assumed == {f"arn:aws:iam::{account}:role/glue-read" for account in accounts}


def test_a_role_is_assumed_and_renewed(tmp_path: Path) -> None:
    with BareGlue() as glue:
        glue.credentials_lifetime = 60  # so near to its end that it is renewed before every poll
        run_id = glue.records.put_run(sample_run(1, status="RUNNING"))
        role = {
            "role_arn": f"arn:aws:iam::{ACCOUNT}:role/glue-read",
            "external_id": "external-id-do-not-print",
            "session_name": "watching",
        }
        config = {"poll_interval": "5s", "targets": [target(glue.url, run_id, assume_role=role)]}
        arguments = ("--log.level=debug",)
        with serve(
            tmp_path, config, *arguments, env={**sts(glue), "AWS_DEFAULT_REGION": "eu-west-1"}
        ) as program:
            glue.wait_for_calls(3, GET_RUN)
            scraped = program.scrape()
            assert scraped.value(f"{EXPORTER}target_up", target="test") == 1
            assert (scraped.value(f"{EXPORTER}api_requests_total", operation="AssumeRole") or 0) >= 2
        assumed = glue.calls("AssumeRole")
        assert len(assumed) >= 2
        assert assumed[0].parameters["RoleArn"] == role["role_arn"]
        assert assumed[0].parameters["ExternalId"] == role["external_id"]
        assert assumed[0].parameters["RoleSessionName"] == "watching"
        assert {call.access_key for call in glue.calls(GET_RUN)} == {"ASIAGLUEREAD"}


def test_a_role_that_may_not_be_assumed_is_a_matter_of_credentials(tmp_path: Path) -> None:
    with BareGlue() as glue:
        glue.misbehave(ACCESS_DENIED, operation="AssumeRole")
        role = {"role_arn": f"arn:aws:iam::{ACCOUNT}:role/glue-read"}
        watched = target(glue.url, sample_run_id(1), assume_role=role)
        with serve(tmp_path, {"poll_interval": "5s", "targets": [watched]}, env=sts(glue)) as program:
            scraped = program.scrape_until(lambda e: e.value(f"{EXPORTER}target_up") == 0)
            assert scraped.failures("test", "AssumeRole").keys() == {"credentials"}
            assert scraped.failures("test").keys() == {"credentials"}
            assert glue.count(GET_RUN) == 0


def test_a_profile_is_used(tmp_path: Path) -> None:
    (tmp_path / "credentials").write_text(
        "[reader]\naws_access_key_id=AKIAREADER\naws_secret_access_key=secret-do-not-print\n"
        f"aws_session_token={SESSION_TOKEN}\n"
    )
    with BareGlue() as glue:
        run_id = glue.records.put_run(sample_run(1))
        config = {"targets": [target(glue.url, run_id, profile="reader")]}
        env = {"AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials")}
        with serve(tmp_path, config, "--log.level=debug", env=env) as program:
            program.scrape_until(lambda e: e.status(run_id))
        assert {call.access_key for call in glue.calls()} == {"AKIAREADER"}


def test_the_region_of_the_sdk_is_the_default(tmp_path: Path) -> None:
    with BareGlue() as glue:
        run_id = glue.records.put_run(sample_run(1))
        watched = target(glue.url, run_id)
        del watched["aws_region"]
        with serve(tmp_path, {"targets": [watched]}, env={"AWS_DEFAULT_REGION": "ap-southeast-2"}) as program:
            scraped = program.scrape_until(lambda e: e.status(run_id))
            assert scraped.value(f"{RUN}up", aws_region="ap-southeast-2") == 1
        assert {call.aws_region for call in glue.calls()} == {"ap-southeast-2"}


def test_without_any_region_the_program_says_what_to_do(tmp_path: Path) -> None:
    """It may refuse to start, or start and be down: it must say that a region is missing."""
    watched = target("http://127.0.0.1:9", sample_run_id(1))
    del watched["aws_region"]
    told = run(tmp_path, "once", f"--config.file={write_config(tmp_path, {'targets': [watched]})}")
    assert told.status in {1, 2}
    assert "region" in told.err.lower()
    assert "Traceback" not in told.err


def test_never_more_requests_than_allowed(tmp_path: Path) -> None:
    """Retries count, and targets with the same credentials, region and endpoint share the lowest limit.

    On a busy machine a request may arrive late, and look close to those after it: one five in ten may
    look so, and 17 in a row may not. Whether each leaves in time, tests/glue/test_limiter.py tells.
    """
    with BareGlue() as glue:
        runs = [glue.records.put_run(sample_run(number, status="RUNNING")) for number in range(40)]
        glue.misbehave(THROTTLED, every=4)
        config = {
            "poll_interval": "5s",
            "targets": [
                target(glue.url, *runs[:20], name="slow", max_requests_per_second=4),
                target(glue.url, *runs[20:], name="quick", max_requests_per_second=50),
            ],
        }
        with serve(tmp_path, config):
            time.sleep(16)
        times = [call.at for call in glue.calls()]
    assert len(times) > 45  # the allowance is used
    assert apart(times, 16)[0] > 3.6
    fives = apart(times, 4)
    assert fives[len(fives) // 10] > 0.9, fives


def apart(times: list[float], places: int) -> list[float]:
    """Return the seconds between each time and the one so many places later, the shortest first."""
    return sorted(after - first for first, after in zip(times, times[places:], strict=False))


def owners(scraped: Exposition, run_id: str) -> int:
    return len(scraped.series(f"{RUN}up", run_id=run_id))


@pytest.mark.parametrize("first", ["default", "written"])
def test_two_targets_with_the_same_run_make_no_duplicate(tmp_path: Path, first: str) -> None:
    """Only the running exporter can tell that a default catalog is the one that is written there."""
    with BareGlue() as glue:
        run_id, other = (glue.records.put_run(sample_run(n, status="RUNNING")) for n in (1, 2))
        targets = [
            without_catalog(glue.url, run_id, name="default"),
            target(glue.url, run_id, other, name="written"),
        ]
        config = {"poll_interval": "5s", "targets": targets if first == "default" else targets[::-1]}
        with serve(tmp_path, config, env=sts(glue)) as program:
            scraped = program.scrape_until(
                lambda e: (
                    e.status(run_id)
                    and e.value(f"{EXPORTER}target_up", target="default") == 1
                    and e.value(f"{EXPORTER}target_up", target="written") == 1
                )
            )
            glue.wait_for_calls(3, GET_RUN, run_id=other)
            scraped = program.scrape()
            assert owners(scraped, run_id) == owners(scraped, other) == 1
            for name in ("default", "written"):
                assert scraped.value(f"{EXPORTER}target_up", target=name) == 1
            assert run_id in program.log
            counted = sum(value for _, value in scraped.series(f"{EXPORTER}target_runs"))
            assert counted == 2
            assert glue.count(GET_RUN, run_id=run_id) <= glue.count(GET_RUN, run_id=other) + 1
