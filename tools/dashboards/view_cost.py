"""What one view's refreshes cost, and each of its runs."""

from exporter.store.counters import DURATION_BUCKETS
from tools.dashboards import links, promql
from tools.dashboards.panels import Panel, Query
from tools.dashboards.promql import VIEW, gauge, increase, metric
from tools.dashboards.shapes import gauges, stacked_bars
from tools.dashboards.style import (
    BLUE,
    GREEN,
    REFRESH_TYPES,
    STATUSES,
    colour_of_series,
    colours,
    override,
    thresholds,
    words,
)
from tools.dashboards.tables import URL_WORDS, Column, table

WHERE = f"{promql.RELEASES}, " + ", ".join(
    f'{label}="${label}"' for label in ("aws_region", "catalog_id", "database", "table")
)
MONEY = "currencyUSD"
_HIDDEN = VIEW.split(", ")
_INFO = f"max by ({VIEW}, run_id) ({metric('last_run_info', WHERE)})"
_SUCCEEDED = gauge("last_run_status", WHERE, 'status="SUCCEEDED"') + " == 1"
_TYPE_COLOURS = colour_of_series(colours(REFRESH_TYPES))


def cost() -> list[Panel]:
    """Return what the view costs, by refresh type and time."""
    spent = increase("dpu_seconds_total", WHERE, "$__rate_interval", keep="refresh_type")
    ended = increase("runs_total", WHERE, "$__rate_interval", keep="status, refresh_type")
    buckets = f"sum by (le) (increase({metric('run_duration_seconds_bucket', WHERE)}[$__range]))"
    return [
        stacked_bars(
            "Cost by refresh type",
            "Cost of the runs at the price above, counted when a run ends. Orange instead of blue means that "
            "the view no longer refreshes incrementally.",
            Query(expr=f"sum by (refresh_type) ({spent}) / 3600 * $price > 0", legend="{{refresh_type}}"),
            width=10,
            unit=MONEY,
            overrides=_TYPE_COLOURS,
            interval="1h",
        ),
        stacked_bars(
            "Runs by refresh type",
            "How many runs ended, by refresh type, in any status.",
            Query(expr=f"round(sum by (refresh_type) ({ended})) > 0", legend="{{refresh_type}}"),
            width=8,
            overrides=_TYPE_COLOURS,
            interval="1h",
        ),
        gauges(
            "How long it takes",
            "Successful runs of this time range, by the upper bound of their duration.",
            Query(expr=f"round({buckets})", legend="{{le}}", instant=True, buckets=True),
            width=6,
            unit="none",
            thresholds=thresholds(BLUE),
            overrides=[override(f"{bound:.1f}", displayName=_at_most(bound)) for bound in DURATION_BUCKETS],
        ),
    ]


def _at_most(seconds: float) -> str:
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"\u2264 {seconds / length:g} {unit}"
    return f"\u2264 {seconds:g} s"


def last_failure() -> Panel:
    """Return the owner, the failure that no success has followed, and where to read more."""
    owner = promql.with_page(
        metric("info", WHERE), f"{VIEW}, target, owner", ("database", "table"), "q=$2.$3"
    )
    return table(
        "Owner and last failure",
        "Who owns the view; and of its newest failed run since its last success: the cause, and the log.",
        [
            Column(title="Owner", label="owner", width=200),
            Column(title="Target", label="target", width=200),
            Column(title="Cause of failure", label="cause", width=200),
            Column(title="Run", label="run_id"),
            Column(title="Log", label="logs", width=80, mappings=URL_WORDS, links=[links.to_logs()]),
            Column(title="Page", label="page", width=80, mappings=URL_WORDS, links=[links.to_page()]),
        ],
        extra=[owner, promql.with_logs(gauge("last_failure_info", WHERE, keep="run_id, cause"))],
        hidden=_HIDDEN,
        sort="Owner",
        height=4,
        no_value="\u2013",
    )  # fmt: skip


def runs() -> Panel:
    """Return the runs of the time range, as far as view-level series show them."""

    def newest_of(value: str) -> str:
        """Return the last that was known of each run while it was the newest."""
        return f"last_over_time((\n{_INFO} * on ({VIEW}) group_left ()\n({value})\n)[$__range:$__interval])"

    def of_success(name: str) -> str:
        return newest_of(f"{gauge(name, WHERE)} and on ({VIEW}) ({_SUCCEEDED})")

    dpu = of_success("last_success_dpu_seconds")
    created = f"{gauge('last_run_creation_timestamp_seconds', WHERE)} * 1000"
    return table(
        "Runs of this time range",
        "Every run that was the view's newest at some time in this range. A log group's name contains "
        "the run's ID.",
        [
            Column(title="Created", query=newest_of(created), unit="dateTimeAsSystem", width=190),
            Column(
                title="Status", query=newest_of(promql.coded_status(WHERE)), mappings=words(STATUSES),
                coloured=True, width=130,
            ),
            Column(
                title="Type", query=newest_of(promql.coded_type(WHERE)), mappings=words(REFRESH_TYPES),
                coloured=True, width=140,
            ),
            Column(
                title="Duration", query=of_success("last_success_duration_seconds"), unit="s", decimals=1,
                width=160, gauge=True, thresholds=thresholds(GREEN),
            ),
            Column(title="DPU-hours", query=f"{dpu} / 3600", decimals=2, width=120),
            Column(title="Cost", query=f"{dpu} / 3600 * $price", unit=MONEY, decimals=2, width=110),
            Column(
                title="Bytes", query=of_success("last_success_processed_bytes"), unit="decbytes", width=120,
            ),
            Column(title="Run", label="run_id"),
            Column(title="Log", label="logs", width=90, mappings=URL_WORDS, links=[links.to_logs()]),
        ],
        extra=[promql.with_logs(f"last_over_time({_INFO}[$__range:$__interval])")],
        hidden=_HIDDEN,
        sort="Created",
        height=10,
        no_value="\u2013",
    )  # fmt: skip
