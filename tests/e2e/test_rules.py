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
    "view:glue_mv_info:max": "failures siblings",
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
    "view:glue_mv_full:last": "full siblings",
    "GlueMVRefreshFailed": "failures",
    "GlueMVRefreshFailing": "failures",
    "GlueMVViewOverdue": "overdue",
    "GlueMVRunStuck": "stuck",
    "GlueMVRefreshCostJumped": "cost history_late siblings",
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
    "GlueMVTargetDown": "targets",
    "GlueMVPollsStopped": "targets",
    "GlueMVAccessDenied": "targets",
    "GlueMVThrottled": "targets",
    "GlueMVFewerViews": "fewer_views_soon fewer_views",
    "GlueMVExporterAbsent": "exporter exporter_day",
    "GlueMVReloadFailed": "exporter",
    "GlueMVStorageFailing": "exporter",
}
# Changes that change nothing that a test could see, and why.
ALWAYS_ONE = "it is always 1"
ZERO = "nothing but 0 comes of 0 anyway"
BRIDGE = "how old what was worked out every ten minutes may be, if Prometheus stood still"
HARMLESS: dict[str, dict[str, str]] = {
    "view:glue_mv_info:max": {"max → min at 0": ALWAYS_ONE},
    "view:glue_mv_read_timestamp_seconds:max": {"* → / at 22": ALWAYS_ONE},
    "view:glue_mv_running:max": {"* → / at 22": ALWAYS_ONE},
    "view:glue_mv_run_age_floor_seconds:max": {"30m → 3600s at 210": BRIDGE},
    "view:glue_mv_run_age_limit_seconds:max": {
        "30m → 3600s at 150": BRIDGE,
        "> → >= at 157": "both limits are the same then",
    },
    "view:glue_mv_lag_seconds:max": {
        "5m → 600s at 330": "the time that it is taken from is gone after five minutes",
        "max → min at 347": ALWAYS_ONE,
    },
    "view:glue_mv_full:last": {
        "max → min at 0": ALWAYS_ONE,
        "max → min at 114": ALWAYS_ONE,
        "* → / at 112": ZERO,
        "1h → 1800s at 269": "how long Prometheus may stand still",
        "1h → 7200s at 269": "how long Prometheus may stand still",
    },
    "view:glue_mv_incremental:avg7d": {
        "30m → 900s at 44": "how closely the seven days are looked at",
    },
    "GlueMVRefreshCostJumped": {"30m → 3600s at 284": BRIDGE},
    "GlueMVRefreshTurnedFull": {"* → / at 22": ALWAYS_ONE, "30m → 3600s at 169": BRIDGE},
    "GlueMVViewNotRead": {"max → min at 139": ALWAYS_ONE},
    "target:glue_mv_views_failing:count": {"* → / at 55": ZERO},
    "target:glue_mv_views_overdue:count": {"* → / at 58": ZERO},
    "target:glue_mv_views_stuck:count": {"* → / at 56": ZERO},
    "target:glue_mv_views_affected:count": {"* → / at 137": ZERO},
    "GlueMVAccessDenied": {"sum → max at 0": "it matters only whether there was one"},
    "GlueMVExporterAbsent": {"max → min at 0": "they are all 0"},
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


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_rules_pass_their_tests(file: Path) -> None:
    """Promtool 2.42 loses a series of a long history in one of some hundred runs: a rule fails every time."""
    attempts = [promtool([file])]
    while not attempts[-1][0] and len(attempts) < ATTEMPTS:
        attempts.append(promtool([file]))
    assert attempts[-1][0], attempts[-1][1]


class Ward:
    """The rules around one of them, and what promtool says to them and to their mutants."""

    def __init__(self, name: str, folder: Path) -> None:
        self._folder = folder
        self._document = around({"groups": groups()}, name)
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
        (self._folder / "rules.yaml").write_text(yaml.dump(document, Dumper=yaml.CSafeDumper, width=1000))
        tests = self._folder / file.name
        tests.write_text(file.read_text().replace("../../../deploy/prometheus/rules.yaml", "rules.yaml"))
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
