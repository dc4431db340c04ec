"""The Glue client: the only part of the exporter that touches AWS.

It takes what a configuration says about access, and gives frozen values in base units, or GlueError.
"""

from exporter.glue.catalog import GlueCatalog
from exporter.glue.factory import ClientFactory
from exporter.glue.fixed import fixed_session
from exporter.glue.identity import SessionFactory, resolve_region
from exporter.glue.service_models import load_service_models
from exporter.glue.transport import Timeouts

__all__ = [
    "ClientFactory",
    "GlueCatalog",
    "SessionFactory",
    "Timeouts",
    "fixed_session",
    "load_service_models",
    "resolve_region",
]
