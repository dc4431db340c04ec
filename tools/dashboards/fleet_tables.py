"""The fleet's tables: views with problems, runs in progress, costs, all views."""

from tools.dashboards import links, promql
from tools.dashboards.chosen import MONEY, WHERE, chosen, money
from tools.dashboards.panels import Panel
from tools.dashboards.promql import VIEW, gauge, increase
from tools.dashboards.style import (
    BLUE,
    GREEN,
    ORANGE,
    RED,
    STATUSES,
    problem_words,
    thresholds,
    words,
)
from tools.dashboards.tables import LOG_WORDS, Column, table


def _which_view(*, database: int, view: int | None = None) -> list[Column]:
    """Return the columns that name the view, so many pixels wide; without ``view`` it takes what is left."""
    return [
        Column(title="Database", label="database", width=database),
        Column(title="View", label="table", width=view, links=[links.to_view()]),
        Column(title="Region", label="aws_region", width=120),
    ]


def needs_attention() -> Panel:
    """Return every view that has a problem, the worst first."""
    problem = chosen(promql.problem(WHERE))

    def of_these(expr: str) -> str:
        return f"({expr})\nand on ({VIEW}) (\n{problem}\n)"

    last_run = f"max by ({VIEW}, run_id, refresh_type) ({promql.metric('last_run_info', WHERE)})"
    return table(
        "Needs attention",
        "Every view that is failing, overdue, hanging or not read, the worst first. A view's name links to "
        "its history, its problem to the status page with Glue's error message, the last column to the "
        "newest run's log.",
        [
            Column(
                title="Problem", query=problem, mappings=words(problem_words()), coloured=True, width=190,
                links=[links.to_status_of_view()],
            ),
            *_which_view(database=140),
            Column(
                title="Newest run", query=of_these(promql.coded_status(WHERE)), mappings=words(STATUSES),
                coloured=True, width=120,
            ),
            Column(title="Run's age", query=of_these(promql.run_age(WHERE)), unit="s", decimals=0, width=120),
            Column(
                title="Failed in a row", query=of_these(gauge("consecutive_failures", WHERE)), width=120,
                coloured=True, thresholds=thresholds("text", (1, RED)),
            ),
            Column(
                title="Since success",
                query=of_these(f"time() - {gauge('last_success_timestamp_seconds', WHERE)}"),
                unit="s", decimals=0, width=130,
            ),
            Column(
                title="Intervals since", query=of_these(promql.lateness(WHERE)), decimals=1, width=120,
                coloured=True, thresholds=thresholds("text", (1.5, ORANGE)),
            ),
            Column(title="Refresh type", label="refresh_type", width=120),
            Column(title="Log", label="logs", width=90, mappings=LOG_WORDS, links=[links.to_logs()]),
        ],
        extra=[of_these(promql.with_logs(last_run))],
        hidden=["catalog_id", "run_id"],
        sort="Problem",
        no_value="\u2013",
    )  # fmt: skip


def running() -> Panel:
    """Return every run that has not ended, the oldest first."""
    last_run = f"max by ({VIEW}, run_id) ({promql.metric('last_run_info', WHERE)})"
    running = f"{promql.active(WHERE)} == 1"
    usual = gauge("last_success_duration_seconds", WHERE)
    return table(
        "Running now",
        "Runs that have not ended, the time since their creation, and its ratio to the duration of the "
        "view's last success. A run counts as hanging after an hour and three times that duration.",
        [
            *_which_view(database=140, view=260),
            Column(
                title="Status", query=chosen(f"({promql.coded_status(WHERE)}) < 3"),
                mappings=words(STATUSES), coloured=True, width=120,
            ),
            Column(
                title="Since", unit="s", decimals=0, width=130,
                query=chosen(f"{promql.run_age(WHERE)} and on ({VIEW}) ({running})"),
            ),
            Column(
                title="Usually", query=chosen(f"{usual} and on ({VIEW}) ({running})"), unit="s",
                decimals=0, width=130,
            ),
            Column(
                title="Times the usual", decimals=1, gauge=True,
                query=chosen(f"{promql.run_age(WHERE)} / {usual} and on ({VIEW}) ({running})"),
                thresholds=thresholds(BLUE, (2, ORANGE), (promql.USUAL_TIMES, RED)),
            ),
            Column(title="Log", label="logs", width=90, mappings=LOG_WORDS, links=[links.to_logs()]),
        ],
        extra=[chosen(f"{promql.with_logs(last_run)} and on ({VIEW}) ({running})")],
        hidden=["catalog_id", "run_id"],
        sort="Since",
        height=7,
        no_value="\u2013",
    )  # fmt: skip


def most_expensive() -> Panel:
    """Return the views that cost most, and how that changed."""
    view_cost = chosen(increase("dpu_seconds_total", WHERE, "$__range"))
    before = chosen(increase("dpu_seconds_total", WHERE, "$__range", offset=" offset $__range"))
    return table(
        "Most expensive views",
        "The twenty most expensive views in this time range, and the change from the previous one: "
        "100 % is twice as much.",
        [
            *_which_view(database=160, view=260),
            Column(
                title="Cost", query=f"topk(20, {money(f'({view_cost})')} > 0)", unit=MONEY, decimals=2,
                gauge=True, thresholds=thresholds(BLUE),
            ),
            Column(
                title="Change", unit="percentunit", decimals=0, width=120, coloured=True,
                thresholds=thresholds(GREEN, (-0.2, "text"), (1, ORANGE)),
                query=f"({view_cost}) / (({before}) > 0) - 1\nand on ({VIEW}) topk(20, ({view_cost}) > 0)",
            ),
        ],
        hidden=["catalog_id"],
        sort="Cost",
        height=10,
        no_value="\u2013",
    )  # fmt: skip


def every_view() -> Panel:
    """Return all views."""
    return table(
        "Every view",
        "All selected views with their last success and its cost. A view's name links to its history.",
        [
            *_which_view(database=160),
            Column(
                title="Newest run", query=chosen(promql.coded_status(WHERE)), mappings=words(STATUSES),
                coloured=True, width=130,
            ),
            Column(
                title="Last success", unit="s", decimals=0, width=140,
                query=chosen(f"time() - {gauge('last_success_timestamp_seconds', WHERE)}"),
            ),
            Column(
                title="Interval", query=chosen(gauge("expected_interval_seconds", WHERE)), unit="s",
                width=120,
            ),
            Column(
                title="Duration", query=chosen(gauge("last_success_duration_seconds", WHERE)), unit="s",
                decimals=1, width=130,
            ),
            Column(
                title="DPU-hours", query=chosen(f"{gauge('last_success_dpu_seconds', WHERE)} / 3600"),
                decimals=2, width=120,
            ),
            Column(
                title="Bytes", query=chosen(gauge("last_success_processed_bytes", WHERE)), unit="decbytes",
                width=120,
            ),
        ],
        hidden=["catalog_id"],
        sort="Last success",
        height=16,
        no_value="\u2013",
    )  # fmt: skip
