"""The shipped rules, the status page and its JSON say the same of each view at the same moment.

A Glue with a view for each situation lives through some hours. Every five minutes the exporter polls it, its
series are scraped, and page and JSON are asked which views are failing, overdue and stuck. promtool then
evaluates the rules over what was scraped: each alert has to fire exactly while the JSON says so.
"""

import subprocess
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from exporter.model.settings import ViewPattern
from tests.soak.history import NEEDED_LINE, History
from tests.support.bare_faults import ACCESS_DENIED
from tests.support.bare_glue import LIST_RUNS, BareGlue
from tests.support.bare_records import view_run
from tests.support.clock import START
from tests.support.status_browser import Browser, views_on_page
from tests.support.watched_glue import Views, watched_glue
from tools.render_rules import render

MINUTE = 60.0
HOUR = 60
"""In minutes, like all times of the situations: since the first poll, before it below 0."""
WEEK = 7 * 24 * HOUR
STEP = 5
END = 285
DOWN = range(250, 275)
"""While Glue denies to list runs."""
STATES = {"failing": "GlueMVRefreshFailed", "overdue": "GlueMVViewOverdue", "stuck": "GlueMVRunStuck"}
HIDDEN = "arn:aws:glue:eu-west-1:123456789012:table/raw/hidden"
"""A source that cannot be read."""

Periods = tuple[tuple[int, int], ...]
"""From which step to which, the last one included, something is told."""


class Refresh(NamedTuple):
    """A run: it is in progress from its start to its end."""

    start: int
    end: int | None
    status: str = "SUCCEEDED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What happens to a view, and what has to be told of it."""

    schedule: int | None = HOUR
    """Minutes between its refreshes, in Glue."""
    expected_interval: int | None = None
    """The same, in the configuration."""
    created: tuple[int, ...] = (-1000 * HOUR,)
    """Also when it is created anew."""
    sources: tuple[int, ...] | None = (-900 * HOUR,)
    """When its source changes; None: that cannot be read."""
    runs: tuple[Refresh, ...] = ()
    refreshed: tuple[int, ...] = ()
    """When it is refreshed without a run."""
    told: Mapping[str, Periods]


LAST = Refresh(-40, -30)
NEVER: Mapping[str, Periods] = {}
SITUATIONS = {
    "sources_rest": Situation(runs=(LAST,), told=NEVER),
    "source_changed": Situation(
        runs=(LAST, Refresh(170, 180)), sources=(-900 * HOUR, 60, 80), told={"overdue": ((155, 165),)}
    ),
    "sources_unknown": Situation(runs=(LAST,), sources=None, told={"overdue": ((65, END),)}),
    "manual": Situation(schedule=None, runs=(LAST,), sources=None, told=NEVER),
    "expected": Situation(
        schedule=None, expected_interval=2 * HOUR, runs=(LAST,), sources=None, told={"overdue": ((155, END),)}
    ),
    "refreshed_without_a_run": Situation(
        runs=(LAST,), sources=(-20,), refreshed=(120,), told={"overdue": ((75, 115),)}
    ),
    "never_refreshed": Situation(created=(-30,), told={"overdue": ((65, END),)}),
    "first_run": Situation(
        created=(-60,),
        runs=(Refresh(-5, 210),),
        told={"overdue": ((180, 205),), "stuck": ((180, 205),)},
    ),
    "stuck": Situation(
        runs=(LAST, Refresh(0, 240)),
        sources=(-20,),
        told={"overdue": ((75, 235),), "stuck": ((65, 235),)},
    ),
    "created_again": Situation(created=(-1000 * HOUR, 30), runs=(LAST,), told={"overdue": ((125, END),)}),
    "every_ten_minutes": Situation(
        schedule=10,
        runs=(Refresh(-9, -4), Refresh(32, 37)),
        sources=None,
        told={"overdue": ((15, 30), (55, END))},
    ),
    "every_ten_minutes_stuck": Situation(
        schedule=10,
        runs=(Refresh(-9, -4), Refresh(1, None)),
        sources=None,
        told={"overdue": ((20, END),), "stuck": ((20, END),)},
    ),
    "every_ten_minutes_first_run": Situation(
        schedule=10,
        created=(-5,),
        runs=(Refresh(1, None),),
        told={"overdue": ((35, END),), "stuck": ((35, END),)},
    ),
    "every_week": Situation(
        schedule=WEEK,
        runs=(Refresh(60 - 3 * WEEK // 2 - 10, 60 - 3 * WEEK // 2),),
        sources=None,
        told={"overdue": ((65, END),)},
    ),
    # The target is down when it would be overdue, until it is read again.
    "overdue_while_down": Situation(
        runs=(Refresh(160, 165),), created=(-20,), sources=None, told={"overdue": ((75, 155), (275, END))}
    ),
    "every_week_stuck": Situation(schedule=WEEK, runs=(LAST, Refresh(1, None)), told={"stuck": ((65, END),)}),
    "fails": Situation(
        runs=(LAST, Refresh(20, 25, "FAILED"), Refresh(80, 90)), told={"failing": ((25, 85),)}
    ),
    "stopped": Situation(runs=(LAST, Refresh(20, 25, "STOPPED")), told=NEVER),
}


def at(minutes: int) -> float:
    return START + minutes * MINUTE


def happen(glue: BareGlue, now: int) -> None:
    glue.judge = lambda call: ACCESS_DENIED if now in DOWN and call.operation == LIST_RUNS else None
    number = 0
    for name, situation in SITUATIONS.items():
        changes = [at(time) for time in situation.sources or () if time <= now]
        source = glue.records.put_source("raw", name, update_time=changes[-1]) if changes else HIDDEN
        created = [time for time in situation.created if time <= now]
        refreshed = [time for time in situation.refreshed if time <= now]
        ended = [run.end for run in situation.runs if run.end is not None and created[-1] < run.end <= now]
        glue.records.put_view(
            "sales",
            name,
            refresh_seconds=None if situation.schedule is None else situation.schedule * 60,
            definition={"ViewVersionId": len(refreshed) + len(ended) or -1, "SubObjects": [source]},
            CreateTime=at(created[-1]),
            UpdateTime=at(max([*created, *refreshed, *ended])),
        )
        for run in situation.runs:
            number += 1
            if run.start > now:
                continue
            over = run.end is not None and run.end <= now
            times = {"CreationTime": at(run.start), "StartTime": at(run.start), "LastUpdated": at(run.start)}
            if over:
                times |= {"EndTime": at(run.end or 0), "LastUpdated": at(run.end or 0)}
            status = run.status if over else "RUNNING"
            glue.records.put_run(view_run(number, f"sales.{name}", status=status, now=START, **times))


def series(scrape: str) -> dict[str, str]:
    """Return what the rules read of it, with times that begin at 0, as promtool's do."""
    found = {}
    for match in filter(None, map(NEEDED_LINE.fullmatch, scrape.splitlines())):
        name, labels, value = match[1], match[2] or "", float(match[3])
        shift = START if name.endswith("_timestamp_seconds") else 0.0
        found[f"{name}{{{labels}}}"] = f"{value - shift:.10g}"
    return found


class Lived(NamedTuple):
    """What was seen of the situations."""

    told: dict[int, set[tuple[str, str]]]
    """By the JSON, at each step: state and view."""
    history: History


@pytest.fixture(scope="module")
def lived() -> Lived:
    views: list[Views] = [
        "sales.*",
        *(
            ViewPattern(database="sales", table=name, expected_interval=situation.expected_interval * MINUTE)
            for name, situation in SITUATIONS.items()
            if situation.expected_interval
        ),
    ]
    seen = Lived({}, History())
    with watched_glue(views=views) as watched:
        for now in range(0, END + STEP, STEP):
            if now:
                watched.clock.advance(STEP * MINUTE)
            happen(watched.glue, now)
            watched.poll()
            browser = Browser(watched)
            items = browser.status()["views"]["items"]
            seen.told[now] = {(state, item["table"]) for item in items for state in STATES if item[state]}
            shown = views_on_page(browser.get("/").text).items()
            on_page = {
                (state, name.removeprefix("sales."))
                for name, tags in shown
                for state in STATES
                if state in tags
            }
            assert on_page == seen.told[now]
            seen.history.add(now // STEP, series(watched.scrape()))
    return seen


def test_the_page_tells_of_each_situation_when_it_should(lived: Lived) -> None:
    """Otherwise nothing could be compared."""
    expected: defaultdict[int, set[tuple[str, str]]] = defaultdict(set)
    for name, situation in SITUATIONS.items():
        for state, periods in situation.told.items():
            for first, last in periods:
                for now in range(first, last + STEP, STEP):
                    expected[now].add((state, name))
    wrong = {now: told ^ expected[now] for now, told in lived.told.items() if told != expected[now]}
    assert not wrong


def test_the_alerts_fire_exactly_while_the_page_says_so(lived: Lived, tmp_path: Path) -> None:
    names = "|".join(STATES.values())
    firing = f'count by (alertname, table) (ALERTS{{alertstate="firing",alertname=~"{names}"}})'
    questions = []
    for now, told in lived.told.items():
        labels = [f'{{alertname="{STATES[state]}",table="{table}"}}' for state, table in sorted(told)]
        samples = [{"labels": one, "value": 1} for one in labels]
        questions.append({"eval_time": f"{now}m", "expr": firing, "exp_samples": samples})
    rules = tmp_path / "rules.yaml"
    # Each view has its own alert, which ends with its state.
    rules.write_text(render({"manyViews": len(SITUATIONS) + 1, "keepFiringFor": "0s"}))
    story = {
        "interval": f"{STEP}m",
        "input_series": lived.history.input_series(set(SITUATIONS)),
        "promql_expr_test": questions,
    }
    test = {
        "rule_files": [str(rules)],
        "evaluation_interval": f"{STEP}m",
        # The page knows the history of a view at once; so the rules have to.
        "group_eval_order": ["glue-mv-history", "glue-mv-views", "glue-mv-targets", "glue-mv-exporter"],
        "tests": [story],
    }
    file = tmp_path / "test.yaml"
    file.write_text(yaml.dump(test))
    done = subprocess.run(
        ["promtool", "test", "rules", str(file)], capture_output=True, check=False, text=True, timeout=200
    )
    assert done.returncode == 0, done.stdout + done.stderr
