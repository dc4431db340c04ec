"""A soak tells of alerts that are missing, of those that nobody has planted, and of a state that grows."""

from dataclasses import replace

import pytest

from tests.soak.__main__ import BY_AGE, compare_alerts, compare_burdens, count_overdue
from tests.soak.course import OVERDUE, Incident
from tests.soak.history import Fired
from tests.soak.life import FIRST_START, Burden
from tests.soak.world import DAY, HOUR, WEEK, WEEKEND, Source

DOWN = Incident(
    kind="down",
    subject="lake",
    begin=2 * HOUR,
    end=3 * HOUR,
    alerts=("TargetDown",),
    tolerated=("Throttled",),
    grace=0.0,
)


def fired(alert: str, *hours: int, subject: str = "lake") -> Fired:
    """Return an alert that fired in these hours since the first start."""
    return Fired(alert=alert, subject=subject, hours=tuple(hour + int(FIRST_START / HOUR) for hour in hours))


def test_an_incident_with_its_alert_is_right() -> None:
    assert compare_alerts([DOWN], [fired("TargetDown", 2, 3), fired("Throttled", 2)]) == []


def test_an_incident_without_its_alert_is_wrong() -> None:
    assert compare_alerts([DOWN], [fired("Throttled", 2)]) == ["down of lake: no TargetDown"]


def test_an_alert_at_another_time_is_wrong_twice() -> None:
    assert compare_alerts([DOWN], [fired("TargetDown", 7)]) == [
        "down of lake: no TargetDown",
        "TargetDown of lake without an incident, in hours [7]",
    ]


def test_an_alert_for_somebody_else_is_wrong() -> None:
    assert compare_alerts([DOWN], [fired("TargetDown", 2), fired("TargetDown", 2, subject="prod")]) == [
        "TargetDown of prod without an incident, in hours [2]"
    ]


def test_an_alert_by_age_is_false_where_nothing_was_planted() -> None:
    late = replace(DOWN, alerts=(OVERDUE,))
    told = [
        fired(OVERDUE, 2, 3),
        fired(BY_AGE, 2, 3, 20, 21, 22, 40),
        fired(BY_AGE, 2, subject="prod"),
    ]

    assert count_overdue([late], told) == {OVERDUE: [1, 0], BY_AGE: [4, 3]}


def test_a_source_that_rests_has_its_last_commit_before_the_weekend() -> None:
    saturday, monday = WEEKEND
    rests = Source(table="a", every=HOUR, first=0.0, rests=True)
    never_rests = replace(rests, rests=False)

    for week in (0.0, WEEK):
        assert rests.updated(week + saturday + DAY) == week + saturday - HOUR
        assert rests.updated(week + monday + 90 * 60) == week + monday + HOUR
        assert never_rests.updated(week + saturday + DAY) == week + saturday + DAY


EVEN = Burden(rows=5_000, new=5_000, file=2_000_000, memory=50_000_000)


def test_a_state_that_stays_as_it_is_is_right() -> None:
    assert compare_burdens(20, EVEN, EVEN) == []


@pytest.mark.parametrize("what", ["file", "memory"])
def test_a_state_that_grows_under_an_even_load_is_wrong(what: str) -> None:
    late = replace(EVEN, **{what: getattr(EVEN, what) * 2})

    (told,) = compare_burdens(20, EVEN, late)

    assert f"{what} grew" in told


def test_runs_that_are_never_forgotten_are_wrong() -> None:
    assert compare_burdens(20, EVEN, replace(EVEN, rows=10_000)) == [
        "10000 runs are remembered, of 20 views with 5000 new runs"
    ]
