"""What the exporter says of itself, and the runbooks that it serves under its external URL."""

from pathlib import Path

import pytest

from tests.e2e.program import Program, run, serve, target
from tests.support.bare_glue import BareGlue
from tests.support.bare_records import sample_run, sample_run_id
from tests.support.passwords import basic, hashed

URL = "https://glue.example.org/exporter"


@pytest.mark.parametrize("way", ["flag", "variable"])
def test_the_external_url_shard_and_poll_interval_are_series(tmp_path: Path, way: str) -> None:
    arguments = (f"--web.external-url={URL}/",) if way == "flag" else ()
    env = {"GLUE_MV_EXPORTER_WEB_EXTERNAL_URL": f"{URL}/"} if way == "variable" else {}
    with BareGlue() as glue:
        watched = target(glue.url, glue.records.put_run(sample_run(1)))
        with serve(tmp_path, {"targets": [watched]}, *arguments, env=env) as program:
            text = program.get("/metrics").text
    assert f'\nglue_mv_exporter_web_info{{external_url="{URL}"}} 1\n' in text
    assert '\nglue_mv_exporter_shard_info{shard="0",shards="1"} 1\n' in text


def test_without_the_flag_there_is_no_external_url(tmp_path: Path) -> None:
    with BareGlue() as glue:
        watched = target(glue.url, glue.records.put_run(sample_run(1)))
        with serve(tmp_path, {"targets": [watched], "poll_interval": "7s"}, "--shard=0/1") as program:
            text = program.get("/metrics").text
    assert "glue_mv_exporter_web_info" not in text
    assert "\nglue_mv_exporter_poll_interval_seconds 7.0\n" in text


def test_a_shard_says_which_one_it_is(tmp_path: Path) -> None:
    with BareGlue() as glue:
        watched = target(glue.url, glue.records.put_run(sample_run(1)))
        with serve(tmp_path, {"targets": [watched]}, "--shard=glue-mv-exporter-1/3") as program:
            text = program.get("/metrics").text
    assert '\nglue_mv_exporter_shard_info{shard="1",shards="3"} 1\n' in text


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("glue.example.org", "not a valid http or https URL with a host"),
        ("ftp://glue.example.org", "not a valid http or https URL with a host"),
        ("https://", "not a valid http or https URL with a host"),
        ("https://me:secret-do-not-print@glue.example.org", "must not hold a user name or a password"),
        ("https://glue.example.org/?q=x", "must end with the path: no ? and no #"),
        ("https://glue.example.org/#views", "must end with the path: no ? and no #"),
    ],
)
def test_what_is_not_a_url_for_people_is_wrong_usage(tmp_path: Path, url: str, why: str) -> None:
    told = run(tmp_path, f"--web.external-url={url}")
    assert told.status == 2
    assert "'--web.external-url'" in told.err
    assert why in told.err


def test_a_runbook_is_a_page_that_asks_for_a_password_as_all_pages_do(tmp_path: Path) -> None:
    web = tmp_path / "web.yaml"
    web.write_text(f"basic_auth_users: {{me: '{hashed('open sesame')}'}}\n")
    config = {"targets": [target("http://127.0.0.1:9", sample_run_id(1))]}
    with serve(tmp_path, config, f"--web.config.file={web}") as program:
        assert program.get("/runbooks/GlueMVRefreshFailing").status == 401
        page = program.get("/runbooks/GlueMVRefreshFailing", **basic("me", "open sesame"))
    assert page.status == 200
    assert ">GlueMVRefreshFailing</h1>" in page.text


def test_the_demo_takes_the_external_url(tmp_path: Path) -> None:
    with Program(tmp_path, ("demo", f"--web.external-url={URL}")) as program:
        assert f'glue_mv_exporter_web_info{{external_url="{URL}"}} 1' in program.get("/metrics").text
