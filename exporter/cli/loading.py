"""Loads the configuration the way every command that polls wants it."""

from collections.abc import Sequence

import structlog

from exporter import config
from exporter.cli.exporter_process import with_regions
from exporter.errors import ConfigurationError, Problem
from exporter.model.settings import Settings

log = structlog.get_logger()


def warning_lines(file: str, warnings: Sequence[Problem]) -> tuple[str, ...]:
    """Return one line for people per warning: ``FILE:LINE: KEY.PATH: what may be wrong``."""
    return ConfigurationError(file, tuple(warnings)).lines()


def load_settings(file: str) -> Settings:
    """Load the file, log its warnings, and fill in regions. Raises ConfigurationError."""
    loaded = config.load(file)
    settings = with_regions(loaded.settings, loaded.file)
    for line in warning_lines(loaded.file, loaded.warnings):
        log.warning("configuration", detail=line)
    return settings
