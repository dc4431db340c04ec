"""A day in the life of a company's materialized views, for dashboards to show.

Most refresh on their schedules. One keeps failing, one hangs, one is overdue, one waits for workers, one has
turned from incremental to full refreshes; a region could not be read for a while, and another cannot be now.
"""

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from exporter.model.settings import Access, Settings, Target, ViewPattern
from exporter.simulated_glue import Catalog, Plan, RunScript, RunStatus, Schedule, SimulatedGlue
from tests.support.bare_faults import ACCESS_DENIED, THROTTLED, UNAVAILABLE
from tests.support.moto_glue import MotoGlue

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
LENGTH = DAY + HOUR / 4
REGIONS = {"prod": "eu-west-1", "lake": "us-east-1", "partner": "us-gov-west-1"}
"""Of each target."""
DENIED = "Insufficient Lake Formation permission(s): Required SELECT on a base table"
Change = Callable[[int, RunScript], RunScript]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refreshed:
    """A view that refreshes by itself."""

    region: str
    name: str
    every: float
    takes: float
    dpus: float = 5
    full_every: int = 0
    """Every how manieth run reads everything, which takes three times as long; 0: none."""
    change: Change | None = None
    """What is different about some runs."""
    sources: Sequence[str] = ()
    """The tables that it reads; without them, its age tells what it lacks."""
    stops: float | None = None
    """Seconds before the end of the story at which it gets its last run."""


def _fails_lately(ordinal: int, script: RunScript) -> RunScript:
    failing = ordinal >= (LENGTH - 3 * HOUR) / (30 * MINUTE) or ordinal in {17, 41, 42}
    return replace(script, outcome=RunStatus.FAILED, error_message=DENIED, duration=70) if failing else script


def _turns_full(ordinal: int, script: RunScript) -> RunScript:
    if ordinal * 2 * HOUR < LENGTH - 10 * HOUR:
        return script
    return replace(script, refresh_type="FULL", duration=4 * script.duration, dpu_rate=2 * script.dpu_rate)


def _is_sometimes_stopped(ordinal: int, script: RunScript) -> RunScript:
    return replace(script, outcome=RunStatus.STOPPED, duration=200) if ordinal % 9 == 7 else script


EU, US, GOV = REGIONS.values()
VIEWS = (
    Refreshed(region=EU, name="sales.daily_orders", every=HOUR, takes=540, full_every=12),
    Refreshed(region=EU, name="sales.orders_by_region", every=2 * HOUR, takes=850, dpus=8),
    Refreshed(
        region=EU, name="sales.customer_lifetime_value", every=6 * HOUR, takes=3000, dpus=18, full_every=1
    ),
    Refreshed(region=EU, name="finance.revenue_daily", every=2 * HOUR, takes=700, change=_turns_full),
    Refreshed(region=EU, name="finance.ledger_snapshot", every=HOUR, takes=500, stops=7 * HOUR),
    Refreshed(
        region=EU, name="marketing.campaign_performance", every=HOUR, takes=420, change=_is_sometimes_stopped
    ),
    Refreshed(region=EU, name="marketing.attribution", every=3 * HOUR, takes=1500, dpus=10, full_every=4),
    Refreshed(
        region=EU,
        name="ops.failed_logins",
        every=HOUR / 2,
        takes=240,
        dpus=2,
        change=_fails_lately,
        sources=["raw.logins"],
    ),
    Refreshed(region=EU, name="ops.service_latency", every=HOUR / 2, takes=330, dpus=3),
    Refreshed(region=US, name="clickstream.sessions", every=HOUR, takes=1100, dpus=12, full_every=24),
    Refreshed(region=US, name="clickstream.funnel", every=2 * HOUR, takes=900, dpus=8),
    Refreshed(region=US, name="iot.device_health", every=HOUR / 2, takes=380, dpus=4),
    Refreshed(region=US, name="iot.telemetry_rollup", every=4 * HOUR, takes=2400, dpus=10, full_every=3),
    Refreshed(region=GOV, name="partner.settlements", every=4 * HOUR, takes=600),
)


def settings(endpoint: str) -> Settings:
    """Return what the exporter watches: no runs get series of their own."""
    return Settings(
        poll_interval=60.0,
        runs_per_view=0,
        targets=tuple(
            Target(
                name=name,
                access=Access(aws_region=region, endpoint_url=endpoint),
                catalog_id="123456789012",
                views=(ViewPattern(database="*", table="*"),),
                max_requests_per_second=1000.0,
            )
            for name, region in REGIONS.items()
        ),
    )


def found(glue: SimulatedGlue, now: float) -> None:
    """Fill a Glue with the company's views; ``now`` is when the story begins."""
    logins = Schedule(first=now - HOUR, every=10 * MINUTE)
    glue.catalog(EU).add_source("raw.logins", commits=logins, created=now - HOUR)
    for place, view in enumerate(VIEWS):
        glue.catalog(view.region).add_view(
            view.name,
            refresh_seconds=int(view.every),
            plan=_plan(view),
            sources=view.sources,
            schedule=Schedule(
                first=now + 61 + place * 97 % 1500,
                every=view.every,
                until=None if view.stops is None else now + LENGTH - view.stops,
            ),
        )
    _add_manual_views(glue.catalog(EU), now + LENGTH)


def trouble(glue: MotoGlue, left: float) -> None:
    """Let Glue misbehave as it did at this moment: so many seconds before the end."""
    glue.behave()
    if left % (11 * HOUR) < 15 * MINUTE:
        glue.misbehave(UNAVAILABLE, aws_region=US, times=1)
    if left % (5 * HOUR) < 20 * MINUTE:
        glue.misbehave(THROTTLED, aws_region=EU, times=1)
    if left < 35 * MINUTE:
        glue.misbehave(ACCESS_DENIED, aws_region=GOV)
    if 9 * HOUR < left < 9.7 * HOUR:
        glue.misbehave(ACCESS_DENIED, aws_region=US)


def _add_manual_views(catalog: Catalog, end: float) -> None:
    """Add views that somebody refreshes by hand: one hangs, one waits for workers, one failed."""
    for name in ("ops.warehouse_audit", "finance.month_end_close", "finance.fx_rates"):
        catalog.add_view(name)
    audit = RunScript(start_delay=60, duration=1300, dpu_rate=10, refresh_type="FULL")
    for hours in (30, 18):
        catalog.add_run("ops.warehouse_audit", audit, created=end - hours * HOUR)
    catalog.add_run("ops.warehouse_audit", replace(audit, duration=math.inf), created=end - 5 * HOUR)
    queued = RunScript(start_delay=HOUR, refresh_type="FULL")
    catalog.add_run("finance.month_end_close", queued, created=end - 400)
    bad = RunScript(duration=40, outcome=RunStatus.FAILED, error_message=DENIED, refresh_type="FULL")
    catalog.add_run("finance.fx_rates", bad, created=end - 15 * HOUR)


def _plan(view: Refreshed) -> Plan:
    """Return how a view's runs go: all a little different, and slower by day."""

    def script(ordinal: int) -> RunScript:
        full = bool(view.full_every) and ordinal % view.full_every == 0
        noise = int.from_bytes(hashlib.sha256(f"{view.name} {ordinal}".encode()).digest()[:4]) / 2**32
        load = 1 + 0.25 * math.sin(ordinal * view.every / DAY * 2 * math.pi) + 0.2 * noise
        usual = RunScript(
            start_delay=20 + 40 * noise,
            duration=view.takes * load * (3 if full and view.full_every > 1 else 1),
            dpu_rate=view.dpus,
            bytes_rate=(30 + 10 * noise) * 1024 * 1024 * view.dpus,
            refresh_type="FULL" if full else "INCREMENTAL",
        )
        return view.change(ordinal, usual) if view.change else usual

    return script
