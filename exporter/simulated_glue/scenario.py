"""The demo: a company's materialized views, of which some refresh, some fail, one hangs and one is late.

Time is short in it: views that say that they refresh every hour get a run every minute, so that there is
something to see. Everything follows from the catalog's clock.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import replace

from exporter.simulated_glue.catalog import Catalog
from exporter.simulated_glue.runs import Plan, RunScript, RunStatus, Schedule

MINUTE = 60.0
HOUR = 60 * MINUTE
DAY = 24 * HOUR

VIEW_AGE = 30 * DAY
"""Since the creation of the views that have had runs."""
LIVE_PERIOD = MINUTE
"""How often a live view gets a run."""
LIVE_RUN = RunScript(start_delay=12.0)
LIVE_DURATIONS = {RunStatus.SUCCEEDED: 26.0, RunStatus.STOPPED: 14.0, RunStatus.FAILED: 10.0}
STAGGER = 10.0
"""Between the first runs of the live views: less than a run is STARTING, so that one always is."""
COMMITS_EVERY = 20.0
"""Of the sources of live views: so often that none of their refreshes is skipped."""
RARELY = 365 * DAY
"""Between the commits to the other sources."""

AWKWARD_ERROR = (
    'AnalysisException: [UNRESOLVED_COLUMN] Cannot resolve "rate\\u20ac" in `fx`.`rates`\n'
    "\tat line 3, column 14:\r\n"
    "\t\tSELECT \"währung\", rate FROM 'C:\\imports\\fx' WHERE note = '日本語 🚀 <b>&amp;</b>'\n"
    "Caused by: java.lang.IllegalStateException: 100% of {tasks} failed; see $LOG"
)
_PERMISSION_ERROR = (
    "Insufficient Lake Formation permission(s): Required SELECT on ops.service_events\n"
    "(Service: AWSGlue; Status Code: 400; Error Code: AccessDeniedException)"
)


def demo_scenario(catalog: Catalog) -> tuple[str, ...]:
    """Fill the catalog with the demo, beginning now. Returns IDs of runs to watch besides those of the views.

    At any time there are views whose newest run is in each of the five statuses.
    """
    _add_sources(catalog)
    run_ids = _add_views_with_run_ids(catalog)
    _add_live_views(catalog)
    _add_quiet_views(catalog)
    return run_ids


def _add_sources(catalog: Catalog) -> None:
    """Add the tables that the views read: one beside the views, the others in a database of their own."""
    created = catalog.now() - VIEW_AGE
    for name in ("sales.raw_orders", "landing.clicks", "landing.service_events"):
        catalog.add_source(name, commits=Schedule(first=created, every=COMMITS_EVERY), created=created)
    for name, age in (("landing.ledger_entries", 6 * HOUR), ("landing.tax_codes", 6 * DAY)):
        commits = Schedule(first=catalog.now() - age, every=RARELY)
        catalog.add_source(name, commits=commits, created=created)


def _add_views_with_run_ids(catalog: Catalog) -> tuple[str, ...]:
    """Add views whose runs have ended long ago, one whose run hangs, and one whose run waits for hours."""
    now = catalog.now()
    # Late: it should refresh every hour, last did so seven hours ago, and its source has changed since.
    catalog.add_view(
        "finance.ledger_snapshot",
        refresh_seconds=int(HOUR),
        sources=("landing.ledger_entries",),
        owner="ledger-team",
        created=now - VIEW_AGE,
    )
    for name in (
        "finance.fx_rates",
        "marketing.attribution_trial",
        "ops.warehouse_audit",
        "finance.month_end_close",
    ):
        catalog.add_view(name, created=now - VIEW_AGE)
    ledger = RunScript(start_delay=20, duration=9 * MINUTE, dpu_rate=6, refresh_type="FULL")
    awkward = RunScript(
        duration=40, outcome=RunStatus.FAILED, error_message=AWKWARD_ERROR, refresh_type="FULL"
    )
    abandoned = RunScript(duration=25 * MINUTE, outcome=RunStatus.STOPPED, dpu_rate=10)
    hanging = RunScript(start_delay=30, duration=math.inf, dpu_rate=10, refresh_type="FULL")
    queued = RunScript(start_delay=6 * HOUR, duration=HOUR, refresh_type="FULL")
    return tuple(
        catalog.add_run(name, script, created=now - age)
        for name, script, age in (
            ("finance.ledger_snapshot", ledger, 9 * HOUR),
            ("finance.ledger_snapshot", ledger, 8 * HOUR),
            ("finance.ledger_snapshot", ledger, 7 * HOUR),
            ("finance.fx_rates", awkward, 3 * HOUR),
            ("marketing.attribution_trial", abandoned, 26 * HOUR),
            ("ops.warehouse_audit", hanging, 5 * HOUR),
            ("finance.month_end_close", queued, 3 * MINUTE),
        )
    )


def _add_quiet_views(catalog: Catalog) -> None:
    """Add views that are fine, each in its own way, and one that never had a run."""
    now = catalog.now()
    # Its source has not changed since its only run, so Glue skips every other one.
    catalog.add_view(
        "finance.tax_codes",
        refresh_seconds=int(HOUR),
        sources=("landing.tax_codes",),
        schedule=Schedule(first=now - 4 * DAY, every=HOUR),
        created=now - VIEW_AGE,
    )
    catalog.add_view(
        "ops.error_budget",
        refresh_seconds=int(10 * MINUTE),
        plan=lambda _: RunScript(start_delay=20, duration=70),
        schedule=Schedule(first=now - 55 * MINUTE, every=10 * MINUTE),
        sources=("landing.service_events",),
        managed=True,
        created=now - VIEW_AGE,
    )
    # Spark refreshes it. Its only run is that of the day on which it was made.
    catalog.add_view(
        "marketing.audience_overlap",
        refresh_seconds=int(HOUR),
        sources=("landing.clicks",),
        elsewhere=Schedule(first=now - 3 * DAY, every=2 * MINUTE),
        created=now - VIEW_AGE,
    )
    catalog.add_run("marketing.audience_overlap", created=now - VIEW_AGE + HOUR)
    catalog.add_view("marketing.new_audience")


def _add_live_views(catalog: Catalog) -> None:
    """Add the views that get a run every minute, each with two runs of the last hours."""
    now = catalog.now()
    for position, (name, source, outcomes) in enumerate(_LIVE_VIEWS):
        plan = _live_plan(outcomes, name)
        schedule = Schedule(first=now + position * STAGGER, every=LIVE_PERIOD)
        catalog.add_view(
            name,
            refresh_seconds=int(HOUR),
            plan=plan,
            schedule=schedule,
            sources=(source,),
            created=now - VIEW_AGE,
        )
        for ordinal in (2, 1):
            earlier = replace(
                plan(ordinal), duration=7 * MINUTE, outcome=RunStatus.SUCCEEDED, error_message=None
            )
            # Within the view's hour: in the demo, one view alone is late from the beginning.
            catalog.add_run(name, earlier, created=now - ordinal * 40 * MINUTE)


def _live_plan(outcomes: Sequence[RunStatus], name: str) -> Plan:
    """Return the plan of a live view: outcomes by turns, every fifth run full, all differ a little."""

    def script(ordinal: int) -> RunScript:
        ending = outcomes[ordinal % len(outcomes)]
        return replace(
            LIVE_RUN,
            duration=LIVE_DURATIONS[ending] - 5 * _chance(f"{name} duration {ordinal}"),
            outcome=ending,
            error_message=_PERMISSION_ERROR if ending is RunStatus.FAILED else None,
            refresh_type="FULL" if ordinal % 5 == 0 else "INCREMENTAL",
            dpu_rate=2 + 8 * _chance(f"{name} workers {ordinal}"),
            bytes_rate=LIVE_RUN.bytes_rate * (1 + 3 * _chance(f"{name} bytes {ordinal}")),
        )

    return script


_LIVE_VIEWS: tuple[tuple[str, str, tuple[RunStatus, ...]], ...] = (
    ("sales.daily_orders", "sales.raw_orders", (RunStatus.SUCCEEDED,)),
    ("marketing.campaign_performance", "landing.clicks", (RunStatus.STOPPED, RunStatus.SUCCEEDED)),
    ("ops.failed_logins", "landing.service_events", (RunStatus.FAILED,)),
    ("sales.orders_by_region", "sales.raw_orders", (RunStatus.SUCCEEDED,)),
    ("finance.revenue_daily", "sales.raw_orders", (RunStatus.SUCCEEDED,)),
    ("ops.service_latency", "landing.service_events", (RunStatus.SUCCEEDED,)),
)
"""Each with its source, and how its runs end, by turns."""


def _chance(name: str) -> float:
    """Return a number from 0 to 1 that looks random and is always the same for a name."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4]) / 2**32
