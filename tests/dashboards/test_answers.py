"""A real Prometheus answers every question of every dashboard over hours of history."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from exporter.web.status_text import log_url
from tests.dashboards import history
from tests.dashboards.questions import Question, dashboards, interpolated, questions
from tests.e2e.neighbours import Prometheus, prometheus, watched_demo
from tests.e2e.program import wait_until
from tools.dashboards.promql import quoted, with_logs

DASHBOARDS = dashboards()
QUESTIONS = [question for dashboard in DASHBOARDS.values() for question in questions(dashboard)]
LONGEST = 2.5 * history.HOUR
"""Seconds to look back: less than half of the history, for some questions ask about as long before that."""
POINTS = 600
"""How many points a panel is wide."""
ALL = ".+"
HISTORY_VIEW = {"aws_region": "eu-west-1", "database": "sales", "table": "returns"}


@dataclass(frozen=True, slots=True)
class World:
    """Somebody who looks at the dashboards over a Prometheus."""

    server: Prometheus
    end: float
    """Unix time at which the time range ends."""
    recorded: str = ""
    """The jobs that have recording rules."""

    def variables(self, uid: str) -> Mapping[str, str]:
        # Neither cluster nor namespace is among these labels, and not every view has an owner.
        some = dict.fromkeys(("cluster", "namespace", "owner"), ".*")
        every = dict.fromkeys(("job", "target", "aws_region", "database"), ALL)
        many = {**some, **every, "recorded": self.recorded, "objective": "0.99", "price": "0.44"}
        return {**many, **HISTORY_VIEW, "catalog_id": "123456789012"} if uid == "glue-mv-view" else many

    def length(self, question: Question) -> float:
        """Return the seconds that the question's dashboard shows."""
        return min(seconds(DASHBOARDS[question.dashboard]["time"]["from"]), LONGEST)

    def step(self, question: Question) -> float:
        return max(self.length(question) / POINTS, history.STEP, seconds(question.interval)) // 1

    def written(self, question: Question) -> str:
        length, step, scrape = self.length(question), self.step(question), history.STEP
        known = {
            "__range": f"{length:.0f}s",
            "__range_s": f"{length:.0f}",
            "__interval": f"{step:.0f}s",
            "__rate_interval": f"{max(step + scrape, 4 * scrape):.0f}s",
            **self.variables(question.dashboard),
        }
        return interpolated(question.expr, known)

    def ask(self, question: Question) -> list[dict[str, Any]]:
        """Return the series of the answer, over the dashboard's time range."""
        query = self.written(question)
        if question.instant:
            return list(self.server.api("query", query=query, time=self.end)["result"])
        step = self.step(question)
        # As Grafana does: the steps are whole multiples, so that bars of an hour begin with the hour.
        end = self.end // step * step
        start = (self.end - self.length(question)) // step * step
        answer = self.server.api("query_range", query=query, start=start, end=end, step=step)
        return list(answer["result"])


def seconds(text: str) -> float:
    """Return the seconds of ``1m``, or of ``now-6h``."""
    return float(text.removeprefix("now-")[:-1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[text[-1]]


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    recorded = history.record(tmp_path_factory.mktemp("history"))
    with prometheus(tmp_path_factory.mktemp("past"), blocks=recorded.blocks) as server:
        yield World(server, recorded.end)


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[World]:
    with watched_demo(tmp_path) as (_, server):
        yield World(server, end=0.0, recorded="glue")


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_the_history_answers(question: Question, past: World) -> None:
    assert past.ask(question), past.written(question)


@pytest.mark.parametrize("uid", DASHBOARDS)
def test_every_variable_has_values(uid: str, past: World) -> None:
    chosen = past.variables(uid)
    for variable in DASHBOARDS[uid]["templating"]["list"]:
        if variable["type"] == "query":
            query = interpolated(variable["query"]["query"], chosen)
            series, label = query.removeprefix("label_values(").removesuffix(")").rsplit(", ", 1)
            found = past.server.api(f"label/{label}/values", **{"match[]": series})
            assert found or variable["name"] in {"cluster", "namespace", "owner", "recorded"}
            assert chosen[label] in {*found, ALL, ".*"}


@pytest.mark.parametrize(
    "region",
    ["eu-west-1", "cn-north-1", "us-gov-west-1", "us-iso-east-1", "eu-isoe-west-1", "eusc-de-east-1"],
)
def test_a_log_is_linked_as_the_status_page_links_it(region: str, past: World) -> None:
    run_id = "0f8fad5b-d9cb-469f-a165-70867728950e"
    series = "vector(1)"
    for label, value in {"aws_region": region, "run_id": run_id}.items():
        series = f'label_replace({series}, "{label}", {quoted(value)}, "", "")'
    (answer,) = past.server.api("query", query=with_logs(series))["result"]
    assert answer["metric"].get("logs") == log_url(region, run_id)


def test_the_numbers_are_those_of_the_story(past: World) -> None:
    def tile(title: str) -> float:
        (question,) = [q for q in QUESTIONS if q.name == f"glue-mv-fleet: {title} A"]
        (answer,) = past.server.api("query", query=past.written(question), time=past.end)["result"]
        return float(answer["value"][1])

    assert tile("Views") == 17
    assert tile("Failing") == 3  # ops.failed_logins, finance.fx_rates, sales.returns
    assert tile("Stuck") == 2  # ops.warehouse_audit, finance.month_end_close
    assert tile("Overdue") == 2  # finance.ledger_snapshot, and ops.failed_logins, which is only failing
    assert tile("Not read") == 1  # that of the region that denies access
    assert tile("Running") >= 3  # those that are stuck, sales.returns, and whatever is due


def test_the_recording_rules_and_the_metrics_give_the_same_number(demo: World) -> None:
    def number(title: str, recorded: str, without: str) -> float:
        (question,) = [q for q in QUESTIONS if q.name == f"glue-mv-fleet: {title} A"]
        query = replace(demo, recorded=recorded).written(question).replace(without, "view:none_of_these_")
        return sum(float(answer["value"][1]) for answer in demo.server.query(query))

    def same() -> bool:
        """Rules are evaluated a moment later than the metrics are scraped."""
        return all(
            number(title, demo.recorded, "nothing") == number(title, "", "view:glue_mv_") > 0
            for title in ("Stuck", "Overdue")
        )

    wait_until(same, 120, "the numbers are the same")
