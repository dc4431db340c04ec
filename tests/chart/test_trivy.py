"""A scanner's findings: none, but those that are explained beside the chart."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.chart.charts import CHART, SETS, rendered, value_set

EXCEPTIONS = CHART / ".trivyignore.yaml"


def findings(what: Path, *arguments: str) -> set[str]:
    """Return the findings of ``trivy config``, each with what it was found in."""
    done = subprocess.run(
        [
            Path(sys.executable).with_name("trivy"), "config", "--quiet", "--format", "json",
            "--skip-check-update", "--skip-version-check", "--disable-telemetry", *arguments, what,
        ],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=110,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    results: list[dict[str, Any]] = json.loads(done.stdout)["Results"]
    assert results, "it has looked at something"
    return {
        f"{found['ID']} {result['Target']}: {found['Message']}"
        for result in results
        for found in result.get("Misconfigurations", [])
    }


def test_in_the_chart_it_finds_nothing_but_what_is_explained() -> None:
    values = ("--helm-values", str(value_set("minimal")))
    assert findings(CHART, "--ignorefile", str(EXCEPTIONS), *values) == set()


def test_in_all_value_sets_it_finds_what_is_explained_and_nothing_else(tmp_path: Path) -> None:
    """So every exception is needed."""
    for name in SETS:
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump_all(rendered("4", name).manifests))
    exceptions = yaml.safe_load(EXCEPTIONS.read_text())["misconfigurations"]
    assert all(len(one["statement"]) > 40 for one in exceptions)
    explained = {one["id"] for one in exceptions}
    found = findings(tmp_path)
    assert {finding for finding in found if finding.split()[0] not in explained} == set()
    assert {finding.split()[0] for finding in found} == explained
