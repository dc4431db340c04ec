"""One view: how it is, how it has been, and what it costs."""

from tools.dashboards import links, promql, variables, view_cost
from tools.dashboards.panels import DATASOURCE, Dashboard, Panel, Query, Row
from tools.dashboards.promql import gauge, increase
from tools.dashboards.shapes import series, stat, timeline
from tools.dashboards.style import (
    BLUE,
    GREEN,
    LIGHT_BLUE,
    ORANGE,
    PURPLE,
    RED,
    REFRESH_TYPES,
    STATUSES,
    YES_NO,
    Json,
    colour_of_series,
    override,
    thresholds,
    words,
)
from tools.dashboards.view_cost import MONEY, WHERE


def view() -> Dashboard:
    """Return the dashboard."""
    return Dashboard(
        uid=links.VIEW,
        title="Glue materialized views / One view",
        description="The refreshes of one materialized view: status, durations, DPU-hours, cost, bytes.",
        variables=[*variables.releases(variables.VIEW_INFO), *_choice_of_view(), variables.price()],
        links=[links.siblings()],
        time_range="now-2d",
        annotations=[_failures()],
        rows=[
            Row(
                title="$database.$table in $aws_region",
                panels=[*_tiles(), view_cost.last_failure(), _states(), *_history()],
            ),
            Row(title="Cost", panels=view_cost.cost()),
            Row(title="Runs", panels=[view_cost.runs()]),
        ],
    )


def _choice_of_view() -> list[Json]:
    """Return a choice for each label of a view, each narrowed by those before it."""
    chosen: list[Json] = []
    where = [promql.RELEASES]
    names = {"aws_region": "Region", "catalog_id": "Catalog", "database": "Database", "table": "View"}
    for label, title in names.items():
        series = f"{variables.VIEW_INFO}{{{', '.join(where)}}}"
        chosen.append(variables.label_values(label, title, series, many=False))
        where.append(f'{label}="${label}"')
    return chosen


def _failures() -> Json:
    """Return the annotation that marks the end of each failed run on every graph."""
    return {
        "name": "Failed runs",
        "datasource": DATASOURCE,
        "enable": True,
        "hide": False,
        "iconColor": RED,
        "expr": gauge("last_failure_timestamp_seconds", WHERE) + " * 1000",
        "useValueForTime": True,
        "step": "1m",
        "titleFormat": "A refresh failed",
    }


def _tiles() -> list[Panel]:
    usual = f"quantile_over_time(0.5, {gauge('last_success_duration_seconds', WHERE)}[$__range:$__interval])"
    spent = f"sum({increase('dpu_seconds_total', WHERE, '$__range')}) / 3600"
    return [
        stat(
            "Newest run",
            "The status of the newest run, by creation.",
            promql.coded_status(WHERE),
            mappings=words(STATUSES),
            history=False,
            no_value="never ran",
        ),
        stat(
            "Data's age",
            "The time since the view's last refresh, whatever did it.",
            promql.age("data", WHERE),
            unit="s",
            decimals=0,
            history=False,
            no_value="never",
        ),
        stat(
            "Stale for",
            "How long the view has lacked a change of its sources, in expected intervals. Above 1.5 it is "
            "overdue, unless its refresh is in progress.",
            f"{promql.age('stale_since', WHERE)} / {gauge('expected_interval_seconds', WHERE)}",
            decimals=1,
            thresholds=thresholds(GREEN, (1.5, ORANGE), (3, RED)),
            history=False,
            no_value="fresh",
        ),
        stat(
            "Failed in a row",
            "Failed runs since the last success.",
            gauge("consecutive_failures", WHERE),
            thresholds=thresholds(GREEN, (1, RED)),
        ),
        stat(
            "Last duration",
            "The duration of the last success, from start to end.",
            gauge("last_success_duration_seconds", WHERE),
            unit="s",
            decimals=1,
        ),
        stat(
            "Usual duration",
            "The median of the last duration over this time range.",
            usual,
            unit="s",
            decimals=1,
            history=False,
        ),
        stat(
            "Cost of the last success",
            "Its DPU-hours times the price above.",
            f"{gauge('last_success_dpu_seconds', WHERE)} / 3600 * $price",
            unit=MONEY,
            decimals=2,
        ),
        stat(
            "Cost in this time range",
            "Cost of the runs that ended in this time range, successful or not.",
            f"{spent} * $price",
            unit=MONEY,
            decimals=2,
            history=False,
        ),
    ]


def _states() -> Panel:
    bands = {
        "Newest run": (promql.coded_status(WHERE), STATUSES),
        "Refresh type": (promql.coded_type(WHERE), REFRESH_TYPES),
        "Read": (gauge("up", WHERE), YES_NO),
    }
    return timeline(
        "Status of its runs",
        "The newest run's status and refresh type, and whether the exporter could read the view. If not, "
        "all values here are the last known ones.",
        [Query(expr=expr, legend=name) for name, (expr, _) in bands.items()],
        height=7,
        overrides=[override(name, mappings=words(meanings)) for name, (_, meanings) in bands.items()],
    )


def _history() -> list[Panel]:
    dpu = gauge("last_success_dpu_seconds", WHERE)
    return [
        series(
            "Duration",
            "The duration of each success, and the time since the creation of a run that has not ended: blue "
            "far above green means that the run is stuck.",
            [
                Query(expr=gauge("last_success_duration_seconds", WHERE), legend="last success"),
                Query(expr=promql.run_age(WHERE), legend="in progress"),
            ],
            width=12,
            unit="s",
            legend=["lastNotNull", "max"],
            steps=True,
            overrides=colour_of_series({"last success": GREEN, "in progress": BLUE}),
        ),
        series(
            "Freshness",
            "Late refresh: the lag, since a change of a source that the view lacks, is above the expected "
            "interval. Late source: the data is old, but so are the sources, and there is no lag.",
            [
                Query(expr=promql.age("data", WHERE), legend="data's age"),
                Query(expr=promql.age("source_updated", WHERE), legend="sources' age"),
                Query(expr=promql.age("stale_since", WHERE), legend="lag"),
                Query(expr=gauge("expected_interval_seconds", WHERE), legend="expected interval"),
            ],
            width=12,
            unit="s",
            legend=["lastNotNull", "max"],
            overrides=[
                *colour_of_series(
                    {
                        "data's age": LIGHT_BLUE,
                        "sources' age": PURPLE,
                        "lag": RED,
                        "expected interval": ORANGE,
                    }
                ),
                override(
                    "expected interval",
                    custom__lineStyle={"fill": "dash", "dash": [8, 6]},
                    custom__fillOpacity=0,
                ),
            ],
        ),
        series(
            "DPU-hours",
            "DPU-hours of each success, over all its workers.",
            [Query(expr=f"{dpu} / 3600", legend="last success")],
            width=12,
            unit="none",
            legend=["lastNotNull", "mean", "max"],
            steps=True,
            overrides=colour_of_series({"last success": PURPLE}),
        ),
        series(
            "Processed bytes",
            "Bytes scanned by each success. They explain more DPU-hours only if they grow, too.",
            [Query(expr=gauge("last_success_processed_bytes", WHERE), legend="last success")],
            width=12,
            unit="decbytes",
            legend=["lastNotNull", "mean", "max"],
            steps=True,
            overrides=colour_of_series({"last success": LIGHT_BLUE}),
        ),
    ]
