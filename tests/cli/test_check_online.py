"""``check-config --online`` as users type it, against a Glue over HTTP."""

import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from exporter.cli.check_online import clients_of
from exporter.cli.main import run
from exporter.store.series import RequestStats
from tests.support import bare_faults as faults
from tests.support.bare_glue import GET_RUN, LIST_RUNS, BareGlue, Call
from tests.support.bare_records import ACCOUNT, sample_run, sample_run_id
from tests.support.moto_glue import MotoGlue
from tests.support.store_bench import target
from tests.support.terminal import OnTerminal

UNKNOWN = sample_run_id(77)
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture
def glue(environment: pytest.MonkeyPatch) -> Iterator[BareGlue]:
    """Three views in two databases; the sources of one of them are in a third one."""
    with BareGlue() as bare:
        environment.setenv("AWS_ENDPOINT_URL", bare.url)
        sources = [
            bare.records.put_source("landing", name, update_time=1.0) for name in ("orders", "returns")
        ]
        bare.records.put_view("sales", "daily", definition={"SubObjects": sources})
        bare.records.put_view("sales", "hourly", definition={"SubObjects": sources[:1]})
        bare.records.put_view("finance", "revenue")
        bare.records.put_table({"Name": "plain"}, database="finance")
        bare.records.put_run(sample_run(1))
        yield bare


def configure(*targets: dict[str, object], name: str = "config.yaml") -> None:
    """Write a configuration; the targets are in eu-west-1, and are called prod unless they say otherwise."""
    usual = {"name": "prod", "aws_region": "eu-west-1", "max_requests_per_second": 50}
    Path(name).write_text(yaml.safe_dump({"targets": [{**usual, **target} for target in targets]}))


Check = Callable[..., tuple[str, str]]


@pytest.fixture
def check(capsys: pytest.CaptureFixture[str]) -> Check:
    """Return what checks files: it returns standard output, runs of blanks as one, and standard error."""

    def ask(*files: str, status: int) -> tuple[str, str]:
        assert run(["check-config", "--online", *(files or ("config.yaml",))]) == status
        out, err = capsys.readouterr()
        return re.sub(" +", " ", out), err

    return ask


def operations(glue: BareGlue) -> list[str]:
    """Return the operations that were asked, in the order of the alphabet."""
    return sorted(call.operation for call in glue.calls())


def denied(operation: str, **parameters: str) -> object:
    """Return a judge that denies an operation where the parameters are these."""

    def judge(call: Call) -> faults.Fault | None:
        fits = operation == call.operation and parameters.items() <= call.parameters.items()
        return faults.error("AccessDeniedException", message=f"no {operation} for you") if fits else None

    return judge


def test_all_is_well(check: Check, glue: BareGlue) -> None:
    """Who it is, each permission, what each pattern matches, the runs and the sources; each asked once."""
    configure({"views": ["sales.*", "finance.revenue"], "runs": [sample_run_id(1)]})
    out, err = check(status=0)
    assert out.splitlines() == [
        "config.yaml: OK (1 targets, 1 runs, 2 view patterns)",
        "",
        "prod: eu-west-1, the account of the caller",
        f" ok caller arn:aws:iam::{ACCOUNT}:user/test",
        " ok permission glue:GetTables",
        " ok permission glue:GetTable",
        " ok permission glue:ListMaterializedViewRefreshTaskRuns",
        " ok permission glue:GetMaterializedViewRefreshTaskRun",
        " ok pattern sales.*: 2 views: sales.daily, sales.hourly",
        " ok view finance.revenue",
        " ok runs Glue knows all 1",
        " ok sources all 2 can be read",
    ]
    assert err == ""
    listed = ["GetTables"] * 2  # of sales and of the sources
    assert operations(glue) == ["GetCallerIdentity", GET_RUN, "GetTable", *listed, LIST_RUNS]


def test_a_pattern_over_the_account_reads_each_database_once(check: Check, glue: BareGlue) -> None:
    for number in range(250):
        glue.records.put_view(f"database_{number:03}", "view")
    views = ["*.*", "sales.*", "*.daily", "finance.revenue"]
    configure({"views": views, "catalog_id": ACCOUNT, "max_requests_per_second": 200})
    out, _ = check(status=0)
    assert " ok permission glue:GetDatabases\n" in out
    assert (
        " ok pattern *.*: 253 views: database_000.view, database_001.view, database_002.view and 250 more\n"
        in out
    )
    assert " ok pattern *.daily: 1 view: sales.daily\n" in out
    read = [call.parameters["DatabaseName"] for call in glue.calls("GetTables")]
    assert len(read) == len(set(read)) == 253
    assert (glue.count("GetDatabases"), glue.count("GetTable"), glue.count(LIST_RUNS)) == (3, 0, 1)


@pytest.mark.parametrize("operation", ["GetDatabases", "GetTables", "GetTable", LIST_RUNS, GET_RUN])
def test_every_permission_that_is_needed_is_asked_for(check: Check, glue: BareGlue, operation: str) -> None:
    configure(
        {"name": "all", "views": ["*.*"], "runs": [sample_run_id(1)]},
        {"name": "one", "views": ["finance.revenue"]},
    )
    glue.judge = denied(operation)  # type: ignore[assignment]
    out, err = check(status=1)
    assert f" failed permission glue:{operation}: AccessDeniedException: no {operation} for you" in out
    assert "\nconfig.yaml: something is missing for " in err


def test_where_databases_may_not_be_listed_those_that_patterns_name_are_read(
    check: Check, glue: BareGlue
) -> None:
    configure({"views": ["sales.*", "finance.x*", "finance.revenue", "*.tmp_*"]})
    glue.judge = denied("GetDatabases")  # type: ignore[assignment]
    out, _ = check(status=1)
    assert " failed permission glue:GetDatabases" in out
    assert " ok permission glue:GetTables\n" in out
    assert " ok pattern sales.*: 2 views: sales.daily, sales.hourly\n" in out
    assert " failed pattern finance.x*: matches no materialized view\n" in out
    assert " ok view finance.revenue\n" in out
    assert " warning pattern *.tmp_*: not known, because some tables could not be read\n" in out


def test_some_databases_are_denied(check: Check, glue: BareGlue) -> None:
    """A policy may allow some of them alone; what the others hold is still shown."""
    configure({"views": ["*.*", "finance.*", "finance.x", "sales.x", "sales.x*"]})
    glue.judge = denied("GetTables", DatabaseName="finance")  # type: ignore[assignment]
    out, _ = check(status=1)
    assert out.count("failed") == 3
    assert " failed view sales.x: does not exist" in out
    assert " failed pattern sales.x*: matches no materialized view" in out
    assert " ok pattern *.*: 2 views: sales.daily, sales.hourly\n" in out
    assert " warning pattern finance.*: not known" in out
    assert " warning view finance.x: not known" in out


@pytest.mark.parametrize(
    ("view", "complaint"),
    [
        ("finance.revenu", "view finance.revenu: does not exist"),
        ("nowhere.revenue", "view nowhere.revenue: does not exist"),
        ("finance.plain", "view finance.plain: not a materialized view"),
        ("finance.x*", "pattern finance.x*: matches no materialized view"),
        ("nowhere.*", "pattern nowhere.*: matches no materialized view"),
        ("SALES.*", "pattern SALES.*: matches no materialized view"),
        ("n*.*", "pattern n*.*: matches no materialized view"),
    ],
)
@pytest.mark.parametrize("others", [[], ["f*.revenue"], ["finance.revenue", "finance.a", "finance.b"]])
@pytest.mark.usefixtures("glue")
def test_what_a_pattern_does_not_match_is_status_1(
    check: Check, view: str, complaint: str, others: list[str]
) -> None:
    """Also where the tables of the database are listed, for other patterns or for more names."""
    configure({"views": [view, *others]})
    out, _ = check(status=1)
    assert f" failed {complaint}\n" in out


def test_a_name_is_not_that_of_the_view_that_glue_finds_in_another_case(check: Check, glue: BareGlue) -> None:
    """The exporter would not watch it."""
    configure({"views": ["finance.Revenue"]})
    found = faults.json_answer({"Table": {"Name": "revenue", "IsMaterializedView": True}})
    glue.misbehave(found, operation="GetTable")
    out, _ = check(status=1)
    assert " failed view finance.Revenue: does not exist\n" in out


@pytest.mark.usefixtures("glue")
def test_a_view_that_is_excluded_is_status_1(check: Check) -> None:
    configure({"views": ["sales.daily", "sales.*"], "exclude_views": ["*.daily"]})
    out, _ = check(status=1)
    assert " failed view sales.daily: excluded\n" in out
    assert " ok pattern sales.*: 1 view: sales.hourly\n" in out


def test_runs_that_glue_does_not_know_are_status_1(check: Check, glue: BareGlue) -> None:
    configure({"runs": [sample_run_id(1), UNKNOWN]})
    out, _ = check(status=1)
    assert " ok permission glue:GetMaterializedViewRefreshTaskRun\n" in out
    assert f" failed runs Glue does not know 1 of 2: {UNKNOWN}\n" in out
    assert operations(glue) == ["GetCallerIdentity", GET_RUN, GET_RUN], "no view, and so no listing"


def test_sources_that_cannot_be_read_are_a_warning(check: Check, glue: BareGlue) -> None:
    elsewhere = f"arn:aws:glue:us-east-1:{ACCOUNT}:table/landing/orders"
    gone = f"arn:aws:glue:eu-west-1:{ACCOUNT}:table/landing/gone"
    foreign = glue.records.put_source("lake", "events", update_time=1.0, catalog_id="210987654321")
    sources = [elsewhere, gone, foreign, f"arn:aws:glue:eu-west-1:{ACCOUNT}:table/landing/orders"]
    glue.records.put_view("ops", "audit", definition={"SubObjects": sources})
    configure({"views": ["ops.*"]})
    out, _ = check(status=0)
    why = (
        f"2 of 4 do not show when they changed: {gone} (not_found), {elsewhere} (not a table of this region)"
    )
    assert f" warning sources {why}\n" in out
    assert [call.catalog_id for call in glue.calls("GetTable")].count("210987654321") == 1
    assert "glue:GetTable\n" not in out, "no view needs it"


def test_a_passing_failure_of_a_source_is_shown(check: Check, glue: BareGlue) -> None:
    configure({"views": ["sales.hourly"]})
    throttled = faults.THROTTLED
    glue.judge = lambda call: throttled if call.parameters.get("DatabaseName") == "landing" else None
    out, _ = check(status=0)
    assert "table/landing/orders (GetTable: ThrottlingException" in out


def test_sources_that_were_listed_for_the_views_or_are_not_wanted_are_not_asked_for(
    check: Check, glue: BareGlue
) -> None:
    gone = f"arn:aws:glue:eu-west-1:{ACCOUNT}:table/landing/gone"
    glue.records.put_view("ops", "audit", definition={"SubObjects": [gone]})
    configure({"views": ["*.*"]})
    out, _ = check(status=0)
    assert f" warning sources 1 of 3 do not show when they changed: {gone} (not_found)\n" in out
    assert glue.count("GetTable") == 0


def test_targets_of_different_roles_are_checked_each_by_its_own(
    check: Check, environment: pytest.MonkeyPatch
) -> None:
    with MotoGlue() as moto:
        environment.setenv("AWS_ENDPOINT_URL", moto.url)
        moto.catalog().add_view("sales.daily")
        moto.catalog(catalog_id="210987654321").add_view("ops.audit")
        roles = {
            account: {"role_arn": f"arn:aws:iam::{account}:role/glue-read", "external_id": "s3cr3t"}
            for account in ("123456789012", "210987654321")
        }
        configure(
            {"name": "own", "views": ["sales.daily"], "assume_role": roles["123456789012"]},
            {"name": "other", "views": ["ops.*", "sales.*"], "assume_role": roles["210987654321"]},
        )
        out, err = check(status=1)
    own, other = out.split("other: ")
    for account, part in (("123456789012", own), ("210987654321", other)):
        assert f"caller arn:aws:sts::{account}:assumed-role/glue-read/…\n" in part
    assert "failed" not in own
    assert " ok pattern ops.*: 1 view: ops.audit\n" in other
    assert " failed pattern sales.*: matches no materialized view\n" in other
    assert err == "config.yaml: something is missing for other\n"


@pytest.mark.parametrize("catalog", [{}, {"catalog_id": ACCOUNT}])
def test_missing_credentials_are_one_line(
    check: Check, environment: pytest.MonkeyPatch, glue: BareGlue, catalog: dict[str, object]
) -> None:
    environment.delenv("AWS_ACCESS_KEY_ID")
    configure({"views": ["*.*", "finance.revenue"], "runs": [UNKNOWN], **catalog})
    out, err = check(status=1)
    (line,) = out.splitlines()[3:]
    assert line.startswith(" failed credentials ")
    assert line.endswith(": Unable to locate credentials")
    assert err == "config.yaml: something is missing for prod\n"
    assert glue.count() == 0


@pytest.mark.usefixtures("glue")
def test_an_unreachable_sts_is_a_warning_where_the_catalog_is_named(
    check: Check, environment: pytest.MonkeyPatch
) -> None:
    """As in a VPC with an endpoint for Glue alone: the exporter does not need it there."""
    environment.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1")
    configure({"views": ["finance.revenue"], "catalog_id": ACCOUNT})
    out, _ = check(status=0)
    assert f"prod: eu-west-1, {ACCOUNT}\n warning caller not known, and not needed: GetCallerId" in out
    assert " ok view finance.revenue\n" in out


def test_an_unreachable_glue_is_not_asked_for_everything(check: Check, glue: BareGlue) -> None:
    configure({"runs": [sample_run_id(number) for number in range(50)], "catalog_id": ACCOUNT})
    glue.judge = lambda call: faults.UNAVAILABLE if call.service == "glue" else None
    out, _ = check(status=1)
    assert " failed permission glue:GetMaterializedViewRefreshTaskRun: HTTP status 503 (and 2 more)\n" in out
    assert out.splitlines()[-1] == " failed nothing else was asked"
    assert glue.count(GET_RUN) < 50


def test_a_record_that_cannot_be_read_is_status_1(check: Check, glue: BareGlue) -> None:
    glue.records.put_view("sales", "odd", CreateTime="yesterday")
    configure({"views": ["sales.*"]})
    out, _ = check(status=1)
    assert " failed permission glue:GetTables: table sales.odd: CreateTime is a string, not a number\n" in out


def test_files_that_are_not_valid_are_status_2_and_nothing_is_asked(check: Check, glue: BareGlue) -> None:
    configure({"views": ["sales.*"]}, name="good.yaml")
    configure({"views": ["sales.*"], "profil": "x"}, name="bad.yaml")
    out, err = check("good.yaml", "bad.yaml", status=2)
    assert "did you mean profile?" in err
    assert out == "good.yaml: OK (1 targets, 0 runs, 1 view patterns)\n"
    assert glue.count() == 0


def test_every_file_is_checked(check: Check, glue: BareGlue) -> None:
    configure({"views": ["sales.*"]}, name="good.yaml")
    configure({"views": ["none.*"]}, name="missing.yaml")
    out, err = check("missing.yaml", "good.yaml", status=1)
    assert out.count(" ok permission glue:GetTables\n") == 2
    assert err == "missing.yaml: something is missing for prod\n"
    assert glue.count(LIST_RUNS) == 2


@pytest.mark.usefixtures("glue")
def test_online_needs_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check-config", "--online", "--web.config.file=web.yml"]) == 2
    assert "Missing argument 'FILE...'" in capsys.readouterr().err


@pytest.mark.usefixtures("glue")
def test_a_target_without_a_region_is_status_2(check: Check) -> None:
    Path("config.yaml").write_text("targets: [{views: [sales.*]}]")
    _, err = check(status=2)
    assert "no AWS region" in err


def test_a_terminal_sees_progress_has_colours_and_is_not_steered(glue: BareGlue) -> None:
    hostile = "x\x1b]0;owned\x07\u202e[red]y"
    glue.records.put_view("sales", hostile, definition={"SubObjects": [f"arn:{hostile}"]})
    configure({"views": ["sales.*", "ops.*"], "runs": [UNKNOWN]})
    message = "User is not authorized\x1b[2J to perform it"
    glue.judge = lambda call: (
        faults.error("AccessDeniedException", message=message) if call.operation == GET_RUN else None
    )
    terminal = OnTerminal("check-config", "--online", "config.yaml")
    assert terminal.end() == 1
    progress, *_, shown = terminal.screen.split("\x1b[2K")
    assert "asking AWS" in progress
    assert terminal.screen.rindex("\x1b[?25h") > terminal.screen.rindex("\x1b[?25l"), "the cursor is back"
    assert "\x1b[31mfailed" in shown, "colours"
    *lines, last = COLOUR.sub("", shown).splitlines()
    assert all(line.isprintable() for line in (*lines, last))
    assert last == "config.yaml: something is missing for prod"
    assert "[red]" in shown, "no markup"


def test_targets_of_one_access_are_asked_at_the_lowest_of_their_rates() -> None:
    targets = [replace(target(str(rate)), max_requests_per_second=rate) for rate in (20.0, 1.0)]
    clients = clients_of(targets)
    readers = [clients.catalog(one, RequestStats(), threading.Event()) for one in targets]
    assert [reader.connection.limiter.requests_per_second for reader in readers] == [1.0, 1.0]
