"""``runs`` as users type it, against a simulated Glue over HTTP."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from exporter.cli.main import run
from exporter.simulated_glue.runs import RunScript, RunStatus
from tests.support.bare_faults import HANG, error, slow
from tests.support.bare_glue import BareGlue
from tests.support.bare_records import ACCOUNT, Listing, sample_run
from tests.support.moto_glue import MotoGlue
from tests.support.terminal import OnTerminal

RUNNING = RunScript(start_delay=0, duration=10_000)
ENDED = RunScript(start_delay=0, duration=60)
FAILED = RunScript(start_delay=0, duration=60, outcome=RunStatus.FAILED, error_message="No access\nto x")
CURSOR_ON, CURSOR_OFF = "\x1b[?25h", "\x1b[?25l"


@pytest.fixture
def glue(environment: pytest.MonkeyPatch) -> Iterator[MotoGlue]:
    """Serve a Glue that the AWS SDK's own environment leads to; there is no configuration here."""
    with MotoGlue() as moto:
        environment.setenv("AWS_ENDPOINT_URL", moto.url)
        yield moto


@pytest.fixture
def run_ids(glue: MotoGlue) -> dict[str, str]:
    """Four runs in two databases, the newest first."""
    now, catalog = time.time(), glue.catalog()
    for name in ("sales.orders", "sales.returns", "ops.audit"):
        catalog.add_view(name)
    return {
        "running": catalog.add_run("sales.orders", RUNNING, created=now - 600),
        "ended": catalog.add_run("sales.orders", ENDED, created=now - 7200),
        "failed": catalog.add_run("sales.returns", FAILED, created=now - 90_000),
        "audit": catalog.add_run("ops.audit", ENDED, created=now - 200_000),
    }


@pytest.fixture
def bare(environment: pytest.MonkeyPatch) -> Iterator[BareGlue]:
    """Serve a Glue that answers whatever a test wants."""
    with BareGlue() as bare:
        environment.setenv("AWS_ENDPOINT_URL", bare.url)
        yield bare


def configure(*targets: dict[str, object], name: str = "config.yaml") -> None:
    targets = tuple({"aws_region": "eu-west-1", **target} for target in targets)
    Path(name).write_text(yaml.safe_dump({"targets": list(targets)}))


Output = pytest.CaptureFixture[str]
Listed = Callable[..., list[str]]


@pytest.fixture
def listed(capsys: Output) -> Listed:
    """Return what runs the command, and returns the IDs of the runs that it lists as JSON."""

    def read(*args: str, status: int = 0) -> list[str]:
        assert run(["runs", "--output=json", *args]) == status
        return [entry["run_id"] for entry in json.loads(capsys.readouterr().out)]

    return read


def test_a_pipe_gets_a_table_newest_first_and_nothing_on_standard_error(
    capsys: Output, monkeypatch: pytest.MonkeyPatch, run_ids: dict[str, str]
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    configure({"views": ["sales.*"], "runs": [run_ids["audit"]]})
    assert run(["runs"]) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[0].startswith("VIEW           RUN ID ")
    assert [line.split()[1] for line in lines[1:]] == list(run_ids.values())
    assert lines[3].split()[0] == "sales.returns"
    assert lines[3].endswith("  No access")
    assert err == ""


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["--aws.region=eu-west-1"], ["running", "ended", "failed", "audit"]),
        (["--aws.region", "eu-west-1", "--database", "sales"], ["running", "ended", "failed"]),
        (["--aws.region=eu-west-1", "--database=sales", "--table=returns"], ["failed"]),
        (["--aws.region=eu-west-1", "--table=audit", "--database="], ["audit"]),
        (["--aws.region=eu-west-1", "--database=s*", "--table=*r*s"], ["running", "ended", "failed"]),
        (["--aws.region=eu-west-1", "--catalog-id=123456789012"], ["running", "ended", "failed", "audit"]),
        (["--aws.region=eu-west-1", "--catalog-id=999999999999"], []),
        (["--aws.region=us-east-1"], []),
        (["--aws.region=eu-west-1", "--status=FAILED"], ["failed"]),
        (["--aws.region=eu-west-1", "--status=failed", "--status", "running"], ["running", "failed"]),
        (["--aws.region=eu-west-1", "--max-age=24h"], ["running", "ended"]),
        (["--aws.region=eu-west-1", "--max-age=1d2h", "--limit=2"], ["running", "ended"]),
        (["--aws.region=eu-west-1", "--limit=1", "--database=sales"], ["running"]),
    ],
)
def test_without_a_configuration_flags_say_where_to_look(
    listed: Listed, run_ids: dict[str, str], args: list[str], expected: list[str]
) -> None:
    assert listed(*args) == [run_ids[name] for name in expected]


def test_a_named_database_is_all_that_glue_is_asked_for(glue: MotoGlue) -> None:
    assert run(["runs", "--aws.region=eu-west-1", "--catalog-id=123456789012", "--database=sales"]) == 0
    (call,) = glue.calls()
    assert (call.operation, call.parameters["DatabaseName"]) == (
        "ListMaterializedViewRefreshTaskRuns",
        "sales",
    )
    assert "TableName" not in call.parameters


@pytest.mark.parametrize(
    "case",
    [
        ("GLUE_MV_EXPORTER_AWS_REGION=eu-west-1", ["--database=ops"], "audit"),
        ("AWS_DEFAULT_REGION=eu-west-1", ["--database=ops"], "audit"),
        ("GLUE_MV_EXPORTER_DATABASE=ops", ["--aws.region=eu-west-1"], "audit"),
        # In the exporter's container, say, where the environment names the exporter's own file.
        ("GLUE_MV_EXPORTER_CONFIG_FILE=x.yaml", ["--aws.region=eu-west-1", "--database=ops"], "audit"),
        ("GLUE_MV_EXPORTER_CONFIG_FILE=x.yaml", ["--limit=1"], "running"),
    ],
)
def test_the_environment_is_heeded_and_the_command_line_wins(
    environment: pytest.MonkeyPatch, listed: Listed, run_ids: dict[str, str], case: tuple[str, list[str], str]
) -> None:
    (name, _, value), args, expected = case[0].partition("="), case[1], case[2]
    configure({"views": ["sales.*"]}, name="x.yaml")
    environment.setenv(name, value)
    assert listed(*args) == [run_ids[expected]]


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["--database=sales"], ["running", "ended", "failed"]),
        (["--table=*r*s", "--database=s*"], ["running", "ended", "failed"]),
        (["--table=audit"], ["audit"]),
        (["--database=elsewhere"], []),
        (["--aws.region=eu-west-1", "--catalog-id=123456789012"], ["running", "ended", "failed", "audit"]),
        (["--catalog-id=999999999999"], []),
    ],
)
def test_together_with_a_configuration_flags_narrow_it(
    listed: Listed, run_ids: dict[str, str], args: list[str], expected: list[str]
) -> None:
    configure(
        {"name": "runs", "runs": [run_ids["audit"]]},
        {"name": "views", "views": ["sales.*"]},
        {"name": "elsewhere", "aws_region": "us-east-1", "views": ["sales.*"]},
    )
    assert listed("--config.file=config.yaml", *args) == [run_ids[name] for name in expected]


def test_targets_of_other_regions_and_catalogs_are_not_read(glue: MotoGlue) -> None:
    configure(
        {"catalog_id": "123456789012", "views": ["a.*"]},
        {"catalog_id": "999999999999", "views": ["b.*"]},
        {"aws_region": "us-east-1", "views": ["c.*"]},
    )
    place = ("--aws.region=eu-west-1", "--catalog-id=123456789012")
    assert run(["runs", "--config.file=config.yaml", *place]) == 0
    assert [call.parameters["DatabaseName"] for call in glue.calls()] == ["a"]


def test_a_status_that_the_api_does_not_list_is_asked_for_by_its_name(listed: Listed, bare: BareGlue) -> None:
    paused = bare.records.put_run(sample_run(1, status="PAUSED"))
    bare.records.put_run(sample_run(2, status="QUEUED"))
    configure({"catalog_id": ACCOUNT, "views": ["*.*"]})
    assert listed("--status=paused") == [paused]
    assert len(listed("--status=unknown")) == 2
    assert len(listed("--status=")) == 2, "empty is none, as of a variable that is not set"


def test_a_run_that_two_targets_watch_is_found_once(listed: Listed, bare: BareGlue) -> None:
    run_id = bare.records.put_run(sample_run(1))
    by_id: dict[str, object] = {"name": "second", "catalog_id": ACCOUNT, "runs": [run_id.upper()]}
    configure({"name": "first", "catalog_id": ACCOUNT, "views": ["*.*"]}, by_id)
    assert listed() == [run_id]


def test_the_block_for_a_configuration_reads_as_one(
    capsys: Output, listed: Listed, tmp_path: Path, run_ids: dict[str, str]
) -> None:
    assert run(["runs", "--aws.region=eu-west-1", "--database=ops", "--output=config"]) == 0
    file = tmp_path / "pasted.yaml"
    block = capsys.readouterr().out
    assert "  # ops.audit SUCCEEDED\n" in block
    file.write_text(f"targets:\n  - aws_region: eu-west-1\n{block}")
    assert listed(f"--config.file={file}") == [run_ids["audit"]]


@pytest.mark.usefixtures("glue")
def test_where_there_are_no_runs_it_says_so(capsys: Output, listed: Listed) -> None:
    assert run(["runs", "--aws.region=eu-west-1"]) == 0
    assert capsys.readouterr() == ("", "no runs\n")
    assert listed("--aws.region=eu-west-1") == []


def test_a_target_that_cannot_be_read_is_status_1_after_the_rest_is_printed(
    capsys: Output, glue: MotoGlue, run_ids: dict[str, str]
) -> None:
    configure(
        {"name": "denied", "views": ["ops.*"]},
        {"name": "prod", "views": ["sales.*"], "max_requests_per_second": 50},
    )
    denied = error("AccessDeniedException", message="not \x1b[31myou")
    glue.judge = lambda call: denied if call.parameters.get("DatabaseName") == "ops" else None
    assert run(["runs"]) == 1
    out, err = capsys.readouterr()
    assert run_ids["running"] in out
    assert run_ids["audit"] not in out
    assert err.startswith("target denied: ListMaterializedViewRefreshTaskRuns: AccessDeniedException: not ")
    assert err.removesuffix("\n").isprintable(), "one line, and nothing that steers a terminal"


def test_a_listing_that_breaks_off_leaves_the_pages_before_it(listed: Listed, bare: BareGlue) -> None:
    newest = {bare.records.put_run(sample_run(number)) for number in range(5)}
    bare.records.put_run(sample_run(7))
    bare.listing = Listing(page_limit=5, token_lifetime=-1)
    configure({"catalog_id": ACCOUNT, "views": ["*.*"]})
    assert set(listed(status=1)) == newest


def test_missing_credentials_are_status_1_in_a_line(
    capsys: Output, monkeypatch: pytest.MonkeyPatch, glue: MotoGlue
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    assert run(["runs", "--aws.region=eu-west-1"]) == 1
    err = capsys.readouterr().err.splitlines()
    assert err[0] == "no runs in what could be read"
    assert err[-1].startswith("target eu-west-1: GetCallerIdentity: ")
    assert glue.count() == 0


def test_a_run_id_that_glue_does_not_know_is_no_failure(capsys: Output, glue: MotoGlue) -> None:
    unknown = "0f8fad5b-d9cb-469f-a165-70867728950e"
    configure({"name": "prod", "runs": [unknown]})
    assert run(["runs"]) == 0
    assert capsys.readouterr() == ("", f"no runs\ntarget prod: Glue does not know {unknown}\n")
    assert glue.count("GetMaterializedViewRefreshTaskRun") == 1


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        ([], "config.yaml: no such file: name another with --config.file, say where to look with"),
        (["--config.file=missing.yaml"], "missing.yaml: no such file"),
        (["--config.file=x", "--database=y"], "x: no such file"),
        (["--database=y"], "no AWS region: give --aws.region, or set AWS_DEFAULT_REGION"),
        (["--aws.region=Ireland"], "'--aws.region': not a valid AWS region: \"Ireland\"; write one"),
        (["--aws.region=eu-west-1", "--catalog-id=12"], "'--catalog-id': not a valid catalog ID"),
        (["--max-age=5"], "a duration needs its unit: write 5s"),
        (["--limit=0"], "'--limit'"),
        (["--output=xml"], "'xml' is not one of"),
        (["--watch", "--output=json"], "--watch keeps a table on screen: leave out --output=json"),
        (["--watch", "--aws.region=eu-west-1"], "--watch needs a terminal"),
    ],
)
@pytest.mark.usefixtures("glue")
def test_wrong_usage_is_status_2(capsys: Output, args: list[str], complaint: str) -> None:
    assert run(["runs", *args]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert complaint in " ".join(err.split())


def test_a_terminal_sees_how_far_it_is_and_gets_colours(bare: BareGlue) -> None:
    run_ids = [bare.records.put_run(sample_run(n, status="FAILED" if n else "RUNNING")) for n in range(25)]
    bare.judge = lambda call: slow(4.0) if call.parameters.get("DatabaseName") == "none" else None
    configure(
        {"name": "all", "catalog_id": ACCOUNT, "views": ["*.*"]},
        {"name": "none", "catalog_id": ACCOUNT, "views": ["none.*"]},
    )
    terminal = OnTerminal("runs")
    assert terminal.end() == 0
    assert "reading, 1 of 2 targets done, 25 runs" in terminal.screen
    assert terminal.screen.rindex(CURSOR_ON) > terminal.screen.rindex(CURSOR_OFF)
    assert "\x1b[1;31mFAILED" in terminal.screen
    assert all(run_id in terminal.screen for run_id in run_ids)


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_watch_keeps_the_table_on_screen_until_a_signal(
    run_ids: dict[str, str], ending: signal.Signals
) -> None:
    terminal = OnTerminal("runs", "--aws.region=eu-west-1", "--watch")
    terminal.wait_for(run_ids["audit"])
    terminal.process.send_signal(ending)
    signalled = time.monotonic()
    assert terminal.end() == 0
    assert time.monotonic() - signalled < 9
    assert terminal.screen.rstrip().endswith("\x1b[?1049l"), "the screen is what it was before"
    assert CURSOR_ON in terminal.screen
    assert "Traceback" not in terminal.screen


@pytest.mark.parametrize("arguments", [["runs"], ["check-config", "--online", "config.yaml"]])
def test_a_signal_ends_a_command_in_the_middle_of_a_call(glue: MotoGlue, arguments: list[str]) -> None:
    configure({"views": ["*.*"]})
    glue.misbehave(HANG)
    terminal = OnTerminal(*arguments)
    glue.wait_for_calls(1)
    terminal.process.send_signal(signal.SIGTERM)
    signalled = time.monotonic()
    assert terminal.end() == 130
    assert time.monotonic() - signalled < 9
    assert terminal.screen.rindex(CURSOR_ON) > terminal.screen.rindex(CURSOR_OFF)
    assert "Traceback" not in terminal.screen


def test_once_shows_progress_on_a_terminal_and_leaves_nothing_of_it(run_ids: dict[str, str]) -> None:
    configure({"runs": [run_ids["audit"]]})
    terminal = OnTerminal("once")
    assert terminal.end() == 0
    assert terminal.screen.index("reading") < terminal.screen.index("# HELP")
    assert terminal.screen.rindex(CURSOR_ON) > terminal.screen.rindex(CURSOR_OFF)


@pytest.mark.parametrize(
    ("why", "redirected", "commands"),
    [
        (b"it is closed", ">&-", ["runs", "once", "check-config config.yaml"]),
        (
            b"No space left on device",
            ">/dev/full",
            ["runs", "once", "check-config config.yaml", "--version", "--help", "serve --help"],
        ),
    ],
)
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_standard_output_that_cannot_be_written_is_status_1_in_a_line(
    run_ids: dict[str, str], why: bytes, redirected: str, commands: list[str], unbuffered: str
) -> None:
    """Python hides some of these errors, and shows others, where PYTHONUNBUFFERED is set."""
    configure({"runs": [run_ids["audit"]]})
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONUNBUFFERED": unbuffered}
    for command in commands:
        shell = ["sh", "-c", f'"$0" -m exporter {command} {redirected}', sys.executable]
        done = subprocess.run(shell, stderr=subprocess.PIPE, env=environment, check=False, timeout=100)
        assert done.returncode == 1
        line = b"glue-mv-exporter: cannot write to standard output: " + why + b"\n"
        assert [text for text in done.stderr.splitlines(True) if b"level=info" not in text] == [line]
