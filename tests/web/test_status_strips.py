"""What the page draws of a view: its lag as a bar, and its last runs as a strip that leads to their rows."""

import re
from typing import Any

import pytest

from exporter.model.run import Run
from exporter.store.results import SourcesRead
from tests.support.clock import START
from tests.support.reader import ACCOUNT
from tests.support.status_browser import Browser, Page
from tests.support.status_scene import HOUR, Scene, refresh, view
from tests.support.store_bench import REGION, target

SOURCE = f"arn:aws:glue:{REGION}:{ACCOUNT}:table/raw/orders"
ONE_VIEW = f"/?aws_region={REGION}&catalog_id={ACCOUNT}&database=a&table=x"


class Drawings(Page):
    """The drawings of a page with one view."""

    @property
    def links(self) -> list[str]:
        return [attributes["href"] for attributes in self.those("a", tabindex="-1")]

    @property
    def order(self) -> list[str]:
        """What stands in the strip, from left to right."""
        return [
            known["class"]
            for _, known in self.elements
            if known.get("tabindex") == "-1" or known.get("class") == "gap"
        ]


def drawn(runs: tuple[Run, ...], *changes: float, view_members: dict[str, Any] | None = None) -> Drawings:
    """Return what is drawn of one view with these runs; at these times its source was seen to change."""
    scene = Scene(target("prod", "a.*"))
    known = (view("a.x", sources=(SOURCE,) if changes else None, **(view_members or {})),)
    for change in changes or (None,):
        scene.poll("prod", known, runs)
        if change is not None:
            scene.store.apply(SourcesRead(target="prod", tables={SOURCE: change}))
    scene.poll("prod", known, runs)
    return Drawings(Browser(scene).get("/").text)


def test_a_strip_tells_status_in_words_and_shape_and_duration_by_height() -> None:
    page = drawn(
        (
            refresh("1", "a.x", ended=START - 4 * HOUR),
            refresh("2", "a.x", ended=START - 3 * HOUR, status="STOPPED"),
            refresh("3", "a.x", ended=START - 2 * HOUR, status="FAILED", start_time=START - 2 * HOUR - 300),
            refresh("4", "a.x", ended=None),
        ),
        START - 100 * HOUR,
    )
    assert "Last 4 runs: 1 succeeded, 1 stopped, 1 failed, 1 running" in page.all("aria-label")
    assert page.order == ["succeeded", "stopped", "failed", "running"], "the newest at the right"
    heights = [re.findall(r"v-([\d.]+)", bar["d"])[0] for bar in page.those("path", **{"class": "bar"})]
    assert heights == ["21.0", "21.0", "10.5", "21.0"]
    assert len(page.those("path", **{"class": "cross"})) == 1, "above the failed one"
    assert "failed, 2 h 5 min ago, 5 min" in page.text


def test_a_strip_holds_the_last_twenty_runs() -> None:
    runs = tuple(refresh(f"r{number:02}", "a.x", ended=START - number * HOUR / 2) for number in range(30))
    page = drawn(runs, START - 100 * HOUR)
    assert page.links[-1].endswith("#run-r00")
    assert len(page.links) == 20


def test_a_gap_is_where_a_source_had_changed_and_no_refresh_began_for_longer_than_allowed() -> None:
    runs = tuple(refresh(f"r{hours}", "a.x", ended=START - hours * HOUR) for hours in (20, 10, 1))
    rested = drawn(runs, START - 10.5 * HOUR, START - 1.5 * HOUR)
    assert rested.order == ["succeeded"] * 3, "Glue skips a refresh while no source changes"
    late = drawn(runs, START - 10.5 * HOUR, START - 5 * HOUR)
    assert late.order == ["succeeded", "succeeded", "gap", "succeeded"]
    assert "Last 3 runs: 3 succeeded; 1 gap" in late.all("aria-label")


def test_an_overdue_view_ends_in_a_gap() -> None:
    page = drawn((refresh("1", "a.x", ended=START - 9 * HOUR),), START - 20 * HOUR, START - 5 * HOUR)
    assert page.order == ["succeeded", "gap"]
    failing = refresh("2", "a.x", ended=START - HOUR / 2, status="FAILED")
    tried = drawn((refresh("1", "a.x", ended=START - 9 * HOUR), failing), START - 5 * HOUR)
    assert tried.order == ["succeeded", "gap", "failed"], "a refresh has begun since, even if it failed"


def test_without_known_sources_a_gap_is_by_age_alone() -> None:
    runs = (refresh("1", "a.x", ended=START - 9 * HOUR), refresh("2", "a.x"))
    assert drawn(runs).order == ["succeeded", "gap", "succeeded"]
    assert drawn(runs, view_members={"refresh_seconds": None}).order == ["succeeded"] * 2, "never due"


@pytest.mark.parametrize(
    ("changed", "kind", "words"),
    [
        (20.0, "good", "not behind, expected every 1 h: 0.0 intervals (overdue after 1.5)"),
        (0.5, "good", "30 min behind, expected every 1 h: 0.5 intervals (overdue after 1.5)"),
        (1.25, "warn", "1 h 15 min behind, expected every 1 h: 1.2 intervals (overdue after 1.5)"),
        (5.0, "bad", "5 h behind, expected every 1 h: 5.0 intervals (overdue after 1.5)"),
    ],
)
def test_the_lag_is_a_bar_against_the_expected_interval(changed: float, kind: str, words: str) -> None:
    page = drawn((refresh("1", "a.x", ended=START - 9 * HOUR),), START - 20 * HOUR, START - changed * HOUR)
    assert len(page.those("svg", role="img", **{"aria-label": words, "class": f"lag {kind}"})) == 1


def test_without_an_interval_there_is_no_bar() -> None:
    page = drawn((refresh("1", "a.x"),), view_members={"refresh_seconds": None})
    assert [svg["class"] for svg in page.those("svg")] == ["strip"]


def test_a_run_of_a_strip_leads_to_its_row_and_log_though_it_has_no_series() -> None:
    """``runs_per_view`` is 1: of the older run the page says nothing else."""
    scene = Scene(target("prod", "a.*"))
    runs = (refresh("old", "a.x", ended=START - 5 * HOUR), refresh("new", "a.x"), refresh("other", "a.y"))
    scene.poll("prod", (view("a.x"), view("a.y")), runs)
    browser = Browser(scene)
    page = Drawings(browser.get("/").text)
    (href,) = [link for link in page.links if link.endswith("#run-old")]
    assert href == f"{ONE_VIEW[1:]}&runs_sort=-start#run-old"
    answer = browser.get(f"/{href}")
    assert re.findall('<tr role="row" id="run-([a-z]+)"', answer.text) == ["new", "old"]
    assert 'id="log-old" href="https://eu-west-1.console.aws.amazon.com/' in answer.text
    assert "Only the view <b><bdi>a.x</bdi></b>" in answer.text


def test_one_view_is_named_by_region_catalog_database_and_table() -> None:
    """The words of ``q`` find every name that holds them; these are the whole names."""
    scene = Scene(target("prod", "a.*"), target("far", "a.*", region="us-east-1"))
    for name in ("prod", "far"):
        views = (view("a.x"), view("a.x_daily"))
        scene.poll(name, views, (refresh(f"{name}-1", "a.x"), refresh(f"{name}-2", "a.x_daily")))
    browser = Browser(scene)
    assert len(browser.rows("views", q="a.x")) == 4
    named = {"database": "a", "table": "x"}
    assert browser.rows("views", **named) == ["a.x", "a.x"]
    assert sorted(browser.rows("targets", **named)) == ["far", "prod"]
    named |= {"aws_region": "us-east-1", "catalog_id": ACCOUNT}
    assert browser.rows("views", **named) == ["a.x"]
    assert browser.rows("runs", **named) == ["far-1"]
    assert browser.rows("targets", **named) == ["far"]
    assert browser.rows("views", **{**named, "table": "gone"}) == []
    everything = browser.status("/api/v1/status?database=a&table=x")["summary"]["runs"]
    assert everything["total"] == 4, "the summary counts everything, as ever"
    assert everything["by_status"]["SUCCEEDED"] == 4


def test_half_a_character_in_a_run_id_is_drawn_too() -> None:
    page = drawn((refresh("\ud83d", "a.x"),))
    assert page.links[0].endswith("#run-%3F")
