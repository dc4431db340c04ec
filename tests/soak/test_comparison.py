"""A soak tells of alerts that are missing, and of those that nobody has planted."""

from dataclasses import replace

import pytest

from tests.soak.__main__ import BY_AGE, Hours, compare_alerts, count_overdue
from tests.soak.course import OVERDUE, Incident
from tests.soak.life import FIRST_START
from tests.soak.world import DAY, HOUR, WEEK, WEEKEND, Source

FIRST = int(FIRST_START / HOUR)
DOWN = Incident(
    kind="down",
    subject="lake",
    begin=2 * HOUR,
    end=3 * HOUR,
    alerts=("TargetDown",),
    tolerated=("Throttled",),
    grace=0.0,
)


@pytest.mark.parametrize(
    ("fired", "wrong"),
    [
        ({("TargetDown", "lake"): {2, 3}, ("Throttled", "lake"): {2}}, []),
        ({("Throttled", "lake"): {2}}, ["down of lake: no TargetDown"]),
        (
            {("TargetDown", "lake"): {7}},
            ["down of lake: no TargetDown", "TargetDown of lake without an incident, in hours [7]"],
        ),
        (
            {("TargetDown", "lake"): {2}, ("TargetDown", "prod"): {2}},
            ["TargetDown of prod without an incident, in hours [2]"],
        ),
    ],
)
def test_each_incident_has_its_alert_and_each_alert_its_incident(fired: Hours, wrong: list[str]) -> None:
    hours = {key: {FIRST + hour for hour in hours} for key, hours in fired.items()}
    assert compare_alerts([DOWN], hours) == wrong


def test_an_alert_by_age_is_false_where_nothing_was_planted() -> None:
    late = replace(DOWN, alerts=(OVERDUE,))
    fired = {
        (OVERDUE, "lake"): {FIRST + 2, FIRST + 3},
        (BY_AGE, "lake"): {FIRST + hour for hour in (2, 3, 20, 21, 22, 40)},
        (BY_AGE, "prod"): {FIRST + 2},
    }
    assert count_overdue([late], fired) == {OVERDUE: [1, 0], BY_AGE: [4, 3]}
    assert compare_alerts([late], fired) == []


def test_a_source_that_rests_has_its_last_commit_before_the_weekend() -> None:
    saturday, monday = WEEKEND
    rests = Source(table="a", every=HOUR, first=0.0, rests=True)
    for week in (0.0, WEEK):
        assert rests.updated(week + saturday + DAY) == week + saturday - HOUR
        assert rests.updated(week + monday + 90 * 60) == week + monday + HOUR
