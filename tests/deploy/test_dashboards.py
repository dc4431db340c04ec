"""The dashboards as they are shipped: their questions fit the metrics, and their panels fit together."""

import re
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import pytest

from exporter.metrics.exporter_families import EXPORTER_FAMILIES, TARGET_FAMILIES
from exporter.metrics.view_families import VIEW_FAMILIES
from tests.dashboards.questions import Dashboard, Question, dashboards, panels, questions
from tools.render_rules import SOURCE

if TYPE_CHECKING:
    from exporter.metrics.text import Family

DASHBOARDS = dashboards()
QUESTIONS = [question for dashboard in DASHBOARDS.values() for question in questions(dashboard)]
PANELS = [(uid, panel) for uid, dashboard in DASHBOARDS.items() for panel in panels(dashboard)]
OF_THE_SCRAPE = {"cluster", "namespace", "job", "instance"}
OF_PROMETHEUS = {"scrape_duration_seconds", "scrape_samples_scraped"}
MADE_BY_QUERIES = {"logs", "page"}
PLUGINS = {"stat", "timeseries", "table", "state-timeline", "bargauge"}
"""The panels that come with every Grafana from 11.0 on."""

each_dashboard = pytest.mark.parametrize("dashboard", DASHBOARDS.values(), ids=list(DASHBOARDS))
each_question = pytest.mark.parametrize("question", QUESTIONS, ids=[question.name for question in QUESTIONS])
each_panel = pytest.mark.parametrize(
    "panel", [panel for _, panel in PANELS], ids=[f"{uid}: {panel['title']}" for uid, panel in PANELS]
)


def labels_of_series() -> Mapping[str, set[str]]:
    """Return the labels of every series that a dashboard may use: none of a run's own."""
    found: dict[str, set[str]] = {}
    families: Sequence[Family[Any]] = (*VIEW_FAMILIES, *TARGET_FAMILIES, *EXPORTER_FAMILIES)
    for family in families:
        labels = {*family.labels, *OF_THE_SCRAPE}
        if family.type == "histogram":
            found[f"{family.name}_bucket"] = {*labels, "le"}
            found[f"{family.name}_count"] = found[f"{family.name}_sum"] = labels
        else:
            found[family.name] = labels
    for name in re.findall(r"record: (\S+)", SOURCE.read_text()):
        found[name] = found["glue_mv_refresh_view_info"]
    return found


LABELS = labels_of_series()


def names(text: str) -> set[str]:
    """Return the names in a list that commas separate."""
    return {name.strip() for name in text.split(",")} - {""}


def selectors(text: str) -> list[tuple[str, set[str]]]:
    """Return the metrics that a query selects, each with the labels that it is selected by."""
    found = re.findall(r"\b((?:(?:view|target):glue_mv|glue_mv|process|scrape)_[\w:]+)(?:\{([^}]*)\})?", text)
    return [(metric, set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers))) for metric, matchers in found]


@each_question
def test_a_question_selects_series_and_labels_that_exist(question: Question) -> None:
    chosen = selectors(question.expr)
    assert chosen
    for metric, labels in chosen:
        if "glue_mv_" in metric:
            assert metric in LABELS, (
                f"{metric} is not a metric of views, targets or the exporter, and is not recorded"
            )
            assert labels <= LABELS[metric], f"{metric} has no {labels - LABELS[metric]}"
        else:
            assert metric.startswith("process_") or metric in OF_PROMETHEUS


@each_question
def test_a_question_groups_and_joins_by_labels_that_its_series_have(question: Question) -> None:
    known = set().union(*(LABELS.get(metric, OF_THE_SCRAPE) for metric, _ in selectors(question.expr)))
    for listed in re.findall(r"\b(?:by|on|group_left|ignoring|without) \(([^)]*)\)", question.expr):
        assert names(listed) <= known | MADE_BY_QUERIES, listed


@each_question
def test_nothing_of_a_view_or_target_depends_on_who_scraped_it(question: Question) -> None:
    of_glue = [
        m for m, _ in selectors(question.expr) if re.match("glue_mv_(refresh|exporter_(target|api))", m)
    ]
    if of_glue:
        assert not re.search(r"\bby \([^)]*\b(?:instance|pod)\b", question.expr)
        assert re.search(r"\b(?:sum|max|min|count)\b", question.expr), "it is aggregated"


@each_panel
def test_legends_and_links_name_labels_that_the_answer_has(panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        for label in re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]):
            assert re.search(rf"\b{label}\b", target["expr"]), label
    asked = " ".join(target["expr"] for target in panel["targets"])
    for label in re.findall(r"(?:fields|labels)\.(\w+)", str(panel["fieldConfig"])):
        assert re.search(rf"\b{label}\b", asked), label


@each_question
def test_an_age_is_never_negative(question: Question) -> None:
    assert question.expr.count("time() -") == question.expr.count("clamp_min(time() -")


@each_dashboard
def test_everything_comes_from_the_chosen_releases(dashboard: Dashboard) -> None:
    for question in questions(dashboard):
        for metric, labels in selectors(question.expr):
            if "glue_mv_" in metric and metric != "glue_mv_exporter_web_info":
                assert labels >= {"cluster", "namespace", "job"}, question.name


@each_dashboard
def test_all_matches_absent_labels_where_they_may_be_absent(dashboard: Dashboard) -> None:
    found = {v["name"]: v["allValue"] for v in dashboard["templating"]["list"] if "allValue" in v}
    sometimes = {"cluster", "namespace", "owner"}
    assert found == {name: ".*" if name in sometimes else ".+" for name in found}
    assert {"cluster", "namespace", "job"} <= set(found)


@each_dashboard
def test_no_two_panels_have_one_name(dashboard: Dashboard) -> None:
    titles = [panel["title"] for panel in panels(dashboard)]
    titles += [panel["title"] for panel in dashboard["panels"] if panel["type"] == "row"]
    assert len(set(titles)) == len(titles)


@each_panel
def test_a_panel_says_what_it_shows_in_which_unit_and_what_it_is_without_data(panel: dict[str, Any]) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert defaults["unit"]
    assert defaults["noValue"]
    assert defaults["thresholds"]["steps"][0]["value"] is None
    assert panel["type"] in PLUGINS


@each_panel
def test_a_field_that_is_treated_apart_exists(panel: dict[str, Any]) -> None:
    queries = panel["targets"]
    values = {"Value"} if len(queries) == 1 else {f"Value #{query['refId']}" for query in queries}
    legends = {query["legendFormat"] for query in queries}
    asked = " ".join(query["expr"] for query in queries)
    for override in panel["fieldConfig"]["overrides"]:
        name = override["matcher"]["options"]
        label_values = any("{{" in legend for legend in legends)
        assert name in values | legends or re.search(rf"\b{name}\b", asked) or label_values, name


@each_dashboard
def test_every_datasource_is_the_chosen_one(dashboard: Dashboard) -> None:
    assert set(re.findall(r"'uid': '(\$\{[^']*)'", str(dashboard))) == {"${datasource}"}
    assert "__inputs" not in dashboard
    assert dashboard["templating"]["list"][0]["type"] == "datasource"


@each_dashboard
def test_panels_have_their_own_number_and_their_own_place(dashboard: Dashboard) -> None:
    rows = [panel for panel in dashboard["panels"] if panel["type"] == "row"]
    numbers = [panel["id"] for panel in (*rows, *panels(dashboard))]
    assert len(set(numbers)) == len(numbers)
    for one, other in combinations([panel["gridPos"] for panel in dashboard["panels"]], 2):
        apart = (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )
        assert apart, (one, other)
    for place in (panel["gridPos"] for panel in panels(dashboard)):
        assert place["x"] + place["w"] <= 24


@each_dashboard
def test_each_line_of_panels_is_as_wide_as_the_screen(dashboard: Dashboard) -> None:
    widths: dict[int, int] = {}
    for panel in panels(dashboard):
        widths[panel["gridPos"]["y"]] = widths.get(panel["gridPos"]["y"], 0) + panel["gridPos"]["w"]
    assert set(widths.values()) == {24}


@each_dashboard
def test_variables_come_from_views_and_targets_never_from_runs(dashboard: Dashboard) -> None:
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            (metric, labels), *_ = selectors(variable["query"]["query"])
            asked_for = variable["query"]["query"].rpartition(", ")[2].rstrip(")")
            assert metric in {
                "glue_mv_refresh_view_info", "glue_mv_exporter_target_info", "view:glue_mv_info:max"
            }  # fmt: skip
            assert {*labels, asked_for} <= LABELS[metric]
            assert asked_for != "run_id"


@each_dashboard
def test_every_variable_that_is_used_is_there_and_every_one_that_is_there_is_used(
    dashboard: Dashboard,
) -> None:
    defined = {variable["name"] for variable in dashboard["templating"]["list"]}
    text = str({name: value for name, value in dashboard.items() if name != "annotations"})
    text += str(dashboard["annotations"])
    used = set(re.findall(r"(?<!\$)\$\{?([a-z][a-z_]*)\b", text))
    assert used == defined


def test_uids_stay_for_bookmarks_and_links_lead_on() -> None:
    assert set(DASHBOARDS) == {"glue-mv-fleet", "glue-mv-view", "glue-mv-exporter"}
    linked = set(re.findall(r"/d/([\w-]+)", str(DASHBOARDS)))
    assert linked <= set(DASHBOARDS)
    assert linked
