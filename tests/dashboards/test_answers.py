"""A real Prometheus answers every question of every dashboard: over a day's history, and about the demo."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import pytest

from exporter.web.status_text import log_url
from tests.dashboards import history
from tests.dashboards.questions import Question, dashboards, interpolated, questions
from tests.e2e.neighbours import Prometheus, prometheus
from tests.e2e.program import Program, wait_until
from tools.dashboards.promql import quoted, with_logs
from tools.render_rules import RENDERED

DASHBOARDS = dashboards()
QUESTIONS = [question for dashboard in DASHBOARDS.values() for question in questions(dashboard)]
LONGEST = 2.5 * history.HOUR
"""Seconds to look back: less than half of the history, for some questions ask about as long before that."""
POINTS = 600
"""How many points a panel is wide."""
ALL = ".+"
HISTORY_VIEW = {"aws_region": "eu-west-1", "database": "sales", "table": "returns"}
DEMO_VIEW = {"aws_region": "eu-west-1", "database": "sales", "table": "daily_orders"}
NOT_IN_THE_DEMO = {
    "glue-mv-exporter: State on disk A": "it keeps its state in memory",
    "glue-mv-exporter: Versions C": "as above",
    "glue-mv-exporter: Failed requests by reason A": "its Glue answers every request",
    "glue-mv-fleet: Most expensive views B": "it has no time before this one to compare with",
    "glue-mv-fleet: Runs that ended A": "a bar is ten minutes, and the demo some seconds old",
    "glue-mv-fleet: Cost by database A": "as above",
    "glue-mv-view: Cost by refresh type A": "as above",
    "glue-mv-view: Runs by refresh type A": "as above",
    "glue-mv-view: Failed runs annotation": "this view never failed",
    "glue-mv-view: Owner and last failure B": "as above",
    "glue-mv-view: Stale for A": "this view may lack nothing",
    "glue-mv-view: Freshness C": "as above",
    "glue-mv-fleet: Freshness objective B": "it is asked every ten minutes, and the demo some seconds old",
    "glue-mv-fleet: Freshness objective C": "as above",
}
"""Why a question may be empty there. All of them are answered over the history."""


@dataclass(frozen=True, slots=True)
class World:
    """Somebody who looks at the dashboards over a Prometheus."""

    server: Prometheus
    end: float
    """Unix time at which the time range ends."""
    longest: float
    """Seconds that it holds at most."""
    scrape_interval: float
    view: Mapping[str, str]
    """The view to look at."""
    young: bool = False
    """Whether all of it is some seconds old: a whole minute may not be among them."""
    recorded: str = ""
    """The jobs that have recording rules."""

    def variables(self, uid: str) -> Mapping[str, str]:
        # Neither cluster nor namespace is among these labels, and not every view has an owner.
        some = dict.fromkeys(("cluster", "namespace", "owner"), ".*")
        every = dict.fromkeys(("job", "target", "aws_region", "database"), ALL)
        many = {**some, **every, "recorded": self.recorded, "objective": "0.99", "price": "0.44"}
        return {**many, **self.view, "catalog_id": "123456789012"} if uid == "glue-mv-view" else many

    def length(self, question: Question) -> float:
        """Return the seconds that the question's dashboard shows."""
        return min(seconds(DASHBOARDS[question.dashboard]["time"]["from"]), self.longest)

    def step(self, question: Question) -> float:
        shortest = 1 if self.young else seconds(question.interval)
        return max(self.length(question) / POINTS, self.scrape_interval, shortest) // 1

    def written(self, question: Question) -> str:
        length, step, scrape = self.length(question), self.step(question), self.scrape_interval
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
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, World]]:
    """Start a Prometheus on the history, and one that has watched the demo meanwhile."""
    with ExitStack() as stack:
        demo = stack.enter_context(
            Program(tmp_path_factory.mktemp("demo"), ("demo", f"--web.external-url={history.EXTERNAL_URL}"))
        )
        rules: dict[str, Any] = {
            "rule_files": [str(RENDERED)],
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        }
        live = stack.enter_context(prometheus(tmp_path_factory.mktemp("live"), demo.port, **rules))
        recorded = history.record(tmp_path_factory.mktemp("history"))
        past = stack.enter_context(prometheus(tmp_path_factory.mktemp("past"), blocks=recorded.blocks))
        wait_until(lambda: _has_seen_enough(live), 90, "Prometheus sees a run of the demo from start to end")
        now = float(live.api("query", query="time()")["result"][1])
        yield (
            World(past, recorded.end, LONGEST, history.STEP, HISTORY_VIEW),
            World(live, now, 60.0, 1.0, DEMO_VIEW, young=True, recorded=_jobs_with_rules(live)),
        )


@pytest.fixture
def past(worlds: tuple[World, World]) -> World:
    return worlds[0]


@pytest.fixture
def demo(worlds: tuple[World, World]) -> World:
    return worlds[1]


def _jobs_with_rules(server: Prometheus) -> str:
    return "|".join(server.api("label/job/values", **{"match[]": "view:glue_mv_info:max"}))


def _has_seen_enough(server: Prometheus) -> bool:
    statuses = 'max_over_time(glue_mv_refresh_view_last_run_status{table="daily_orders"}[1m]) == 1'
    seen = {series["metric"]["status"] for series in server.api("query", query=statuses)["result"]}
    success = 'glue_mv_refresh_view_last_run_status{table="daily_orders",status="SUCCEEDED"}'
    # For some seconds now: what is asked next must neither come too early for it nor too late.
    succeeded = f"min_over_time({success}[5s]) == 1"
    return seen >= {"STARTING", "RUNNING"} and bool(server.api("query", query=succeeded)["result"])


each_question = pytest.mark.parametrize("question", QUESTIONS, ids=[question.name for question in QUESTIONS])


@each_question
def test_the_history_answers(question: Question, past: World) -> None:
    assert past.ask(question), past.written(question)


@each_question
def test_the_demo_answers(question: Question, demo: World) -> None:
    answer = demo.ask(question)  # which fails where Prometheus does not understand it
    assert answer or question.name in NOT_IN_THE_DEMO, demo.written(question)


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


@pytest.mark.parametrize("title", ["Stuck", "Overdue"])
def test_the_recording_rules_and_the_metrics_give_the_same_number(title: str, demo: World) -> None:
    (question,) = [q for q in QUESTIONS if q.name == f"glue-mv-fleet: {title} A"]

    def number(recorded: str, without: str) -> float:
        query = replace(demo, recorded=recorded).written(question)
        (answer,) = demo.server.query(query.replace(without, "view:none_of_these_"))
        return float(answer["value"][1])

    # Rules are evaluated a moment later than the metrics are scraped.
    wait_until(
        lambda: number(demo.recorded, "nothing") == number("", "view:glue_mv_") > 0,
        20,
        f"{title} is the same",
    )
