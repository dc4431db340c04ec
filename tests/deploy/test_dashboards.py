"""The dashboards as they are shipped: their questions fit the metrics, and their panels fit together."""

import re
from typing import Any

import pytest

from tests.dashboards.questions import Dashboard, Question, dashboards, interpolated, panels, questions
from tests.rules.promql import grouped, selectors, tokens
from tests.rules.shipped import exported, rules

DASHBOARDS = dashboards()
QUESTIONS = [question for dashboard in DASHBOARDS.values() for question in questions(dashboard)]
PANELS = {
    f"{uid}: {panel['title']}": panel for uid, dashboard in DASHBOARDS.items() for panel in panels(dashboard)
}
RELEASE = {"cluster", "namespace", "job"}
OF_PROMETHEUS = (
    "process_cpu_seconds_total", "process_resident_memory_bytes", "process_start_time_seconds",
    "scrape_duration_seconds", "scrape_samples_scraped",
)  # fmt: skip
LABELS = {
    **{name: {*labels, *RELEASE, "instance"} for name, labels in exported().items()},
    **{rule.name: {*RELEASE, *exported()["glue_mv_refresh_view_info"]} for rule in rules() if not rule.alert},
    **{name: {*RELEASE, "instance"} for name in OF_PROMETHEUS},
}
"""Of every series that a dashboard may ask for: none of a run's own."""
MADE_BY_QUERIES = {"logs", "page"}
SOMETIMES_ABSENT = {"cluster", "namespace", "owner"}
CHOSEN = {"__range": "1h", "__range_s": "3600", "__interval": "1m", "__rate_interval": "4m", "price": "1"}

each_dashboard = pytest.mark.parametrize("dashboard", DASHBOARDS.values(), ids=list(DASHBOARDS))
each_question = pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
each_panel = pytest.mark.parametrize("panel", PANELS.values(), ids=list(PANELS))


@each_question
def test_a_question_is_about_series_of_the_chosen_releases_and_labels_that_exist(question: Question) -> None:
    expression = interpolated(question.expr, {**CHOSEN, "objective": "0.99"})
    found, stream = selectors(expression), tokens(expression)
    assert found
    for selector in found:
        assert selector.labels <= LABELS[selector.metric]
        if "glue_mv_" in selector.metric and selector.metric != "glue_mv_exporter_web_info":
            assert selector.labels >= RELEASE
    known = MADE_BY_QUERIES.union(*(LABELS[selector.metric] for selector in found))
    assert {stream[place].text for _, places in grouped(stream) for place in places} <= known


@each_question
def test_nothing_of_a_view_or_target_depends_on_who_scraped_it(question: Question) -> None:
    if re.search("glue_mv_(refresh|exporter_(target|api))", question.expr):
        assert not re.search(r"\bby \([^)]*\b(?:instance|pod)\b", question.expr)
        assert re.search(r"\b(?:sum|max|min|count)\b", question.expr), "it is aggregated"


@each_question
def test_an_age_is_never_negative(question: Question) -> None:
    assert question.expr.count("time() -") == question.expr.count("clamp_min(time() -")


@each_panel
def test_a_panel_says_what_it_shows_in_which_unit_and_what_it_is_without_data(panel: dict[str, Any]) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert defaults["unit"]
    assert defaults["noValue"]
    assert defaults["thresholds"]["steps"][0]["value"] is None


@each_panel
def test_legends_links_and_fields_are_those_of_the_answer(panel: dict[str, Any]) -> None:
    queries = panel["targets"]
    asked = " ".join(query["expr"] for query in queries)
    legends = {query["legendFormat"] for query in queries}
    labels = set(re.findall(r"(?:fields|labels)\.(\w+)", str(panel["fieldConfig"])))
    labels.update(*(re.findall(r"\{\{(\w+)\}\}", legend) for legend in legends))
    assert labels <= set(re.findall(r"\w+", asked))
    values = {"Value"} if len(queries) == 1 else {f"Value #{query['refId']}" for query in queries}
    for override in panel["fieldConfig"]["overrides"]:
        name = override["matcher"]["options"]
        assert name in values | legends or re.search(rf"\b{name}\b", asked) or "{{" in str(legends), name


@each_dashboard
def test_all_matches_absent_labels_where_they_may_be_absent(dashboard: Dashboard) -> None:
    found = {v["name"]: v["allValue"] for v in dashboard["templating"]["list"] if "allValue" in v}
    assert found == {name: ".*" if name in SOMETIMES_ABSENT else ".+" for name in found}
    assert set(found) >= RELEASE


@each_dashboard
def test_every_datasource_is_the_chosen_one(dashboard: Dashboard) -> None:
    assert set(re.findall(r"'uid': '(\$\{[^']*)'", str(dashboard))) == {"${datasource}"}
    assert "__inputs" not in dashboard
    assert dashboard["templating"]["list"][0]["type"] == "datasource"


@each_dashboard
def test_panels_have_their_own_number_title_and_place(dashboard: Dashboard) -> None:
    rows = [panel for panel in dashboard["panels"] if panel["type"] == "row"]
    for key in ("id", "title"):
        found = [panel[key] for panel in (*rows, *panels(dashboard))]
        assert len(set(found)) == len(found)
    widths: dict[int, int] = {}
    cells = []
    for place in (panel["gridPos"] for panel in panels(dashboard)):
        widths[place["y"]] = widths.get(place["y"], 0) + place["w"]
        cells += [(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])]
    assert set(widths.values()) == {24}, "each line is as wide as the screen"
    assert len(set(cells)) == len(cells), "no two are at the same place"


@each_dashboard
def test_variables_come_from_views_and_targets_and_are_used(dashboard: Dashboard) -> None:
    variables = dashboard["templating"]["list"]
    for query in (one["query"]["query"] for one in variables if one["type"] == "query"):
        selector, *_ = selectors(query)
        assert selector.metric.endswith(("_view_info", "_target_info", "view:glue_mv_info:max"))
        assert selector.labels | {query.rpartition(", ")[2].rstrip(")")} <= LABELS[selector.metric]
    used = set(re.findall(r"(?<!\$)\$\{?([a-z][a-z_]*)\b", str(dashboard)))
    assert used == {variable["name"] for variable in variables}


def test_uids_stay_for_bookmarks_and_links_lead_on() -> None:
    assert set(DASHBOARDS) == {"glue-mv-fleet", "glue-mv-view", "glue-mv-exporter"}
    linked = set(re.findall(r"/d/([\w-]+)", str(DASHBOARDS)))
    assert linked
    assert linked <= set(DASHBOARDS)
