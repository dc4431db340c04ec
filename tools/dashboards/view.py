"""One view: how it is, how it has been, what it costs, and each of its runs."""

from exporter.store.counters import DURATION_BUCKETS
from tools.dashboards import promql
from tools.dashboards.dashboard import PRICE, VIEW_UID, dashboard, label_values, releases
from tools.dashboards.panels import (
    DATASOURCE,
    PAGE_COLUMN,
    Column,
    gauges,
    log_column,
    series,
    stat,
    table,
    timeline,
)
from tools.dashboards.promql import RELEASES, VIEW, VIEW_INFO, gauge, increase, metric
from tools.dashboards.style import (
    GOOD_AT_ZERO,
    MONEY,
    REFRESH_TYPES,
    STATUSES,
    Json,
    in_colours,
    override,
    thresholds,
    words,
    yes_no,
)

_LABELS = {"aws_region": "Region", "catalog_id": "Catalog", "database": "Database", "table": "View"}
WHERE = ", ".join([RELEASES, *(f'{label}="${label}"' for label in _LABELS)])
_HIDDEN = VIEW.split(", ")
_INFO = gauge("last_run_info", WHERE, keep="run_id")
_DURATION = gauge("last_success_duration_seconds", WHERE)
_DPU_HOURS = f"{gauge('last_success_dpu_seconds', WHERE)} / 3600"
_BYTES = gauge("last_success_processed_bytes", WHERE)


def view() -> Json:
    """Return the dashboard."""
    # A choice for each label of a view, each narrowed by those before it.
    choices, where = [], RELEASES
    for label, title in _LABELS.items():
        choices.append(label_values(label, title, f"{VIEW_INFO}{{{where}}}", many=False))
        where += f', {label}="${label}"'
    failures = {
        "name": "Failed runs",
        "datasource": DATASOURCE,
        "enable": True,
        "hide": False,
        "iconColor": "red",
        "expr": gauge("last_failure_timestamp_seconds", WHERE) + " * 1000",
        "useValueForTime": True,
        "step": "1m",
        "titleFormat": "A refresh failed",
    }
    return dashboard(
        VIEW_UID,
        "Glue materialized views / One view",
        "The refreshes of one materialized view: status, durations, DPU-hours, cost, bytes.",
        variables=[*releases(VIEW_INFO), *choices, PRICE],
        time_range="now-2d",
        annotations=[failures],
        rows={
            "$database.$table in $aws_region": [*_tiles(), _last_failure(), _states(), *_history()],
            "Cost": _cost(),
            "Runs": [_runs()],
        },
    )


def _tiles() -> list[Json]:
    spent = f"sum({increase('dpu_seconds_total', WHERE, '$__range')}) / 3600"
    return [
        stat(
            "Newest run",
            "The status of the newest run, by creation.",
            promql.coded_status(WHERE), mappings=words(STATUSES), history=False, no_value="never ran",
        ),
        stat(
            "Data's age",
            "The time since the view's last refresh, whatever did it.",
            promql.age("data", WHERE), unit="s", decimals=0, history=False, no_value="never",
        ),
        stat(
            "Stale for",
            "How long the view has lacked a change of its sources, in expected intervals. Above 1.5 it is "
            "overdue, unless its refresh is in progress.",
            f"{promql.age('stale_since', WHERE)} / {gauge('expected_interval_seconds', WHERE)}",
            decimals=1, thresholds=thresholds("green", (1.5, "orange"), (3, "red")), history=False,
            no_value="fresh",
        ),
        stat(
            "Failed in a row",
            "Failed runs since the last success.",
            gauge("consecutive_failures", WHERE), thresholds=GOOD_AT_ZERO,
        ),
        stat(
            "Last duration",
            "The duration of the last success, from start to end.",
            _DURATION, unit="s", decimals=1,
        ),
        stat(
            "Usual duration",
            "The median of the last duration over this time range.",
            f"quantile_over_time(0.5, {_DURATION}[$__range:$__interval])", unit="s", decimals=1,
            history=False,
        ),
        stat(
            "Cost of the last success",
            "Its DPU-hours times the price above.",
            f"{_DPU_HOURS} * $price", unit=MONEY, decimals=2,
        ),
        stat(
            "Cost in this time range",
            "Cost of the runs that ended in this time range, successful or not.",
            f"{spent} * $price", unit=MONEY, decimals=2, history=False,
        ),
    ]  # fmt: skip


def _last_failure() -> Json:
    info = metric("info", WHERE)
    owner = promql.with_page(info, f"{VIEW}, target, owner", ("database", "table"), "q=$2.$3")
    return table(
        "Owner and last failure",
        "Who owns the view; and of its newest failed run since its last success: the cause, and the log.",
        [
            Column("Owner", label="owner", width=200),
            Column("Target", label="target", width=200),
            Column("Cause of failure", label="cause", width=200),
            Column("Run", label="run_id"),
            log_column(),
            PAGE_COLUMN,
        ],
        extra=[owner, promql.with_logs(gauge("last_failure_info", WHERE, keep="run_id, cause"))],
        hidden=_HIDDEN,
        sort="Owner",
        height=4,
    )


def _states() -> Json:
    return timeline(
        "Status of its runs",
        "The newest run's status and refresh type, and whether the exporter could read the view. If not, "
        "all values here are the last known ones.",
        {
            "Newest run": promql.coded_status(WHERE),
            "Refresh type": promql.coded_type(WHERE),
            "Read": gauge("up", WHERE),
        },
        height=7,
        overrides=[
            override("Newest run", mappings=words(STATUSES)),
            override("Refresh type", mappings=words(REFRESH_TYPES)),
            override("Read", mappings=yes_no("yes", "no")),
        ],
    )


def _history() -> list[Json]:
    dashed = {"fill": "dash", "dash": [8, 6]}
    lines = {
        "data's age": "light-blue", "sources' age": "purple", "lag": "red", "expected interval": "orange",
    }  # fmt: skip
    return [
        series(
            "Duration",
            "The duration of each success, and the time since the creation of a run that has not ended: blue "
            "far above green means that the run is stuck.",
            {"last success": _DURATION, "in progress": promql.run_age(WHERE)},
            width=12, unit="s", legend=["lastNotNull", "max"], steps=True,
            overrides=in_colours({"last success": "green", "in progress": "blue"}),
        ),
        series(
            "Freshness",
            "Late refresh: the lag, since a change of a source that the view lacks, is above the expected "
            "interval. Late source: the data is old, but so are the sources, and there is no lag.",
            {
                "data's age": promql.age("data", WHERE),
                "sources' age": promql.age("source_updated", WHERE),
                "lag": promql.age("stale_since", WHERE),
                "expected interval": gauge("expected_interval_seconds", WHERE),
            },
            width=12, unit="s", legend=["lastNotNull", "max"],
            overrides=[
                *in_colours(lines),
                override("expected interval", custom__lineStyle=dashed, custom__fillOpacity=0),
            ],
        ),
        series(
            "DPU-hours",
            "DPU-hours of each success, over all its workers.",
            {"last success": _DPU_HOURS},
            width=12, legend=["lastNotNull", "mean", "max"], steps=True,
            overrides=in_colours({"last success": "purple"}),
        ),
        series(
            "Processed bytes",
            "Bytes scanned by each success. They explain more DPU-hours only if they grow, too.",
            {"last success": _BYTES},
            width=12, unit="decbytes", legend=["lastNotNull", "mean", "max"], steps=True,
            overrides=in_colours({"last success": "light-blue"}),
        ),
    ]  # fmt: skip


def _cost() -> list[Json]:
    spent = increase("dpu_seconds_total", WHERE, "$__rate_interval", keep="refresh_type")
    ended = increase("runs_total", WHERE, "$__rate_interval", keep="status, refresh_type")
    buckets = f"sum by (le) (increase({metric('run_duration_seconds_bucket', WHERE)}[$__range]))"
    return [
        series(
            "Cost by refresh type",
            "Cost of the runs at the price above, counted when a run ends. Orange instead of blue means that "
            "the view no longer refreshes incrementally.",
            {"{{refresh_type}}": f"sum by (refresh_type) ({spent}) / 3600 * $price > 0"},
            width=10, bars=True, legend=["sum"], unit=MONEY, overrides=in_colours(REFRESH_TYPES),
            interval="1h",
        ),
        series(
            "Runs by refresh type",
            "How many runs ended, by refresh type, in any status.",
            {"{{refresh_type}}": f"round(sum by (refresh_type) ({ended})) > 0"},
            width=8, bars=True, legend=["sum"], overrides=in_colours(REFRESH_TYPES), interval="1h",
        ),
        gauges(
            "How long it takes",
            "Successful runs of this time range, by the upper bound of their duration.",
            "{{le}}", f"round({buckets})",
            width=6, buckets=True, thresholds=thresholds("blue"),
            overrides=[override(f"{bound:.1f}", displayName=_at_most(bound)) for bound in DURATION_BUCKETS],
        ),
    ]  # fmt: skip


def _at_most(seconds: float) -> str:
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"\u2264 {seconds / length:g} {unit}"
    return f"\u2264 {seconds:g} s"


def _runs() -> Json:
    """Return the runs of the time range, as far as view-level series show them."""

    def newest_of(value: str) -> str:
        """Return the last that was known of each run while it was the newest."""
        return f"last_over_time((\n{_INFO} * on ({VIEW}) group_left ()\n({value})\n)[$__range:$__interval])"

    def of_success(value: str) -> str:
        succeeded = gauge("last_run_status", WHERE, 'status="SUCCEEDED"')
        return newest_of(f"{value} and on ({VIEW}) ({succeeded} == 1)")

    created = newest_of(f"{gauge('last_run_creation_timestamp_seconds', WHERE)} * 1000")
    dpu_hours = f"{of_success(gauge('last_success_dpu_seconds', WHERE))} / 3600"
    return table(
        "Runs of this time range",
        "Every run that was the view's newest at some time in this range. A log group's name contains "
        "the run's ID.",
        [
            Column("Created", query=created, unit="dateTimeAsSystem", width=190),
            Column(
                "Status", query=newest_of(promql.coded_status(WHERE)), mappings=words(STATUSES),
                coloured=True, width=130,
            ),
            Column(
                "Type", query=newest_of(promql.coded_type(WHERE)), mappings=words(REFRESH_TYPES),
                coloured=True, width=140,
            ),
            Column(
                "Duration", query=of_success(_DURATION), unit="s", decimals=1, width=160, gauge=True,
                thresholds=thresholds("green"),
            ),
            Column("DPU-hours", query=dpu_hours, decimals=2, width=120),
            Column("Cost", query=f"{dpu_hours} * $price", unit=MONEY, decimals=2, width=110),
            Column("Bytes", query=of_success(_BYTES), unit="decbytes", width=120),
            Column("Run", label="run_id"),
            log_column(90),
        ],
        extra=[promql.with_logs(f"last_over_time({_INFO}[$__range:$__interval])")],
        hidden=_HIDDEN,
        sort="Created",
        height=10,
    )  # fmt: skip
