"""Every kind of broken configuration is refused at once, with its line and key, by every command."""

import re
import resource
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from tests.e2e.program import run

RUN_A = "0f8fad5b-d9cb-469f-a165-70867728950e"
RUN_B = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
HERE = "  #!"
"""Marks the line that the error must name."""


@dataclass(frozen=True)
class Broken:
    """A configuration and what must be said of it."""

    text: str
    key: str
    """The key path; empty where none can be named."""
    says: str = ""
    """A pattern of what else must be in that line."""
    line: int = 0
    """Where the text holds no mark; 0 then: any line, or none."""

    @property
    def expected_line(self) -> int:
        """The line that must be named; 0: any line, or none."""
        for number, line in enumerate(self.text.splitlines(), 1):
            if line.endswith(HERE):
                return number
        return self.line


def top(*lines: str) -> str:
    """Return a valid configuration with these lines before it."""
    return "\n".join([*lines, "targets:", "  - name: a", f"    runs: [{RUN_A}]", ""])


def one(*lines: str) -> str:
    """Return a configuration whose only target has these lines, besides a run."""
    return "\n".join(
        ["targets:", "  - name: a", f"    runs: [{RUN_A}]", *(f"    {line}" for line in lines), ""]
    )


def bomb() -> str:
    levels = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    names = "abcdefghijklmnop"
    levels += [f"{name}: &{name} [{', '.join(['*' + before] * 10)}]" for before, name in pairwise(names)]
    return "\n".join(levels) + f"\ntargets: *{names[-1]}\n"


BROKEN = {
    "misspelt_key": Broken(top(f"pol_interval: 30s{HERE}"), "pol_interval", "poll_interval"),
    "unknown_key": Broken(top(f"zzz: 1{HERE}"), "zzz"),
    "misspelt_target_key": Broken(
        one(f"catalogid: '123456789012'{HERE}"), "targets[0].catalogid", "catalog_id"
    ),
    "misspelt_role_key": Broken(
        one(
            "assume_role:",
            "  role_arn: arn:aws:iam::123456789012:role/x",
            f"  externalid: do-not-print{HERE}",
        ),
        "targets[0].assume_role.externalid",
        "external_id",
    ),
    "key_that_is_no_text": Broken(top(f"17: 30s{HERE}"), "17"),
    "interval_too_short": Broken(top(f"poll_interval: 4s{HERE}"), "poll_interval", "5s"),
    "interval_too_long": Broken(top(f"poll_interval: 2h{HERE}"), "poll_interval", "1h"),
    "interval_malformed": Broken(top(f"poll_interval: half a minute{HERE}"), "poll_interval"),
    "interval_without_unit": Broken(top(f"poll_interval: 30{HERE}"), "poll_interval"),
    "interval_of_wrong_type": Broken(top(f"poll_interval: [30s]{HERE}"), "poll_interval"),
    "interval_null": Broken(top(f"poll_interval:{HERE}"), "poll_interval"),
    "settle_period_negative": Broken(top(f"settle_period: -5s{HERE}"), "settle_period"),
    "settle_period_of_wrong_type": Broken(top(f"settle_period: true{HERE}"), "settle_period"),
    "resync_interval_malformed": Broken(top(f"resync_interval: 5 fortnights{HERE}"), "resync_interval"),
    "runs_per_view_negative": Broken(top(f"runs_per_view: -1{HERE}"), "runs_per_view"),
    "runs_per_view_of_wrong_type": Broken(top(f"runs_per_view: many{HERE}"), "runs_per_view"),
    "defaults_of_wrong_type": Broken(top(f"defaults: [1]{HERE}"), "defaults"),
    "name_in_defaults": Broken(top("defaults:", f"  name: b{HERE}"), "defaults.name"),
    "runs_in_defaults": Broken(top("defaults:", f"  runs: [{RUN_B}]{HERE}"), "defaults.runs"),
    "malformed_in_defaults": Broken(
        top("defaults:", f"  max_requests_per_second: 0{HERE}"), "defaults.max_requests_per_second"
    ),
    "targets_missing": Broken("poll_interval: 30s\n", "targets"),
    "targets_empty": Broken(f"targets: []{HERE}\n", "targets"),
    "targets_null": Broken(f"targets:{HERE}\n", "targets"),
    "targets_of_wrong_type": Broken("targets:\n  name: a\n", "targets"),
    "target_of_wrong_type": Broken(f"targets:\n  - just text{HERE}\n", "targets[0]"),
    "nothing_to_watch": Broken(f"targets:\n  - name: a{HERE}\n    aws_region: eu-west-1\n", "targets[0]"),
    "no_runs": Broken("targets:\n  - name: a\n    runs: []\n", "targets[0]"),
    "runs_of_wrong_type": Broken(f"targets:\n  - name: a\n    runs: {RUN_A}{HERE}\n", "targets[0].runs"),
    "run_id_malformed": Broken(
        f"targets:\n  - name: a\n    runs:\n      - {RUN_A}\n      - {RUN_B[:-1]}{HERE}\n",
        "targets[0].runs[1]",
    ),
    "run_id_with_a_line_break": Broken(
        f'targets:\n  - name: a\n    runs:\n      - "{RUN_A}\\n"{HERE}\n', "targets[0].runs[0]"
    ),
    "run_id_of_wrong_type": Broken(
        f"targets:\n  - name: a\n    runs:\n      - 17{HERE}\n", "targets[0].runs[0]"
    ),
    "run_id_null": Broken(f"targets:\n  - name: a\n    runs:\n      -{HERE}\n", "targets[0].runs[0]"),
    "name_empty": Broken(f"targets:\n  - name: ''{HERE}\n    runs: [{RUN_A}]\n", "targets[0].name"),
    "name_of_wrong_type": Broken(f"targets:\n  - name: [a]{HERE}\n    runs: [{RUN_A}]\n", "targets[0].name"),
    "duplicate_names": Broken(
        f"targets:\n  - name: a\n    runs: [{RUN_A}]\n  - name: a{HERE}\n    runs: [{RUN_B}]\n",
        "targets[1].name",
    ),
    "one_run_in_two_targets": Broken(
        "defaults: {aws_region: eu-west-1, catalog_id: '123456789012'}\n"
        f"targets:\n  - name: a\n    runs: [{RUN_A}]\n"
        f"  - name: b\n    runs:\n      - {RUN_A}{HERE}\n",
        "targets[1].runs[0]",
    ),
    "one_run_in_two_targets_in_other_case": Broken(
        "defaults: {aws_region: eu-west-1, catalog_id: '123456789012'}\n"
        f"targets:\n  - name: a\n    runs: [{RUN_A}]\n"
        f"  - name: b\n    runs:\n      - {RUN_A.upper()}{HERE}\n",
        "targets[1].runs[0]",
    ),
    "region_malformed": Broken(one(f"aws_region: Ireland{HERE}"), "targets[0].aws_region"),
    "region_of_wrong_type": Broken(one(f"aws_region: 1{HERE}"), "targets[0].aws_region"),
    "catalog_malformed": Broken(one(f"catalog_id: my-catalog{HERE}"), "targets[0].catalog_id"),
    "catalog_of_wrong_type": Broken(one(f"catalog_id: {{a: b}}{HERE}"), "targets[0].catalog_id"),
    "endpoint_without_scheme": Broken(one(f"endpoint_url: 127.0.0.1:5000{HERE}"), "targets[0].endpoint_url"),
    "endpoint_of_other_scheme": Broken(one(f"endpoint_url: ftp://example/{HERE}"), "targets[0].endpoint_url"),
    "endpoint_without_host": Broken(one(f"endpoint_url: http://{HERE}"), "targets[0].endpoint_url"),
    "endpoint_with_bad_port": Broken(one(f"endpoint_url: http://x:99999{HERE}"), "targets[0].endpoint_url"),
    "endpoint_malformed_with_password": Broken(
        one(f"endpoint_url: htp://user:do-not-print@example{HERE}"), "targets[0].endpoint_url"
    ),
    "role_arn_malformed": Broken(
        one("assume_role:", f"  role_arn: glue-read{HERE}"), "targets[0].assume_role.role_arn"
    ),
    "role_arn_of_a_user": Broken(
        one("assume_role:", f"  role_arn: arn:aws:iam::123456789012:user/x{HERE}"),
        "targets[0].assume_role.role_arn",
    ),
    "role_arn_missing": Broken(
        one(f"assume_role:{HERE}", "  session_name: watching"), "targets[0].assume_role.role_arn"
    ),
    "role_of_wrong_type": Broken(one(f"assume_role: glue-read{HERE}"), "targets[0].assume_role"),
    "external_id_of_wrong_type": Broken(
        one(
            "assume_role:",
            "  role_arn: arn:aws:iam::123456789012:role/x",
            f"  external_id: [do-not-print]{HERE}",
        ),
        "targets[0].assume_role.external_id",
    ),
    "profile_of_wrong_type": Broken(one(f"profile: 1{HERE}"), "targets[0].profile"),
    "limit_zero": Broken(one(f"max_requests_per_second: 0{HERE}"), "targets[0].max_requests_per_second"),
    "limit_negative": Broken(one(f"max_requests_per_second: -1{HERE}"), "targets[0].max_requests_per_second"),
    "limit_not_a_number": Broken(
        one(f"max_requests_per_second: .nan{HERE}"), "targets[0].max_requests_per_second"
    ),
    "limit_infinite": Broken(
        one(f"max_requests_per_second: .inf{HERE}"), "targets[0].max_requests_per_second"
    ),
    "limit_of_wrong_type": Broken(
        one(f"max_requests_per_second: fast{HERE}"), "targets[0].max_requests_per_second"
    ),
    "secret_key_in_target": Broken(
        one(f"aws_secret_access_key: do-not-print{HERE}"), "targets[0].aws_secret_access_key", "AWS"
    ),
    "access_key_in_defaults": Broken(
        top("defaults:", f"  aws_access_key_id: do-not-print{HERE}"), "defaults.aws_access_key_id", "AWS"
    ),
    "session_token_at_the_top": Broken(
        top(f"aws_session_token: do-not-print{HERE}"), "aws_session_token", "AWS"
    ),
    "empty": Broken("", "", "empty"),
    "only_comments": Broken("# nothing\n\n# here\n", "", "empty"),
    "only_null": Broken("~\n", ""),
    "list_at_the_top": Broken("- a\n- b\n", "", line=1),
    "text_at_the_top": Broken("hello\n", "", line=1),
    "unclosed_quote": Broken('poll_interval: "30s\ntargets: []\n', ""),
    "unclosed_bracket": Broken("targets: [\n", ""),
    "tab_for_indent": Broken("targets:\n\t- name: a\n", "", line=2),
    "bad_indent": Broken("targets:\n  - name: a\n   runs: []\n", "", line=3),
    "two_documents": Broken(top() + "---\n" + top(), ""),
    "duplicate_key": Broken(top("poll_interval: 30s", f"poll_interval: 40s{HERE}"), "poll_interval"),
    "duplicate_key_in_target": Broken(
        one("aws_region: eu-west-1", f"aws_region: eu-west-2{HERE}"), "targets[0].aws_region"
    ),
    "python_object": Broken(top(f'poll_interval: !!python/object/apply:os.system ["touch /x"]{HERE}'), ""),
    "unknown_tag": Broken(top(f"poll_interval: !secret x{HERE}"), ""),
    "unknown_alias": Broken(top(f"poll_interval: *nowhere{HERE}"), ""),
    "alias_bomb": Broken(bomb(), ""),
    "alias_of_itself": Broken("targets: &a [*a]\n", ""),
    "deep_nesting": Broken("targets: " + "[" * 30_000 + "]" * 30_000, "", line=1),
    "deep_open_nesting": Broken("[" * 30_000, "", line=1),
    "deep_block_nesting": Broken("- " * 30_000 + "a\n", "", line=1),
    "deep_mappings": Broken("targets: " + "{a: " * 30_000 + "}" * 30_000, "", line=1),
    "control_character": Broken("targets: \x07\n", ""),
    "key_as_list": Broken(top(f"? [a, b]{HERE}", ": 1"), ""),
    "views_malformed": Broken(
        f"targets:\n  - name: a\n    views:\n      - no_dot{HERE}\n", "targets[0].views[0]"
    ),
}


def processor_seconds() -> float:
    """Return what ended children have used so far: no busy machine makes it longer, as it does a clock."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def check(err: str, file: str, broken: Broken) -> None:
    """Look for the one line that says it."""
    line = f":{broken.expected_line}" if broken.expected_line else r"(:\d+)?"
    position = re.escape(file) + line
    key = f": {re.escape(broken.key)}" if broken.key else ""
    pattern = f"^.*{position}{key}: .*{broken.says}"
    assert re.search(pattern, err, re.MULTILINE), f"{pattern} is not in:\n{err[:2000]}"
    assert "Traceback" not in err
    assert len(err) < 5_000, "so long a message helps nobody"


@pytest.mark.parametrize("kind", BROKEN)
def test_serve_refuses_it(tmp_path: Path, kind: str) -> None:
    (tmp_path / "broken.yaml").write_text(BROKEN[kind].text)
    arguments = ("--config.file=broken.yaml", "--web.listen-address=127.0.0.1:0")
    before = processor_seconds()
    told = run(tmp_path, "serve", *arguments)
    assert told.status == 2, told
    assert processor_seconds() - before < 30, "not fast"
    assert told.out == ""
    check(told.err, "broken.yaml", BROKEN[kind])
    assert [path.name for path in tmp_path.iterdir()] == ["broken.yaml"], "code was executed"


def test_check_config_refuses_every_one_of_them(tmp_path: Path) -> None:
    """All in one command: each file has its lines, and none keeps the next one from being checked."""
    for kind, broken in BROKEN.items():
        (tmp_path / f"{kind}.yaml").write_text(broken.text)
    told = run(tmp_path, "check-config", *(f"{kind}.yaml" for kind in BROKEN), seconds=60)
    assert told.status == 2
    assert told.out == ""
    for kind, broken in BROKEN.items():
        lines = [line for line in told.err.splitlines() if line.startswith(f"{kind}.yaml")]
        check("\n".join(lines), f"{kind}.yaml", broken)


@pytest.mark.parametrize("kind", ["misspelt_key", "empty", "alias_bomb", "deep_nesting", "python_object"])
def test_check_config_refuses_it_alone(tmp_path: Path, kind: str) -> None:
    (tmp_path / "broken.yaml").write_text(BROKEN[kind].text)
    told = run(tmp_path, "check-config", "broken.yaml")
    assert told.status == 2, told
    check(told.err, "broken.yaml", BROKEN[kind])


@pytest.mark.parametrize("command", ["serve", "once"])
@pytest.mark.parametrize("kind", ["missing", "folder", "not_utf8", "nul_bytes"])
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, kind: str, command: str) -> None:
    path = tmp_path / "broken.yaml"
    if kind == "folder":
        path.mkdir()
    elif kind == "not_utf8":
        path.write_bytes(b"targets: \xff\xfe\xfa\n")
    elif kind == "nul_bytes":
        path.write_bytes(b"targets: \0\n")
    told = run(tmp_path, command, "--config.file=broken.yaml")
    assert told.status == 2
    assert "broken.yaml" in told.err
    assert "Traceback" not in told.err


def test_all_errors_are_printed_at_once_in_the_order_of_the_lines(tmp_path: Path) -> None:
    text = (
        "poll_interval: 1s\nsettle_perod: 10m\ntargets:\n"
        "  - name: a\n    runs: [nonsense]\n    aws_region: Ireland\n"
        "  - name: a\n    runs: []\n    max_requests_per_second: -1\n"
    )
    (tmp_path / "broken.yaml").write_text(text)
    told = run(tmp_path, "check-config", "broken.yaml")
    assert told.status == 2
    places = re.findall(r"^broken\.yaml:(\d+): (\S+): ", told.err, re.MULTILINE)
    keys = {key for _, key in places}
    assert keys >= {
        "poll_interval",
        "settle_perod",
        "targets[0].runs[0]",
        "targets[0].aws_region",
        "targets[1].max_requests_per_second",
    }
    numbers = [int(number) for number, _ in places]
    assert numbers == sorted(numbers)
