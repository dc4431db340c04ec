"""promtool runs the unit tests of the shipped rules, and notices every change of a rule."""

import copy
import os
import subprocess
from collections.abc import Iterable
from functools import cache, partial
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.rules.mutations import Document, Mutant, around, mutants
from tests.rules.shipped import groups, rules
from tools.render_rules import render

pytestmark = pytest.mark.timeout(900)
"""A rule may take promtool a minute of a processor, which it shares with all other tests."""

FOLDER = Path(__file__).parents[1] / "rules" / "promtool"
FILES = sorted(FOLDER.glob("*.yml"))

FRUGAL = {"GOGC": "400", "GOMAXPROCS": "1"}
"""For hundreds of short runs, side by side."""
ATTEMPTS = 3

# Files with tests of these rules, the quick ones first: what these do not notice, all are asked about.
_RULES_OF = {
    "siblings_gone failures releases siblings": "view:glue_mv_info:max",
    "failures siblings": "view:glue_mv_failures:max",
    "overdue siblings": (
        "view:glue_mv_read_timestamp_seconds:max view:glue_mv_interval_seconds:max "
        "view:glue_mv_lag_seconds:max"
    ),
    "overdue stuck siblings": "view:glue_mv_running:max",
    "stuck siblings": "view:glue_mv_run_age_seconds:max",
    "stuck history_late siblings": (
        "view:glue_mv_run_age_floor_seconds:max view:glue_mv_run_age_limit_seconds:max"
    ),
    "stuck many": "view:glue_mv_stuck_seconds:max GlueMVRunStuck",
    "overdue many": "view:glue_mv_overdue_seconds:max GlueMVViewOverdue",
    "siblings_gone siblings full cost_full": "view:glue_mv_full_in_a_row:count",
    "failures many": "GlueMVRefreshFailed GlueMVRefreshFailing",
    "cost history_late siblings cost_full": "GlueMVRefreshCostJumped",
    "full history_late siblings": "GlueMVRefreshTurnedFull",
    "not_read siblings": "GlueMVViewNotRead",
    "many": (
        "GlueMVManyViewsAffected target:glue_mv_views:count target:glue_mv_views_failing:count "
        "target:glue_mv_views_overdue:count target:glue_mv_views_stuck:count "
        "target:glue_mv_views_affected:count view:glue_mv_affected:max "
        "target:glue_mv_many_views_affected:count"
    ),
    "history": "view:glue_mv_usual_duration_seconds:quantile7d view:glue_mv_success_duration_seconds:max10m",
    "history siblings": "view:glue_mv_usual_dpu_seconds:quantile7d view:glue_mv_success_dpu_seconds:max10m",
    "full full_week": "view:glue_mv_incremental:avg7d view:glue_mv_full:max10m",
    "records": "view:glue_mv_dpu_seconds:increase1h",
    "targets": "target:glue_mv_up:max GlueMVPollsStopped GlueMVThrottled",
    "fewer_views": "target:glue_mv_views_yesterday:max",
    "targets in_part": "GlueMVTargetDown GlueMVAccessDenied",
    "fewer_views fewer_views_soon renamed": "GlueMVFewerViews",
    "exporter exporter_day absences": "GlueMVExporterAbsent release:glue_mv_known:max",
    "exporter": "GlueMVReloadFailed GlueMVStorageFailing",
    "siblings_gone not_read siblings in_part": "view:glue_mv_read:max",
    "siblings_gone full siblings": "view:glue_mv_last_run_creation_timestamp_seconds:max",
    "unreliable": "view:glue_mv_failures:max10m",
    "unreliable_week": "view:glue_mv_recoveries:resets1d view:glue_mv_recoveries:resets7d",
    "objective": (
        "target:glue_mv_views_with_interval:count target:glue_mv_fresh:ratio GlueMVFreshnessBudgetBurn"
    ),
    "objective_day": (
        "target:glue_mv_fresh:ratio5m target:glue_mv_fresh:ratio30m target:glue_mv_fresh:ratio1h "
        "target:glue_mv_fresh:ratio6h"
    ),
    "objective_month": (
        "target:glue_mv_fresh:ratio1d target:glue_mv_fresh:ratio1w target:glue_mv_fresh:ratio4w"
    ),
    "in_part targets": "target:glue_mv_read:max",
    "fewer_views renamed": "catalog:glue_mv_views:sum",
    "unreliable unreliable_week": "GlueMVRefreshUnreliable",
    "in_part": "GlueMVTargetIncomplete",
    "absences": "GlueMVShardMissing",
}
TOLD_BY = {name: files.split() for files, names in _RULES_OF.items() for name in names.split()}

# Changes that change nothing that a test could see, by the reason and the rule: each with where it stands.
_HARMLESS = {
    "it is always 1": {
        "view:glue_mv_info:max": "max → min at 0, 120",
        "view:glue_mv_running:max": "* → / at 22",
        "view:glue_mv_lag_seconds:max": "max → min at 422",
        "view:glue_mv_full_in_a_row:count": "max → min at 4, 697",
        "GlueMVViewNotRead": "max → min at 485",
        "catalog:glue_mv_views:sum": "* → / at 156; max → min at 212",
        "GlueMVFewerViews": "max → min at 297; max_over_time → min_over_time at 363",
        "release:glue_mv_known:max": "max → min at 0",
    },
    "the view is not known any more by then": {"view:glue_mv_read:max": "5m → 600s at 222"},
    "how old what was worked out every ten minutes may be, if Prometheus stood still": {
        "view:glue_mv_run_age_floor_seconds:max": "30m → 3600s at 269",
        "view:glue_mv_run_age_limit_seconds:max": "30m → 3600s at 178",
        "GlueMVRefreshUnreliable": "30m → 900s at 160, 226; 30m → 3600s at 160, 226",
        "GlueMVRefreshCostJumped": "30m → 900s at 334; 30m → 3600s at 334",
        "GlueMVRefreshTurnedFull": "30m → 900s at 204; 30m → 3600s at 204",
    },
    "both limits are the same then": {"view:glue_mv_run_age_limit_seconds:max": "> → >= at 185"},
    "the time that it is taken from is gone after five minutes": {
        "view:glue_mv_lag_seconds:max": "5m → 600s at 405",
    },
    "nothing but 0 comes of 0 anyway": {
        "view:glue_mv_full_in_a_row:count": "* → / at 2",
        "target:glue_mv_views_failing:count": "* → / at 80",
        "target:glue_mv_views_overdue:count": "* → / at 83",
        "target:glue_mv_views_stuck:count": "* → / at 81",
        "target:glue_mv_views_affected:count": "* → / at 76",
    },
    "how long Prometheus may stand still": {
        "view:glue_mv_full_in_a_row:count": "1h → 1800s at 194, 557, 880; 1h → 7200s at 194, 557, 880",
        "view:glue_mv_last_run_creation_timestamp_seconds:max": "1h → 1800s at 347; 1h → 7200s at 347",
        "release:glue_mv_known:max": "1d → 43200s at 115; 1d → 172800s at 115",
    },
    "two targets read the same of one view": {"view:glue_mv_failures:max10m": "max → min at 0"},
    "the value is not told": {
        "GlueMVRefreshTurnedFull": "* → / at 22",
        "GlueMVViewNotRead": "+ → - at 335",
        "GlueMVExporterAbsent": "max → min at 0",
    },
    "these are never equal to the last digit": {
        "GlueMVFreshnessBudgetBurn": "> → >= at 33, 90, 146, 201",
        "GlueMVThrottled": ">= → > at 350",
    },
    "it is read where the target is down, which is 0": {
        "target:glue_mv_read:max": "0 → -1 at 1187; 0 → 1 at 1187",
    },
    "the alert waits for longer": {
        "catalog:glue_mv_views:sum": "5m → 150s at 148, 322; 5m → 600s at 148, 322",
    },
    "a target that was not there has no views that it lost": {"GlueMVFewerViews": "1h → 7200s at 406"},
    "the target's other figure has the same window": {
        "GlueMVFewerViews": "1h → 7200s at 529, 623",
        "GlueMVTargetDown": "15m → 1800s at 37, 91",
    },
    "it matters only whether there is one": {
        "GlueMVFewerViews": "max_over_time → min_over_time at 583",
        "GlueMVAccessDenied": "sum → max at 4, 162, 456",
    },
}


def harmless(name: str) -> set[str]:
    """Return the changes of a rule that need not be noticed."""
    found = "; ".join(rules[name] for rules in _HARMLESS.values() if name in rules)
    changes = [change.partition(" at ") for change in found.split("; ") if change]
    return {f"{what} at {place}" for what, _, places in changes for place in places.split(", ")}


def promtool(file: Path) -> tuple[bool, str]:
    """Return whether all tests in a file pass, and what promtool said."""
    done = subprocess.run(
        ["promtool", "test", "rules", file.name],
        cwd=file.parent,
        env={**os.environ, **FRUGAL},
        capture_output=True,
        check=False,
        timeout=300,
    )
    return done.returncode == 0, (done.stdout + done.stderr).decode()


def at_once(document: Document) -> Document:
    """Return the rules without ``keep_firing_for``: tests of when a condition ends need not wait for it."""
    changed = copy.deepcopy(document)
    for group in changed["groups"]:
        for rule in group["rules"]:
            rule.pop("keep_firing_for", None)
    return changed


def situations(file: Path) -> dict[str, str]:
    """Return each test of a file as a file of its own, which reads the rules beside it, by its name.

    Nodes, not values: what is 0x20 for promtool, 21 zeros, would become 32.
    """
    root: Any = yaml.compose(beside(file), yaml.CSafeLoader)
    (place,) = (place for place, (key, _) in enumerate(root.value) if key.value == "tests")
    key, tests = root.value[place]
    found = {}
    for number, test in enumerate(tests.value):
        root.value[place] = (key, yaml.SequenceNode(tests.tag, [test]))
        found[f"{file.stem}-{number}.yml"] = yaml.serialize(root, Dumper=yaml.CSafeDumper, width=10_000)
    return found


def beside(file: Path) -> str:
    """Return a file of tests so that it reads the rules in its own folder."""
    return file.read_text().replace("../../../deploy/prometheus/rules.yaml", "rules.yaml")


def as_yaml(document: Document) -> str:
    return yaml.dump(document, Dumper=yaml.CSafeDumper, width=1000)


def test_vmalert_accepts_the_rules(tmp_path: Path) -> None:
    """Debian's has no ``keep_firing_for``: docs/alerts.md says what to leave out."""
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(at_once({"groups": groups()})))
    done = subprocess.run(
        ["vmalert", "-dryRun", f"-rule={tmp_path / 'rules.yaml'}"],
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr.decode()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_rules_pass_their_tests(file: Path, tmp_path: Path) -> None:
    """Promtool 2.42 loses a series of a long history in one of some hundred runs: a rule fails every time."""
    document: Document = {"groups": groups()}
    rules = as_yaml(document if file.stem == "keep_firing" else at_once(document))
    (tmp_path / "rules.yaml").write_text(rules)
    tests = tmp_path / file.name
    tests.write_text(beside(file))
    attempts = [promtool(tests)]
    while not attempts[-1][0] and len(attempts) < ATTEMPTS:
        attempts.append(promtool(tests))
    assert attempts[-1][0], attempts[-1][1]


def test_two_releases_with_rules_of_their_own_judge_none_of_the_other(tmp_path: Path) -> None:
    """As the chart installs them: each with its thresholds, all in one Prometheus."""
    view = 'aws_region="eu-west-1",catalog_id="1",database="sales",table="orders"'
    series = {"up": 1, "glue_mv_exporter_build_info": 1}
    series |= {f'glue_mv_refresh_view_info{{{view},target="prod",owner=""}}': 1}
    series |= {f"glue_mv_refresh_view_consecutive_failures{{{view}}}": 3}
    releases = {"patient": 5, "strict": 2}
    given = []
    for job, failures in releases.items():
        text = render({"failuresInARow": failures}, selector=f'job="{job}",')
        (tmp_path / f"{job}.yaml").write_text(text)
        for name, value in series.items():
            labels = name.partition("{")[2].rstrip("}")
            metric = f'{name.partition("{")[0]}{{job="{job}",{labels}}}'
            given.append({"series": metric, "values": f"{value}x60"})
    firing = 'count by (alertname, job) (ALERTS{alertstate="firing"})'
    expected = {("GlueMVRefreshFailed", job) for job in releases} | {("GlueMVRefreshFailing", "strict")}
    samples = [
        {"labels": f'{{alertname="{alert}", job="{job}"}}', "value": 1} for alert, job in sorted(expected)
    ]
    asked = {"expr": firing, "eval_time": "30m", "exp_samples": samples}
    tests = [{"interval": "1m", "input_series": given, "promql_expr_test": [asked]}]
    files = [f"{job}.yaml" for job in releases]
    (tmp_path / "test.yaml").write_text(yaml.safe_dump({"rule_files": files, "tests": tests}))
    passed, said = promtool(tmp_path / "test.yaml")
    assert passed, said


@pytest.mark.parametrize("name", [rule.name for rule in rules()])
def test_every_change_of_a_rule_is_noticed(name: str, tmp_path: Path) -> None:
    """A rule that could be changed without a failing test would be one that nobody has tested."""
    document = around(at_once({"groups": groups()}), name)
    before, after = tmp_path / "before", tmp_path / "after"
    tests = {file.stem: situations(file) for file in FILES}
    for folder in (before, after):
        folder.mkdir()
        for test, text in chain.from_iterable(of_file.items() for of_file in tests.values()):
            (folder / test).write_text(text)
    (before / "rules.yaml").write_text(as_yaml(document))
    order = {stem: list(of_file) for stem, of_file in tests.items()}

    def said(folder: Path, test: str) -> list[str]:
        return sorted(promtool(folder / test)[1].splitlines())

    said_before = cache(partial(said, before))

    def is_noticed(mutant: Mutant, test: str) -> bool:
        """Tell whether promtool says something else; of what is harmless, twice: it may lose a series."""
        if said(after, test) == said_before(test):
            return False
        return mutant.change not in harmless(name) or said(after, test) != said(before, test)

    def survives(mutant: Mutant, files: Iterable[str]) -> bool:
        """Tell whether promtool says the same as of the rules as they are: of these, that all tests pass."""
        (after / "rules.yaml").write_text(as_yaml(mutant.document))
        for file in files:
            for test in order[file]:
                if is_noticed(mutant, test):
                    order[file].remove(test)
                    order[file].insert(0, test)  # it may well notice the next change, too
                    return False
        return True

    files = TOLD_BY[name]
    survivors = [mutant for mutant in mutants(document, name) if survives(mutant, files)]
    changes = {mutant.change for mutant in survivors}
    unexpected = [mutant for mutant in survivors if mutant.change not in harmless(name)]
    others = order.keys() - files
    assert [mutant.change for mutant in unexpected if survives(mutant, others)] == []
    assert harmless(name) <= changes, "this is noticed after all"
