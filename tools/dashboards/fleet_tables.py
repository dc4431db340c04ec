"""The fleet's tables: views with problems, runs in progress, costs, all views."""

from tools.dashboards import links, promql
from tools.dashboards.chosen import CHOSEN, MONEY, WHERE, chosen, money
from tools.dashboards.panels import Panel
from tools.dashboards.promql import VIEW, age, gauge, increase
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
from tools.dashboards.tables import URL_WORDS, Column, table

OWNER = f"max by ({VIEW}, target, owner) ({CHOSEN})"
OWNER_AND_PAGE = promql.with_page(CHOSEN, f"{VIEW}, target, owner", ("database", "table"), "q=$2.$3")
RELEASE_LABELS = ["cluster", "namespace", "job", "catalog_id"]
LATE = {"late refresh": (1, ORANGE), "late source": (2, BLUE)}


def _which_view(*, database: int, view: int | None = None) -> list[Column]:
    """Return the columns that name the view, so many pixels wide; without ``view`` it takes what is left."""
    return [
        Column(title="Database", label="database", width=database),
        Column(title="View", label="table", width=view, links=[links.to_view()]),
        Column(title="Region", label="aws_region", width=120),
    ]


def needs_attention() -> Panel:
    """Return every view that has a problem, the worst first."""
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
                title="Problem", query=chosen(promql.problem(WHERE)), mappings=words(problem_words()),
                coloured=True, width=170,
            ),
            *_which_view(database=130),
            Column(title="Owner", label="owner", width=130),
            Column(title="Cause of failure", label="cause", width=140),
            Column(
                title="Newest run", query=of_these(promql.coded_status(WHERE)), mappings=words(STATUSES),
                coloured=True, width=120,
            ),
            Column(
                title="Failed in a row", query=of_these(promql.failing(WHERE)), width=120,
                coloured=True, thresholds=thresholds("text", (1, RED)),
            ),
            Column(
                title="Stale for", query=of_these(age("stale_since", WHERE)), unit="s", decimals=0, width=120,
            ),
            Column(title="Log", label="logs", width=80, mappings=URL_WORDS, links=[links.to_logs()]),
            Column(title="Page", label="page", width=80, mappings=URL_WORDS, links=[links.to_page()]),
        ],
        extra=[
            of_these(promql.with_logs(f"({failed} or on ({VIEW}) {newest})")),
            of_these(OWNER_AND_PAGE),
        ],
        hidden=[*RELEASE_LABELS, "run_id", "target"],
        sort="Problem",
        only="Problem",
        no_value="\u2013",
    )  # fmt: skip


def late() -> Panel:
    """Return the views with the oldest data, and whether that is because of their sources."""
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
            Column(title="Owner", label="owner", width=100),
            Column(title="Intervals", query=oldest, decimals=1, width=90),
            Column(title="Data's age", query=of_these(data), unit="s", decimals=0, width=100),
            Column(title="Sources' age", query=of_these(source), unit="s", decimals=0, width=110),
            Column(
                title="Cause", mappings=words(LATE), coloured=True, width=110,
                query=of_these(f"0 * {lag} + 1 or 0 * {source} + 2"),
            ),
        ],
        extra=[of_these(OWNER)],
        hidden=[*RELEASE_LABELS, "target"],
        sort="Intervals",
        width=16,
        no_value="\u2013",
    )  # fmt: skip


def objective() -> Panel:
    """Return how each target does against the freshness objective."""
    ratio = promql.fresh(f'{promql.RELEASES}, target=~"$target"')
    below = f"avg_over_time(({ratio} < bool $objective)[$__range:10m]) * $__range_s"
    return table(
        "Freshness objective",
        "The share of each target's views with an expected interval that are not overdue: now, and on "
        "average over the range; and how much of it was below the objective. Cheap with recording rules.",
        [
            Column(title="Target", label="target"),
            Column(title="Now", query=ratio, unit="percentunit", decimals=2, width=80),
            Column(
                title="In range", query=f"avg_over_time({ratio}[$__range:10m])", unit="percentunit",
                decimals=2, width=80,
            ),
            Column(
                title="Time below", query=below, unit="s", decimals=0, width=100,
                coloured=True, thresholds=thresholds(GREEN, (1, ORANGE)),
            ),
        ],
        hidden=RELEASE_LABELS[:3],
        sort="Time below",
        width=8,
        no_value="\u2013",
    )  # fmt: skip


def running() -> Panel:
    """Return every run that has not ended, the oldest first."""
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
            Column(title="Owner", label="owner", width=130),
            Column(
                title="Status", query=of_these(promql.coded_status(WHERE)), mappings=words(STATUSES),
                coloured=True, width=120,
            ),
            Column(title="Since", unit="s", decimals=0, width=120, query=chosen(run_age)),
            Column(title="Usually", query=of_these(usual), unit="s", decimals=0, width=120),
            Column(
                title="Times the usual", decimals=1, gauge=True, query=chosen(f"{run_age} / {usual}"),
                thresholds=thresholds(BLUE, (2, ORANGE), (3, RED)),
            ),
            Column(title="Log", label="logs", width=80, mappings=URL_WORDS, links=[links.to_logs()]),
        ],
        extra=[
            of_these(promql.with_logs(gauge("last_run_info", WHERE, keep="run_id"))), of_these(OWNER),
        ],
        hidden=[*RELEASE_LABELS, "run_id", "target"],
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
        hidden=RELEASE_LABELS,
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
            Column(title="Owner", label="owner", width=130),
            Column(
                title="Newest run", query=chosen(promql.coded_status(WHERE)), mappings=words(STATUSES),
                coloured=True, width=130,
            ),
            Column(
                title="Last success", unit="s", decimals=0, width=140,
                query=chosen(age("last_success", WHERE)),
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
        extra=[OWNER],
        hidden=[*RELEASE_LABELS, "target"],
        sort="Last success",
        height=16,
        no_value="\u2013",
    )  # fmt: skip
