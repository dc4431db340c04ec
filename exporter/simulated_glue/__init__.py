"""A simulated AWS Glue for the demo and the tests: materialized views and their refresh task runs.

It extends moto's Glue with the four refresh task run operations, served over HTTP on loopback next to
moto's STS. Importing this package is cheap; moto itself is loaded when a :class:`SimulatedGlue` is made.
"""

from exporter.simulated_glue import faults
from exporter.simulated_glue.clock import Clock, ManualClock, SystemClock
from exporter.simulated_glue.errors import SimulatedGlueUnavailableError
from exporter.simulated_glue.faults import Fault, FaultBoard, PlacedFault
from exporter.simulated_glue.glue import SimulatedGlue
from exporter.simulated_glue.ledger import Call, Ledger
from exporter.simulated_glue.runbook import ListingOrder, Plan, RunBook, Schedule, always
from exporter.simulated_glue.scenario import DemoScenario, demo_scenario
from exporter.simulated_glue.script import RunScript, RunStatus

__all__ = [
    "Call",
    "Clock",
    "DemoScenario",
    "Fault",
    "FaultBoard",
    "Ledger",
    "ListingOrder",
    "ManualClock",
    "PlacedFault",
    "Plan",
    "RunBook",
    "RunScript",
    "RunStatus",
    "Schedule",
    "SimulatedGlue",
    "SimulatedGlueUnavailableError",
    "SystemClock",
    "always",
    "demo_scenario",
    "faults",
]
