"""What will go wrong in a soak, and which alerts have to tell of it."""

from dataclasses import dataclass

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


def incident(
    kind: str,
    subject: str,
    begin: float,
    hours: float,
    *alerts: str,
    tolerated: tuple[str, ...] = (),
    grace: float = 1.5 * HOUR,
) -> Incident:
    return Incident(
        kind=kind,
        subject=subject,
        begin=begin,
        end=begin + hours * HOUR,
        alerts=alerts,
        tolerated=tolerated,
        grace=grace,
    )


def of_view(
    kind: str,
    view: SoakView,
    begin: float,
    hours: float,
    *alerts: str,
    tolerated: tuple[str, ...] = (OVERDUE,),
) -> Incident:
    """Return an incident of one view. What delays a success may make it overdue until the next but one."""
    grace = 2 * view.interval + HOUR
    return incident(kind, view.table, begin, hours, *alerts, tolerated=tolerated, grace=grace)


def course(prod: World, lake: World, days: float) -> list[Incident]:
    """Spread every kind of incident over the days; the first half day is quiet: there has to be a history."""
    last = days * 24
    room = last - 20
    busy = [view for view in prod.views if not view.source.rests]
    hourly = [view for view in busy if view.interval == HOUR]
    slow = [view for view in busy if view.interval == 6 * HOUR]
    # Long enough for its alert even if the exporter starts anew meanwhile, and waits for two hours again.
    halted = max(3, min(5, 0.05 * last))

    def at(share: float) -> float:
        return (12 + share * room) * HOUR

    vanished = max(26 * HOUR, at(0.3))
    return [
        of_view("failing", hourly[0], at(0.0), 1, FAILED),
        of_view("failing", hourly[1], at(0.1), 5, FAILED, "GlueMVRefreshFailing", OVERDUE),
        of_view("overdue", hourly[2], at(0.2), 4, OVERDUE),
        of_view("stuck", slow[0], at(0.3), 6, "GlueMVRunStuck"),
        of_view("cost", hourly[3], at(0.4), 1, "GlueMVRefreshCostJumped"),
        of_view("full", hourly[4], at(0.5), 4, "GlueMVRefreshTurnedFull"),
        incident("vanished", "prod", vanished, 26, "GlueMVFewerViews", grace=3 * HOUR),
        # Views that come back may show some time later.
        *(
            of_view("gone", view, vanished, 28, tolerated=("GlueMVViewNotRead", OVERDUE))
            for view in prod.views[-VANISHING:]
        ),
        incident("nowhere", "nowhere", 0.0, last, "GlueMVViewNotRead"),
        incident("down", "lake", at(0.05), 1, "GlueMVTargetDown"),
        incident("denied", "lake", at(0.3), 1, "GlueMVTargetDown", "GlueMVAccessDenied"),
        incident(
            *("throttled", "lake", at(0.5), 2, "GlueMVThrottled"),
            tolerated=("GlueMVTargetDown", "GlueMVTargetIncomplete"),
        ),
        incident(
            *("halted", "lake", at(0.7), halted, "GlueMVPollsStopped"),
            # A new process finds no views before it polls.
            tolerated=("GlueMVManyViewsAffected", "GlueMVFewerViews"),
        ),
        *(
            incident("not looked at", view.table, at(0.7), halted, tolerated=(OVERDUE,))
            for view in lake.views
        ),
        *(
            incident("not scraped", target, at(0.8), 0.5, tolerated=("GlueMVFewerViews",))
            for target in ("prod", "lake")
        ),
        # There is one alert for all of them.
        *(of_view("failing", view, at(0.9), 1.5, tolerated=(OVERDUE, FAILED)) for view in lake.views),
        incident("many", "lake", at(0.9), 2, "GlueMVManyViewsAffected", grace=4 * HOUR),
        incident("full disk", "", at(0.15), 1, "GlueMVStorageFailing"),
        incident("bad configuration", "", at(0.6), 1, "GlueMVReloadFailed"),
        incident("not there yet", "", -HOUR, 1, tolerated=("GlueMVExporterAbsent",)),
        incident("away", "", at(0.8), 0.5, "GlueMVExporterAbsent"),
    ]


def delays(world: World, first_start: float) -> list[Incident]:
    """Return what the runs that were stopped may have led to."""
    return [of_view("stopped", view, moment - first_start - HOUR, 1) for view, moment in world.stopped]
