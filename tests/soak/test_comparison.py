"""A soak tells of alerts that are missing, and of those that nobody has planted."""

import pytest

from tests.soak.__main__ import Hours, compare_alerts
from tests.soak.course import Incident
from tests.soak.life import FIRST_START
from tests.soak.world import HOUR

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
