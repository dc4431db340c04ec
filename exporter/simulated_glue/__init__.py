"""A simulated AWS Glue for the demo and the tests: materialized views and their refresh task runs.

It extends moto's Glue, which is an extra: importing this package raises ImportError where moto is missing.
"""

from exporter.simulated_glue.catalog import Catalog
from exporter.simulated_glue.glue import SimulatedGlue, call_moto
from exporter.simulated_glue.runs import Plan, RunScript, RunStatus, Schedule
from exporter.simulated_glue.scenario import demo_scenario
from exporter.simulated_glue.server import serve

__all__ = [
    "Catalog",
    "Plan",
    "RunScript",
    "RunStatus",
    "Schedule",
    "SimulatedGlue",
    "call_moto",
    "demo_scenario",
    "serve",
]
