"""All views at a glance: problems, runs in progress, and cost."""

from tools.dashboards import promql
from tools.dashboards.dashboard import FLEET_UID, PRICE, TO_VIEW, dashboard, label_values, releases, textbox
from tools.dashboards.panels import PAGE_COLUMN, Column, gauges, log_column, series, stat, table, timeline
from tools.dashboards.promql import RELEASES, TARGET, VIEW, VIEW_INFO, age, gauge, increase
from tools.dashboards.style import (
    GOOD_AT_ZERO,
    MONEY,
    REFRESH_TYPES,
    STATUSES,
    Json,
    in_colours,
    problem_words,
    thresholds,
    words,
    yes_no,
)

WHERE = f'{RELEASES}, aws_region=~"$aws_region", database=~"$database"'
CHOSEN = f'{VIEW_INFO}{{{WHERE}, target=~"$target", owner=~"$owner"}}'
"""The views that the variables choose; other series do not know their target and owner."""
OWNER = f"max by ({VIEW}, target, owner) ({CHOSEN})"
OWNER_AND_PAGE = promql.with_page(CHOSEN, f"{VIEW}, target, owner", ("database", "table"), "q=$2.$3")
RELEASE_LABELS = ["cluster", "namespace", "job"]
HIDDEN = [*RELEASE_LABELS, "catalog_id"]


def chosen(expr: str) -> str:
    """Return of these views those that the variables choose."""
    return f"({expr})\nand on ({VIEW}) {CHOSEN}"


def number(expr: str) -> str:
    """Return how many of the chosen views are among these; 0 only where views are known."""
    return f"count({chosen(expr)}) or 0 * count({CHOSEN})"


def money(dpu_seconds: str) -> str:
    """Return what these DPU seconds cost."""
    return f"{dpu_seconds} / 3600 * $price"


def fleet() -> Json:
    """Return the dashboard."""
    patterns = {
        ("target", "Target"): ".+",
        ("owner", "Owner"): ".*",
        ("aws_region", "Region"): ".+",
        ("database", "Database"): ".+",
    }
    info = f"{VIEW_INFO}{{{RELEASES}}}"
    # The jobs that have recording rules, unseen: the metrics are asked of the others only.
    recorded = label_values("job", "With rules", "view:glue_mv_info:max", every="")
    objective = "The share of views that should not be overdue, from 0 to 1."
    return dashboard(
        FLEET_UID,
        "Glue materialized views / Fleet",
        "Which views are failing, overdue or stuck, what is running, and what refreshes cost.",
        variables=[
            *releases(VIEW_INFO),
            *(label_values(label, title, info, every=every) for (label, title), every in patterns.items()),
            {**recorded, "name": "recorded", "hide": 2},
            textbox("objective", "Freshness objective", "0.99", objective),
            PRICE,
        ],
        rows={
            "Now": [*_tiles(), _needs_attention()],
            "Refreshes": [*_refreshes(), _running()],
            "Cost": [*_cost(), _most_expensive()],
            "Freshness and targets": [_late(), _objective(), _targets_read()],
            "All views": [_every_view()],
        },
        collapsed="All views",
    )


def _tiles() -> list[Json]:
    dpu_seconds = f"sum({chosen(increase('dpu_seconds_total', WHERE, '$__range'))})"
    return [
        stat(
            "Failing",
            "Views with failed runs since their last success. They are listed below, with their runs' logs.",
            number(promql.failing(WHERE)), thresholds=GOOD_AT_ZERO, history=False,
        ),
        stat(
            "Overdue",
            "Views that have lacked a change of their sources for longer than 1.5 expected intervals, or the "
            "threshold of the rules, and whose refresh is not in progress.",
            number(promql.overdue(WHERE)), thresholds=thresholds("green", (1, "orange")), history=False,
        ),
        stat(
            "Stuck",
            "Views whose newest run takes far longer than usual and has not ended.",
            number(promql.stuck(WHERE)), thresholds=GOOD_AT_ZERO, history=False,
        ),
        stat(
            "Not read",
            "Views whose runs the last poll could not read: their values are old. See the targets below, and "
            "the exporter's dashboard.",
            number(promql.unread(WHERE)), thresholds=thresholds("green", (1, "orange")), history=False,
        ),
        stat(
            "Running",
            "Views with a run that is starting or running.",
            number(promql.run_age(WHERE)), thresholds=thresholds("blue"), history=False,
        ),
        stat("Views", "Views that the chosen targets watch.", f"count({chosen(gauge('up', WHERE))})"),
        stat(
            "DPU-hours in range",
            "DPU-hours of the runs that ended in this time range.",
            f"{dpu_seconds} / 3600", history=False, decimals=1,
        ),
        stat(
            "Cost in range",
            "DPU-hours times the price above.",
            money(dpu_seconds), history=False, unit=MONEY, decimals=2,
        ),
    ]  # fmt: skip


def _which_view(*, database: int, view: int | None = None) -> list[Column]:
    """Return the columns that name the view, so many pixels wide; without ``view`` it takes what is left."""
    return [
        Column("Database", label="database", width=database),
        Column("View", label="table", width=view, links=[TO_VIEW]),
        Column("Region", label="aws_region", width=120),
    ]


def _needs_attention() -> Json:
    suspects = promql.suspects(WHERE)

    def of_these(expr: str) -> str:
        """Leave out most rows that the table does not show: each query is asked of all views."""
        return f"({expr})\nand on ({VIEW}) {suspects}"

    failed = gauge("last_failure_info", WHERE, keep="run_id, cause")
    newest = gauge("last_run_info", WHERE, keep="run_id")
    return table(
        "Needs attention",
        "Every view that is failing, overdue, stuck or not read, the worst first, with the cause and the log "
        "of its newest failure, or else the log of its newest run. A view's name links to its history.",
        [
            Column(
                "Problem", query=chosen(promql.problem(WHERE)), mappings=problem_words(), coloured=True,
                width=170,
            ),
            *_which_view(database=130),
            Column("Owner", label="owner", width=130),
            Column("Cause of failure", label="cause", width=140),
            Column(
                "Newest run", query=of_these(promql.coded_status(WHERE)), mappings=words(STATUSES),
                coloured=True, width=120,
            ),
            Column(
                "Failed in a row", query=of_these(promql.failing(WHERE)), width=120, coloured=True,
                thresholds=thresholds("text", (1, "red")),
            ),
            Column("Stale for", query=of_these(age("stale_since", WHERE)), unit="s", decimals=0, width=120),
            log_column(),
            PAGE_COLUMN,
        ],
        extra=[
            of_these(promql.with_logs(f"({failed} or on ({VIEW}) {newest})")), of_these(OWNER_AND_PAGE),
        ],
        hidden=[*HIDDEN, "run_id", "target"],
        sort="Problem",
        only="Problem",
    )  # fmt: skip


def _refreshes() -> list[Json]:
    ended = increase("runs_total", WHERE, "$__rate_interval", keep="status")
    status = gauge("last_run_status", WHERE, keep="status")
    return [
        series(
            "Runs that ended",
            "How many runs ended, by status. If red persists, look for a cause that many views share.",
            {"{{status}}": f"round(sum by (status) ({chosen(ended)})) > 0"},
            width=12, bars=True, legend=["sum"], overrides=in_colours(STATUSES), interval="30m",
            no_value="no runs ended",
        ),
        series(
            "Views by status of their newest run",
            "The state of all views. Growing blue means that runs wait or hang.",
            {"{{status}}": f"sum by (status) ({chosen(status)})"},
            width=12, stacked=True, legend=["lastNotNull", "max"], overrides=in_colours(STATUSES),
        ),
    ]  # fmt: skip


def _running() -> Json:
    run_age = promql.run_age(WHERE)
    usual = gauge("last_success_duration_seconds", WHERE)

    def of_these(expr: str) -> str:
        return chosen(f"({expr}) and on ({VIEW}) {run_age}")

    return table(
        "Running now",
        "Runs that have not ended, the time since their creation, and its ratio to the duration of the "
        "view's last success.",
        [
            *_which_view(database=140, view=260),
            Column("Owner", label="owner", width=130),
            Column(
                "Status", query=of_these(promql.coded_status(WHERE)), mappings=words(STATUSES), coloured=True,
                width=120,
            ),
            Column("Since", query=chosen(run_age), unit="s", decimals=0, width=120),
            Column("Usually", query=of_these(usual), unit="s", decimals=0, width=120),
            Column(
                "Times the usual", query=chosen(f"{run_age} / {usual}"), decimals=1, gauge=True,
                thresholds=thresholds("blue", (2, "orange"), (3, "red")),
            ),
            log_column(),
        ],
        extra=[
            of_these(promql.with_logs(gauge("last_run_info", WHERE, keep="run_id"))), of_these(OWNER),
        ],
        hidden=[*HIDDEN, "run_id", "target"],
        sort="Since",
        height=7,
    )  # fmt: skip


def _cost() -> list[Json]:
    by_database = f"sum by (database) ({chosen(increase('dpu_seconds_total', WHERE, '$__rate_interval'))})"
    by_type = increase("dpu_seconds_total", WHERE, "$__range", keep="refresh_type")
    return [
        series(
            "Cost by database",
            "Cost of the refreshes at the price above, counted when a run ends.",
            {"{{database}}": f"{money(by_database)} > 0"},
            width=16, bars=True, legend=["sum"], unit=MONEY, interval="30m",
        ),
        gauges(
            "DPU-hours by refresh type",
            "A view that changes from incremental to full costs many times more.",
            "{{refresh_type}}", f"sum by (refresh_type) ({chosen(by_type)}) / 3600 > 0",
            width=8, decimals=2, overrides=in_colours(REFRESH_TYPES),
        ),
    ]  # fmt: skip


def _most_expensive() -> Json:
    view_cost = chosen(increase("dpu_seconds_total", WHERE, "$__range"))
    before = chosen(increase("dpu_seconds_total", WHERE, "$__range", offset=" offset $__range"))
    return table(
        "Most expensive views",
        "The twenty most expensive views in this time range, and the change from the previous one: "
        "100 % is twice as much.",
        [
            *_which_view(database=160, view=260),
            Column(
                "Cost", query=f"topk(20, {money(f'({view_cost})')} > 0)", unit=MONEY, decimals=2, gauge=True,
                thresholds=thresholds("blue"),
            ),
            Column(
                "Change", unit="percentunit", decimals=0, width=120, coloured=True,
                thresholds=thresholds("green", (-0.2, "text"), (1, "orange")),
                query=f"({view_cost}) / (({before}) > 0) - 1\nand on ({VIEW}) topk(20, ({view_cost}) > 0)",
            ),
        ],
        hidden=HIDDEN,
        sort="Cost",
        height=10,
    )  # fmt: skip


def _late() -> Json:
    data, source, lag = (age(name, WHERE) for name in ("data", "source_updated", "stale_since"))
    ratio = chosen(f"{data} / {gauge('expected_interval_seconds', WHERE)}")
    oldest = f"topk(20, {ratio})"

    def of_these(expr: str) -> str:
        return f"({expr})\nand on ({VIEW}) {oldest}"

    return table(
        "Late source or late refresh",
        "The twenty views whose data is oldest against their expected interval. Late refresh: a source has "
        "changed since. Late source: the view lacks nothing, because its sources have not changed.",
        [
            *_which_view(database=110),
            Column("Owner", label="owner", width=100),
            Column("Intervals", query=oldest, decimals=1, width=90),
            Column("Data's age", query=of_these(data), unit="s", decimals=0, width=100),
            Column("Sources' age", query=of_these(source), unit="s", decimals=0, width=110),
            Column(
                "Cause", query=of_these(f"0 * {lag} + 1 or 0 * {source} + 2"), coloured=True, width=110,
                mappings=words({"late refresh": (1, "orange"), "late source": (2, "blue")}),
            ),
        ],
        extra=[of_these(OWNER)],
        hidden=[*HIDDEN, "target"],
        sort="Intervals",
        width=16,
    )  # fmt: skip


def _objective() -> Json:
    ratio = promql.fresh(f'{RELEASES}, target=~"$target"')
    below = f"avg_over_time(({ratio} < bool $objective)[$__range:10m]) * $__range_s"
    share = f"avg_over_time({ratio}[$__range:10m])"
    return table(
        "Freshness objective",
        "The share of each target's views with an expected interval that are not overdue: now, and on "
        "average over the range; and how much of it was below the objective. Cheap with recording rules.",
        [
            Column("Target", label="target"),
            Column("Now", query=ratio, unit="percentunit", decimals=2, width=80),
            Column("In range", query=share, unit="percentunit", decimals=2, width=80),
            Column(
                "Time below", query=below, unit="s", decimals=0, width=100, coloured=True,
                thresholds=thresholds("green", (1, "orange")),
            ),
        ],
        hidden=RELEASE_LABELS,
        sort="Time below",
        width=8,
    )  # fmt: skip


def _targets_read() -> Json:
    up = f'max by ({TARGET}) (glue_mv_exporter_target_up{{{RELEASES}, target=~"$target"}})'
    return timeline(
        "Targets read",
        "Whether the exporter could read each target. Where it could not, values of views are old.",
        {"{{target}} {{namespace}}": up},
        mappings=yes_no("read", "not read"),
    )


def _every_view() -> Json:
    success = "last_success"
    return table(
        "Every view",
        "All selected views with their last success and its cost. A view's name links to its history.",
        [
            *_which_view(database=160),
            Column("Owner", label="owner", width=130),
            Column(
                "Newest run", query=chosen(promql.coded_status(WHERE)), mappings=words(STATUSES),
                coloured=True, width=130,
            ),
            Column("Last success", query=chosen(age(success, WHERE)), unit="s", decimals=0, width=140),
            Column(
                "Interval", query=chosen(gauge("expected_interval_seconds", WHERE)), unit="s", width=120,
            ),
            Column(
                "Duration", query=chosen(gauge(f"{success}_duration_seconds", WHERE)), unit="s", decimals=1,
                width=130,
            ),
            Column(
                "DPU-hours", query=chosen(f"{gauge(f'{success}_dpu_seconds', WHERE)} / 3600"), decimals=2,
                width=120,
            ),
            Column(
                "Bytes", query=chosen(gauge(f"{success}_processed_bytes", WHERE)), unit="decbytes", width=120,
            ),
        ],
        extra=[OWNER],
        hidden=[*HIDDEN, "target"],
        sort="Last success",
        height=16,
    )  # fmt: skip
