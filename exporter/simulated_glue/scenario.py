"""The demo: a company's materialized views, of which some refresh, some fail, one hangs and one is late.

Everything follows from the glue's clock and the seed. Time is short in it: views that say that they
refresh every hour get a run every minute, so that there is something to see.
"""

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from exporter.simulated_glue.glue import SimulatedGlue
from exporter.simulated_glue.script import Plan, RunScript, RunStatus, Schedule

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
NAMED_RUNS_PER_VIEW = 3
"""Runs of each live view whose IDs are given out up front."""
COMMITS_EVERY = 20.0
"""Of the sources of live views: so often that none of their refreshes is skipped."""

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


@dataclass(frozen=True, slots=True)
class DemoScenario:
    """What to watch."""

    region: str
    catalog_id: str
    run_ids: tuple[str, ...]
    """Some of these runs begin within the first minutes; Glue does not know them before."""
    known_run_ids: tuple[str, ...]
    """Those of them that Glue knows from the beginning."""
    view_patterns: tuple[str, ...]


def demo_scenario(glue: SimulatedGlue, *, seed: int = 0) -> DemoScenario:
    """Fill the glue's own region and catalog with the demo, beginning now.

    Within 45 seconds some of ``run_ids`` pass through all five statuses. At any time there are views
    whose newest run is in each of the five.
    """
    _add_sources(glue)
    ended = _add_history(glue)
    lasting = _add_lasting_runs(glue)
    live = _add_live_views(glue, seed)
    _add_resting_views(glue)
    _add_busy_views(glue)
    glue.add_view("marketing", "new_audience")
    return DemoScenario(
        region=glue.region,
        catalog_id=glue.account_id,
        run_ids=(*ended, *lasting, *live),
        known_run_ids=(*ended, *lasting),
        view_patterns=("sales.*", "finance.*", "marketing.*", "ops.*"),
    )


def _add_sources(glue: SimulatedGlue) -> None:
    """Add the tables that the views read: one beside the views, the others in a database of their own."""
    now = glue.now()
    for database, table in (("sales", "raw_orders"), ("landing", "clicks"), ("landing", "service_events")):
        commits = Schedule(first=now - VIEW_AGE, every=COMMITS_EVERY)
        glue.add_source(database, table, commits=commits, created=now - VIEW_AGE)
    for table, age in (("ledger_entries", 6 * HOUR), ("tax_codes", 6 * DAY)):
        source = glue.add_source("landing", table, created=now - VIEW_AGE)
        source.commits.append(now - age)


def _add_history(glue: SimulatedGlue) -> list[str]:
    """Add views whose runs all ended long ago."""
    now, runs = glue.now(), glue.runs()
    # Late: it should refresh every hour, last did so seven hours ago, and its source has changed since.
    glue.add_view(
        "finance",
        "ledger_snapshot",
        refresh_seconds=int(HOUR),
        sources=("landing.ledger_entries",),
        owner="ledger-team",
        created=now - VIEW_AGE,
    )
    ledger = RunScript(start_delay=20, duration=9 * MINUTE, dpu_rate=6, refresh_type="FULL")
    late = [
        runs.add_run("finance", "ledger_snapshot", ledger, created=now - hours * HOUR) for hours in (9, 8, 7)
    ]
    glue.add_view("finance", "fx_rates", created=now - VIEW_AGE)
    awkward = RunScript(
        duration=40, outcome=RunStatus.FAILED, error_message=AWKWARD_ERROR, refresh_type="FULL"
    )
    failed = runs.add_run("finance", "fx_rates", awkward, created=now - 3 * HOUR)
    glue.add_view("marketing", "attribution_trial", created=now - VIEW_AGE)
    abandoned = RunScript(duration=25 * MINUTE, outcome=RunStatus.STOPPED, dpu_rate=10)
    stopped = runs.add_run("marketing", "attribution_trial", abandoned, created=now - 26 * HOUR)
    return [*late, failed, stopped]


def _add_lasting_runs(glue: SimulatedGlue) -> list[str]:
    """Add a run that hangs, and one that waits for workers for hours."""
    now, runs = glue.now(), glue.runs()
    glue.add_view("ops", "warehouse_audit", created=now - VIEW_AGE)
    hanging = RunScript(start_delay=30, duration=math.inf, dpu_rate=10, refresh_type="FULL")
    glue.add_view("finance", "month_end_close", created=now - VIEW_AGE)
    queued = RunScript(start_delay=6 * HOUR, duration=HOUR, refresh_type="FULL")
    return [
        runs.add_run("ops", "warehouse_audit", hanging, created=now - 5 * HOUR),
        runs.add_run("finance", "month_end_close", queued, created=now - 3 * MINUTE),
    ]


def _add_resting_views(glue: SimulatedGlue) -> None:
    """Add a view that is old and fine: its source has not changed since its only run, so Glue skips it."""
    now = glue.now()
    glue.add_view(
        "finance",
        "tax_codes",
        refresh_seconds=int(HOUR),
        sources=("landing.tax_codes",),
        schedule=Schedule(first=now - 4 * DAY, every=HOUR),
        created=now - VIEW_AGE,
    )


def _add_busy_views(glue: SimulatedGlue) -> None:
    """Add two views that are always fresh: one that Glue manages, one that Spark refreshes without a run."""
    now = glue.now()
    glue.add_view(
        "ops",
        "error_budget",
        refresh_seconds=int(10 * MINUTE),
        plan=lambda _: RunScript(start_delay=20, duration=70),
        schedule=Schedule(first=now - 55 * MINUTE, every=10 * MINUTE),
        sources=("landing.service_events",),
        managed=True,
        created=now - VIEW_AGE,
    )
    glue.add_view(
        "marketing",
        "audience_overlap",
        refresh_seconds=int(HOUR),
        sources=("landing.clicks",),
        elsewhere=Schedule(first=now - 3 * DAY, every=2 * MINUTE),
        created=now - VIEW_AGE,
    )
    # Its only run is that of the day on which it was made.
    glue.runs().add_run("marketing", "audience_overlap", RunScript(), created=now - VIEW_AGE + HOUR)


def _add_live_views(glue: SimulatedGlue, seed: int) -> list[str]:
    """Add the views that get a run every minute, each with two runs of the last hours."""
    now, runs = glue.now(), glue.runs()
    named: list[str] = []
    for position, (database, table, outcome, source) in enumerate(_LIVE_VIEWS):
        plan = _live_plan(outcome, f"{seed} {database}.{table}")
        for ordinal in (2, 1):
            earlier = replace(
                plan(ordinal), duration=7 * MINUTE, outcome=RunStatus.SUCCEEDED, error_message=None
            )
            # Within the view's hour: in the demo, one view alone is late from the beginning.
            runs.add_run(database, table, earlier, created=now - ordinal * 40 * MINUTE)
        schedule = Schedule(first=now + position * STAGGER, every=LIVE_PERIOD)
        glue.add_view(
            database,
            table,
            refresh_seconds=int(HOUR),
            plan=plan,
            schedule=schedule,
            sources=(source,),
            created=now - VIEW_AGE,
        )
        named += [runs.scheduled_run_id(database, table, ordinal) for ordinal in range(NAMED_RUNS_PER_VIEW)]
    return named


def _live_plan(outcome: Callable[[int], RunStatus], name: str) -> Plan:
    """Return the plan of a live view: every fifth run reads everything, all differ a little."""

    def script(ordinal: int) -> RunScript:
        ending = outcome(ordinal)
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


def _succeeds(_ordinal: int) -> RunStatus:
    return RunStatus.SUCCEEDED


def _keeps_failing(_ordinal: int) -> RunStatus:
    return RunStatus.FAILED


def _is_often_stopped(ordinal: int) -> RunStatus:
    return RunStatus.SUCCEEDED if ordinal % 2 else RunStatus.STOPPED


_LIVE_VIEWS: tuple[tuple[str, str, Callable[[int], RunStatus], str], ...] = (
    ("sales", "daily_orders", _succeeds, "sales.raw_orders"),
    ("marketing", "campaign_performance", _is_often_stopped, "landing.clicks"),
    ("ops", "failed_logins", _keeps_failing, "landing.service_events"),
    ("sales", "orders_by_region", _succeeds, "sales.raw_orders"),
    ("finance", "revenue_daily", _succeeds, "sales.raw_orders"),
    ("ops", "service_latency", _succeeds, "landing.service_events"),
)


def _chance(name: str) -> float:
    """Return a number from 0 to 1 that looks random and is always the same for a name."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4]) / 2**32
