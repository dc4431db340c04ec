"""A simulated AWS Glue for the demo and the tests: materialized views and their refresh task runs.

It extends moto's Glue with the four refresh task run operations, next to moto's STS. Importing this package
is cheap; moto itself is loaded when a :class:`SimulatedGlue` is made.
"""

from exporter.simulated_glue.changes import Source
from exporter.simulated_glue.glue import SimulatedGlue, SimulatedGlueUnavailableError
from exporter.simulated_glue.scenario import DemoScenario, demo_scenario
from exporter.simulated_glue.script import Plan, RunScript, RunStatus, Schedule

__all__ = [
    "DemoScenario",
    "Plan",
    "RunScript",
    "RunStatus",
    "Schedule",
    "SimulatedGlue",
    "SimulatedGlueUnavailableError",
    "Source",
    "demo_scenario",
]
