"""What will go wrong in a soak, and which alerts have to tell of it."""

from dataclasses import dataclass, replace

from tests.soak.world import HOUR, SoakView, World


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One thing that goes wrong on purpose."""

    kind: str
    subject: str
    """A view's table, a target, or nothing where it is the exporter itself."""
    begin: float
    """Seconds since the first start."""
    end: float
    alerts: tuple[str, ...]
    """Each has to fire for the subject after the beginning."""
    tolerated: tuple[str, ...] = ()
    """Each may: it would be right, too."""
    grace: float = 1.5 * HOUR
    """Seconds after the end until which the alerts may still fire."""


VANISHING = 3
"""Views that are dropped for a day."""
OVERDUE = "GlueMVViewOverdue"
FAILED = "GlueMVRefreshFailed"


def of_view(kind: str, view: SoakView, begin: float, length: float, *alerts: str) -> Incident:
    """Return an incident of one view. What delays a success may make it overdue until the next but one."""
    return Incident(
        kind=kind,
        subject=view.table,
        begin=begin,
        end=begin + length,
        alerts=alerts,
        tolerated=(OVERDUE,),
        grace=2 * view.interval + HOUR,
    )


def course(prod: World, lake: World, days: float) -> list[Incident]:
    """Spread every kind of incident over the days; the first half day is quiet: there has to be a history."""
    last = days * 24 * HOUR
    room = last - 20 * HOUR
    busy = [view for view in prod.views if not view.source.rests]
    hourly = [view for view in busy if view.interval == HOUR]
    slow = [view for view in busy if view.interval == 6 * HOUR]

    # Long enough for its alert even if the exporter starts anew meanwhile, and waits for two hours again.
    halted = max(3 * HOUR, min(5 * HOUR, 0.05 * last))

    def at(share: float) -> float:
        return 12 * HOUR + share * room

    return [
        of_view("failing", hourly[0], at(0.0), HOUR, FAILED),
        of_view("failing", hourly[1], at(0.1), 5 * HOUR, FAILED, "GlueMVRefreshFailing", OVERDUE),
        of_view("overdue", hourly[2], at(0.2), 4 * HOUR, OVERDUE),
        of_view("stuck", slow[0], at(0.3), 6 * HOUR, "GlueMVRunStuck"),
        of_view("cost", hourly[3], at(0.4), HOUR, "GlueMVRefreshCostJumped"),
        of_view("full", hourly[4], at(0.5), 4 * HOUR, "GlueMVRefreshTurnedFull"),
        Incident(
            kind="vanished",
            subject="prod",
            begin=max(26 * HOUR, at(0.3)),
            end=max(26 * HOUR, at(0.3)) + 26 * HOUR,
            alerts=("GlueMVFewerViews",),
            grace=3 * HOUR,
        ),
        *(
            Incident(
                kind="gone",
                subject=view.table,
                begin=max(26 * HOUR, at(0.3)),
                end=max(26 * HOUR, at(0.3)) + 26 * HOUR,
                alerts=(),
                tolerated=("GlueMVViewNotRead", OVERDUE),
                grace=2 * view.interval + 3 * HOUR,
            )
            for view in prod.views[-VANISHING:]
        ),
        Incident(kind="nowhere", subject="nowhere", begin=0.0, end=last, alerts=("GlueMVViewNotRead",)),
        Incident(
            kind="down", subject="lake", begin=at(0.05), end=at(0.05) + HOUR, alerts=("GlueMVTargetDown",)
        ),
        Incident(
            kind="denied",
            subject="lake",
            begin=at(0.3),
            end=at(0.3) + HOUR,
            alerts=("GlueMVTargetDown", "GlueMVAccessDenied"),
        ),
        Incident(
            kind="throttled",
            subject="lake",
            begin=at(0.5),
            end=at(0.5) + 2 * HOUR,
            alerts=("GlueMVThrottled",),
            tolerated=("GlueMVTargetDown", "GlueMVTargetIncomplete"),
        ),
        Incident(
            kind="halted",
            subject="lake",
            begin=at(0.7),
            end=at(0.7) + halted,
            alerts=("GlueMVPollsStopped",),
            # A new process finds no views before it polls.
            tolerated=("GlueMVManyViewsAffected", "GlueMVFewerViews"),
        ),
        *(
            Incident(
                kind="not looked at",
                subject=view.table,
                begin=at(0.7),
                end=at(0.7) + halted,
                alerts=(),
                tolerated=(OVERDUE,),
            )
            for view in lake.views
        ),
        *(
            Incident(
                kind="not scraped",
                subject=target,
                begin=at(0.8),
                end=at(0.8) + 0.5 * HOUR,
                alerts=(),
                tolerated=("GlueMVFewerViews",),
            )
            for target in ("prod", "lake")
        ),
        # There is one alert for all of them.
        *(
            replace(of_view("failing", view, at(0.9), 1.5 * HOUR), tolerated=(OVERDUE, FAILED))
            for view in lake.views
        ),
        Incident(
            kind="many",
            subject="lake",
            begin=at(0.9),
            end=at(0.9) + 2 * HOUR,
            alerts=("GlueMVManyViewsAffected",),
            grace=4 * HOUR,
        ),
        Incident(
            kind="full disk",
            subject="",
            begin=at(0.15),
            end=at(0.15) + HOUR,
            alerts=("GlueMVStorageFailing",),
        ),
        Incident(
            kind="bad configuration",
            subject="",
            begin=at(0.6),
            end=at(0.6) + HOUR,
            alerts=("GlueMVReloadFailed",),
        ),
        Incident(
            kind="not there yet",
            subject="",
            begin=-HOUR,
            end=0.0,
            alerts=(),
            tolerated=("GlueMVExporterAbsent",),
        ),
        Incident(
            kind="away", subject="", begin=at(0.8), end=at(0.8) + 0.5 * HOUR, alerts=("GlueMVExporterAbsent",)
        ),
    ]


def delays(world: World, first_start: float) -> list[Incident]:
    """Return what the runs that were stopped may have led to."""
    return [
        of_view("stopped", view, moment - first_start - HOUR, HOUR, *()) for view, moment in world.stopped
    ]
