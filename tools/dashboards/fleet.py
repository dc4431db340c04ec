"""All views at a glance: problems, runs in progress, and cost."""

from tools.dashboards import fleet_tables, links, promql, variables
from tools.dashboards.chosen import MONEY, WHERE, chosen, money, number
from tools.dashboards.panels import Dashboard, Panel, Query, Row
from tools.dashboards.promql import gauge, increase
from tools.dashboards.shapes import gauges, series, stacked_bars, stat, timeline
from tools.dashboards.style import (
    BLUE,
    GOOD_AT_ZERO,
    GREEN,
    ORANGE,
    REFRESH_TYPES,
    STATUSES,
    YES_NO,
    colour_of_series,
    colours,
    thresholds,
    words,
)

_INFO = f"{variables.VIEW_INFO}{{{promql.RELEASES}}}"


def fleet() -> Dashboard:
    """Return the dashboard."""
    return Dashboard(
        uid=links.FLEET,
        title="Glue materialized views / Fleet",
        description="Which views are failing, overdue or stuck, what is running, and what refreshes cost.",
        variables=[
            *variables.releases(variables.VIEW_INFO),
            *(
                variables.label_values(label, title, _INFO, many=True, every=every)
                for label, title, every in (
                    ("target", "Target", ".+"),
                    ("owner", "Owner", ".*"),
                    ("aws_region", "Region", ".+"),
                    ("database", "Database", ".+"),
                )
            ),
            variables.recorded(),
            variables.objective(),
            variables.price(),
        ],
        links=[links.siblings()],
        rows=[
            Row(title="Now", panels=[*_tiles(), fleet_tables.needs_attention()]),
            Row(title="Refreshes", panels=_refreshes()),
            Row(title="Cost", panels=_cost()),
            Row(title="Freshness and targets", panels=_freshness()),
            Row(title="All views", panels=[fleet_tables.every_view()], collapsed=True),
        ],
    )


def _tiles() -> list[Panel]:
    dpu_seconds = f"sum({chosen(increase('dpu_seconds_total', WHERE, '$__range'))})"
    return [
        stat(
            "Failing",
            "Views with failed runs since their last success. They are listed below, with their runs' logs.",
            number(promql.failing(WHERE)),
            thresholds=GOOD_AT_ZERO,
            history=False,
        ),
        stat(
            "Overdue",
            "Views that have lacked a change of their sources for longer than 1.5 expected intervals, or the "
            "threshold of the rules, and whose refresh is not in progress.",
            number(promql.overdue(WHERE)),
            thresholds=thresholds(GREEN, (1, ORANGE)),
            history=False,
        ),
        stat(
            "Stuck",
            "Views whose newest run takes far longer than usual and has not ended.",
            number(promql.stuck(WHERE)),
            thresholds=GOOD_AT_ZERO,
            history=False,
        ),
        stat(
            "Not read",
            "Views whose runs the last poll could not read: their values are old. See the targets below, and "
            "the exporter's dashboard.",
            number(promql.unread(WHERE)),
            thresholds=thresholds(GREEN, (1, ORANGE)),
            history=False,
        ),
        stat(
            "Running",
            "Views with a run that is starting or running.",
            number(promql.run_age(WHERE)),
            thresholds=thresholds(BLUE),
            history=False,
        ),
        stat("Views", "Views that the chosen targets watch.", f"count({chosen(gauge('up', WHERE))})"),
        stat(
            "DPU-hours in range",
            "DPU-hours of the runs that ended in this time range.",
            f"{dpu_seconds} / 3600",
            history=False,
            decimals=1,
        ),
        stat(
            "Cost in range",
            "DPU-hours times the price above.",
            money(dpu_seconds),
            history=False,
            unit=MONEY,
            decimals=2,
        ),
    ]


def _refreshes() -> list[Panel]:
    ended = increase("runs_total", WHERE, "$__rate_interval", keep="status")
    status = gauge("last_run_status", WHERE, keep="status")
    return [
        stacked_bars(
            "Runs that ended",
            "How many runs ended, by status. If red persists, look for a cause that many views share.",
            Query(expr=f"round(sum by (status) ({chosen(ended)})) > 0", legend="{{status}}"),
            width=12,
            overrides=colour_of_series(colours(STATUSES)),
            interval="30m",
            no_value="no runs ended",
        ),
        series(
            "Views by status of their newest run",
            "The state of all views. Growing blue means that runs wait or hang.",
            [Query(expr=f"sum by (status) ({chosen(status)})", legend="{{status}}")],
            width=12,
            stacked=True,
            legend=["lastNotNull", "max"],
            overrides=colour_of_series(colours(STATUSES)),
        ),
        fleet_tables.running(),
    ]


def _cost() -> list[Panel]:
    by_database = f"sum by (database) ({chosen(increase('dpu_seconds_total', WHERE, '$__rate_interval'))})"
    by_type = increase("dpu_seconds_total", WHERE, "$__range", keep="refresh_type")
    return [
        stacked_bars(
            "Cost by database",
            "Cost of the refreshes at the price above, counted when a run ends.",
            Query(expr=money(by_database) + " > 0", legend="{{database}}"),
            width=16,
            unit=MONEY,
            interval="30m",
        ),
        gauges(
            "DPU-hours by refresh type",
            "A view that changes from incremental to full costs many times more.",
            Query(
                expr=f"sum by (refresh_type) ({chosen(by_type)}) / 3600 > 0",
                legend="{{refresh_type}}",
                instant=True,
            ),
            width=8,
            unit="none",
            decimals=2,
            overrides=colour_of_series(colours(REFRESH_TYPES)),
        ),
        fleet_tables.most_expensive(),
    ]


def _freshness() -> list[Panel]:
    up = f'max by ({promql.TARGET}) (glue_mv_exporter_target_up{{{promql.RELEASES}, target=~"$target"}})'
    return [
        fleet_tables.late(),
        fleet_tables.objective(),
        timeline(
            "Targets read",
            "Whether the exporter could read each target. Where it could not, values of views are old.",
            [Query(expr=up, legend="{{target}} {{namespace}}")],
            height=8,
            mappings=words({"not read": YES_NO["no"], "read": YES_NO["yes"]}),
        ),
    ]
