"""The configuration file: read, validated with every error at once, and turned into plain settings."""

from exporter.config.durations import format_duration, parse_duration
from exporter.config.loading import LoadedConfiguration, load, parse
from exporter.config.schema import json_schema
from exporter.config.web import LoadedWebConfiguration, load_web

__all__ = [
    "LoadedConfiguration",
    "LoadedWebConfiguration",
    "format_duration",
    "json_schema",
    "load",
    "load_web",
    "parse",
    "parse_duration",
]
