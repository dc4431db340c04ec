"""promtool runs the unit tests of the shipped rules, and notices every change of a rule."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from tests.rules.mutations import Document, Mutant, around, mutants
from tests.rules.shipped import groups, rules

FOLDER = Path(__file__).parents[1] / "rules" / "promtool"
FILES = sorted(FOLDER.glob("*.yml"))
RULES = FOLDER.parents[2] / "deploy" / "prometheus" / "rules.yaml"

FRUGAL = {"GOGC": "400", "GOMAXPROCS": "1"}
"""For hundreds of short runs, side by side."""
ATTEMPTS = 3

# Where a rule's tests are, the quick ones first: what these do not notice, all are asked about.
TOLD_BY = {
    "view:glue_mv_info:max": "siblings_gone failures releases siblings",
    "view:glue_mv_failures:max": "failures siblings",
    "view:glue_mv_read_timestamp_seconds:max": "overdue siblings",
    "view:glue_mv_interval_seconds:max": "overdue siblings",
    "view:glue_mv_running:max": "overdue stuck siblings",
    "view:glue_mv_run_age_seconds:max": "stuck siblings",
    "view:glue_mv_run_age_floor_seconds:max": "stuck history_late siblings",
    "view:glue_mv_run_age_limit_seconds:max": "stuck history_late siblings",
    "view:glue_mv_stuck_seconds:max": "stuck many",
    "view:glue_mv_lag_seconds:max": "overdue siblings",
    "view:glue_mv_overdue_seconds:max": "overdue many",
    "view:glue_mv_full_in_a_row:count": "siblings_gone siblings full cost_full",
    "GlueMVRefreshFailed": "failures many",
    "GlueMVRefreshFailing": "failures many",
    "GlueMVViewOverdue": "overdue many",
    "GlueMVRunStuck": "stuck many",
    "GlueMVRefreshCostJumped": "cost history_late siblings cost_full",
    "GlueMVRefreshTurnedFull": "full history_late siblings",
    "GlueMVViewNotRead": "not_read siblings",
    "GlueMVManyViewsAffected": "many",
    "target:glue_mv_views:count": "many",
    "target:glue_mv_views_failing:count": "many",
    "target:glue_mv_views_overdue:count": "many",
    "target:glue_mv_views_stuck:count": "many",
    "target:glue_mv_views_affected:count": "many",
    "view:glue_mv_usual_duration_seconds:quantile7d": "history",
    "view:glue_mv_usual_dpu_seconds:quantile7d": "history siblings",
    "view:glue_mv_incremental:avg7d": "full full_week",
    "view:glue_mv_dpu_seconds:increase1h": "records",
    "target:glue_mv_up:max": "targets",
    "target:glue_mv_views_yesterday:max": "fewer_views",
    "GlueMVTargetDown": "targets in_part",
    "GlueMVPollsStopped": "targets",
    "GlueMVAccessDenied": "targets in_part",
    "GlueMVThrottled": "targets",
    "GlueMVFewerViews": "fewer_views fewer_views_soon renamed",
    "GlueMVExporterAbsent": "exporter exporter_day absences",
    "GlueMVReloadFailed": "exporter",
    "GlueMVStorageFailing": "exporter",
    "view:glue_mv_read:max": "siblings_gone not_read siblings in_part",
    "view:glue_mv_affected:max": "many",
    "view:glue_mv_last_run_creation_timestamp_seconds:max": "siblings_gone full siblings",
    "view:glue_mv_success_duration_seconds:max10m": "history",
    "view:glue_mv_success_dpu_seconds:max10m": "history siblings",
    "view:glue_mv_full:max10m": "full full_week",
    "view:glue_mv_failures:max10m": "unreliable",
    "view:glue_mv_recoveries:resets1d": "unreliable_week",
    "view:glue_mv_recoveries:resets7d": "unreliable_week",
    "target:glue_mv_many_views_affected:count": "many",
    "target:glue_mv_views_with_interval:count": "objective",
    "target:glue_mv_fresh:ratio": "objective",
    "target:glue_mv_fresh:ratio5m": "objective_day",
    "target:glue_mv_fresh:ratio30m": "objective_day",
    "target:glue_mv_fresh:ratio1h": "objective_day",
    "target:glue_mv_fresh:ratio6h": "objective_day",
    "target:glue_mv_fresh:ratio1d": "objective_month",
    "target:glue_mv_fresh:ratio1w": "objective_month",
    "target:glue_mv_fresh:ratio4w": "objective_month",
    "target:glue_mv_read:max": "in_part targets",
    "catalog:glue_mv_views:sum": "fewer_views renamed",
    "release:glue_mv_known:max": "exporter exporter_day absences",
    "GlueMVRefreshUnreliable": "unreliable unreliable_week",
    "GlueMVFreshnessBudgetBurn": "objective",
    "GlueMVTargetIncomplete": "in_part",
    "GlueMVShardMissing": "absences",
}
# Changes that change nothing that a test could see, and why.
ALWAYS_ONE = "it is always 1"
ZERO = "nothing but 0 comes of 0 anyway"
BRIDGE = "how old what was worked out every ten minutes may be, if Prometheus stood still"
STOOD_STILL = "how long Prometheus may stand still"
NEVER_EQUAL = "these are never equal to the last digit"
ANY = "it matters only whether there is one"
UNTOLD = "the value is not told"
HARMLESS: dict[str, dict[str, str]] = {
    "view:glue_mv_info:max": {"max → min at 0": ALWAYS_ONE, "max → min at 120": ALWAYS_ONE},
    "view:glue_mv_read:max": {"5m → 600s at 222": "the view is not known any more by then"},
    "view:glue_mv_running:max": {"* → / at 22": ALWAYS_ONE},
    "view:glue_mv_run_age_floor_seconds:max": {"30m → 3600s at 269": BRIDGE},
    "view:glue_mv_run_age_limit_seconds:max": {
        "30m → 3600s at 178": BRIDGE,
        "> → >= at 185": "both limits are the same then",
    },
    "view:glue_mv_lag_seconds:max": {
        "5m → 600s at 405": "the time that it is taken from is gone after five minutes",
        "max → min at 422": ALWAYS_ONE,
    },
    "view:glue_mv_full_in_a_row:count": {
        "* → / at 2": ZERO,
        "max → min at 4": ALWAYS_ONE,
        "max → min at 697": ALWAYS_ONE,
        "1h → 1800s at 194": STOOD_STILL,
        "1h → 7200s at 194": STOOD_STILL,
        "1h → 1800s at 557": STOOD_STILL,
        "1h → 7200s at 557": STOOD_STILL,
        "1h → 1800s at 880": STOOD_STILL,
        "1h → 7200s at 880": STOOD_STILL,
    },
    "view:glue_mv_last_run_creation_timestamp_seconds:max": {
        "1h → 1800s at 347": STOOD_STILL,
        "1h → 7200s at 347": STOOD_STILL,
    },
    "view:glue_mv_failures:max10m": {"max → min at 0": "two targets read the same of one view"},
    "GlueMVRefreshUnreliable": {
        "30m → 900s at 160": BRIDGE,
        "30m → 3600s at 160": BRIDGE,
        "30m → 900s at 226": BRIDGE,
        "30m → 3600s at 226": BRIDGE,
    },
    "GlueMVRefreshCostJumped": {"30m → 900s at 334": BRIDGE, "30m → 3600s at 334": BRIDGE},
    "GlueMVRefreshTurnedFull": {
        "* → / at 22": UNTOLD,
        "30m → 900s at 204": BRIDGE,
        "30m → 3600s at 204": BRIDGE,
    },
    "GlueMVViewNotRead": {
        "+ → - at 335": UNTOLD,
        "max → min at 485": ALWAYS_ONE,
    },
    "GlueMVFreshnessBudgetBurn": {
        "> → >= at 33": NEVER_EQUAL,
        "> → >= at 90": NEVER_EQUAL,
        "> → >= at 146": NEVER_EQUAL,
        "> → >= at 201": NEVER_EQUAL,
    },
    "target:glue_mv_views_failing:count": {"* → / at 80": ZERO},
    "target:glue_mv_views_overdue:count": {"* → / at 83": ZERO},
    "target:glue_mv_views_stuck:count": {"* → / at 81": ZERO},
    "target:glue_mv_views_affected:count": {"* → / at 76": ZERO},
    "target:glue_mv_read:max": {
        "0 → -1 at 373": "it is read where the target is down, which is 0",
        "0 → 1 at 373": "it is read where the target is down, which is 0",
    },
    "catalog:glue_mv_views:sum": {
        "5m → 150s at 148": "the alert waits for longer",
        "5m → 600s at 148": "the alert waits for longer",
        "* → / at 156": ALWAYS_ONE,
        "max → min at 212": ALWAYS_ONE,
        "5m → 150s at 322": "the alert waits for longer",
        "5m → 600s at 322": "the alert waits for longer",
    },
    "GlueMVFewerViews": {
        "max → min at 297": ALWAYS_ONE,
        "max_over_time → min_over_time at 363": ALWAYS_ONE,
        "1h → 7200s at 406": "a target that was not there has no views that it lost",
        "1h → 7200s at 529": "the target's own figure has the same window",
        "max_over_time → min_over_time at 583": ANY,
        "1h → 7200s at 623": "the target's own figure has the same window",
    },
    "GlueMVThrottled": {">= → > at 350": NEVER_EQUAL},
    "GlueMVAccessDenied": {"sum → max at 4": ANY, "sum → max at 162": ANY, "sum → max at 456": ANY},
    "GlueMVExporterAbsent": {"max → min at 0": UNTOLD},
    "release:glue_mv_known:max": {
        "max → min at 0": ALWAYS_ONE,
        "1h → 1800s at 115": STOOD_STILL,
        "1h → 7200s at 115": STOOD_STILL,
    },
}


def promtool(files: Sequence[Path]) -> tuple[bool, str]:
    """Return whether all tests in these files pass, and what promtool said."""
    done = subprocess.run(
        ["promtool", "test", "rules", *map(str, files)],
        env={**os.environ, **FRUGAL},
        capture_output=True,
        check=False,
        timeout=120,
    )
    return done.returncode == 0, (done.stdout + done.stderr).decode()


def at_once(document: Document) -> Document:
    """Return the rules without ``keep_firing_for``: tests of when a condition ends need not wait for it."""
    return {
        "groups": [
            group
            | {
                "rules": [
                    {key: value for key, value in rule.items() if key != "keep_firing_for"}
                    for rule in group["rules"]
                ]
            }
            for group in document["groups"]
        ]
    }


def beside(folder: Path, document: Document, file: Path) -> Path:
    """Write the rules and a file of tests that reads them. Return the path of the latter."""
    (folder / "rules.yaml").write_text(yaml.dump(document, Dumper=yaml.CSafeDumper, width=1000))
    tests = folder / file.name
    tests.write_text(file.read_text().replace("../../../deploy/prometheus/rules.yaml", "rules.yaml"))
    return tests


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
    tests = beside(tmp_path, document if file.stem == "keep_firing" else at_once(document), file)
    attempts = [promtool([tests])]
    while not attempts[-1][0] and len(attempts) < ATTEMPTS:
        attempts.append(promtool([tests]))
    assert attempts[-1][0], attempts[-1][1]


class Ward:
    """The rules around one of them, and what promtool says to them and to their mutants."""

    def __init__(self, name: str, folder: Path) -> None:
        self._folder = folder
        self._document = around(at_once({"groups": groups()}), name)
        self.mutants = list(mutants(self._document, name))
        self._said: dict[str, list[str]] = {}

    def notices(self, mutant: Mutant, file: Path) -> bool:
        """Tell whether promtool says something else than to the rules as they are.

        That is a failing test: to all of the rules as they are, it says that all tests pass.
        """
        if file.name not in self._said:
            self._said[file.name] = self._say(self._document, file)
        return self._say(mutant.document, file) != self._said[file.name]

    def _say(self, document: Document, file: Path) -> list[str]:
        tests = beside(self._folder, document, file)
        return sorted(promtool([tests])[1].splitlines())


@pytest.mark.parametrize("name", [rule.name for rule in rules()])
def test_every_change_of_a_rule_is_noticed(name: str, tmp_path: Path) -> None:
    """A rule that could be changed without a failing test would be one that nobody has tested."""
    ward = Ward(name, tmp_path)
    told_by = [FOLDER / f"{stem}.yml" for stem in TOLD_BY[name].split()]
    others = [file for file in FILES if file not in told_by]
    survivors = [one for one in ward.mutants if not any(ward.notices(one, file) for file in told_by)]
    unexpected = [one for one in survivors if one.change not in HARMLESS.get(name, {})]
    assert [one.change for one in unexpected if not any(ward.notices(one, file) for file in others)] == []
    assert set(HARMLESS.get(name, {})) <= {one.change for one in survivors}, "this is noticed after all"
