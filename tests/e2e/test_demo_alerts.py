"""The status page, its JSON and a real Prometheus say the same of the demo's views at the same moment."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.e2e.neighbours import Prometheus, watched_demo
from tests.e2e.program import Program, wait_until
from tests.support.status_browser import views_on_page

STATES = ("failing", "overdue", "stuck")
SERIES = {
    "failing": "view:glue_mv_failures:max > 0",
    "overdue": "view:glue_mv_overdue_seconds:max",
    "stuck": "view:glue_mv_stuck_seconds:max",
}
ALERTS = {
    # It may still be pending: its `for` is about how long, not about which views.
    state: f'ALERTS{{alertname=~"{names}",alertstate=~"pending|firing"}}'
    for state, names in {
        "failing": "GlueMVRefreshFailed|GlueMVRefreshFailing",
        "overdue": "GlueMVViewOverdue",
        "stuck": "GlueMVRunStuck",
    }.items()
}

States = Mapping[str, set[str]]
"""The views that are in each state, as ``database.table``."""

FROM_THE_BEGINNING: States = {
    "failing": {"finance.fx_rates"},
    "overdue": {"finance.ledger_snapshot"},
    "stuck": {"ops.warehouse_audit"},
}
SETTLED: States = {**FROM_THE_BEGINNING, "failing": {"finance.fx_rates", "ops.failed_logins"}}
"""Once the first run of the view that keeps failing has ended."""


def told_by_json(program: Program) -> States:
    items = json.loads(program.get("/api/v1/status").body)["views"]["items"]
    return {
        state: {f"{item['database']}.{item['table']}" for item in items if item[state]} for state in STATES
    }


def told_by_page(program: Program) -> States:
    shown = views_on_page(program.get("/").text)
    return {state: {name for name, tags in shown.items() if state in tags} for state in STATES}


def told_by(server: Prometheus, expressions: Mapping[str, str]) -> States:
    """Return the views that each expression has a series of."""
    return {
        state: {
            f"{found['metric']['database']}.{found['metric']['table']}" for found in server.query(expression)
        }
        for state, expression in expressions.items()
    }


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[tuple[Program, Prometheus]]:
    with watched_demo(tmp_path) as both:
        yield both


def agreed(program: Program, server: Prometheus) -> States | None:
    """Return what all of them say, if it is the same; what the JSON says must not change meanwhile."""
    told = told_by_json(program)
    others = (
        told_by_page(program),
        told_by(server, SERIES),
        told_by(server, ALERTS),
        told_by_json(program),
    )
    return told if all(other == told for other in others) else None


def test_the_alerts_are_about_the_views_that_the_page_shows(watched: tuple[Program, Prometheus]) -> None:
    program, _ = watched
    program.await_ready()
    first = wait_until(lambda: agreed(*watched), 90, "all say the same")
    assert first in (FROM_THE_BEGINNING, SETTLED)
    wait_until(lambda: told_by_json(program) == SETTLED, 120, f"the demo shows {SETTLED}")
    # Prometheus follows within two scrapes and evaluations, if it gets to them.
    assert wait_until(lambda: agreed(*watched), 60, "all say the same again") == SETTLED
