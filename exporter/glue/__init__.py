"""The Glue client: the only part of the exporter that touches AWS.

It takes what a configuration says about access, and gives frozen values in base units, or GlueError.
"""

from exporter.glue.client import ClientFactory, GlueCatalog
from exporter.glue.instrumentation import Timeouts
from exporter.glue.sessions import SessionFactory, fixed_session, resolve_region

__all__ = ["ClientFactory", "GlueCatalog", "SessionFactory", "Timeouts", "fixed_session", "resolve_region"]
