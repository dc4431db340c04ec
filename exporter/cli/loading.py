"""Loads the configuration the way every command that polls wants it."""

from dataclasses import replace

import structlog

from exporter import config
from exporter.cli.exporter_process import with_regions
from exporter.cli.sharding import Shard, owned
from exporter.model.settings import Settings

log = structlog.get_logger()


def load_settings(file: str, shard: Shard) -> Settings:
    """Load the file, log its warnings, keep the shard's targets, fill in regions. Raises ConfigurationError.

    The whole file is validated, whatever the shard: all processes accept it, or none does.
    """
    loaded = config.load(file)
    everything = loaded.settings
    mine = replace(everything, targets=owned(everything.targets, shard.index, shard.count))
    # Regions of the shard's own targets only: another process may have other profiles.
    settings = with_regions(mine, loaded.file)
    for line in loaded.warning_lines:
        log.warning("configuration", detail=line)
    if shard.count > 1:
        log.info("shard", shard=str(shard), targets=len(settings.targets), of=len(everything.targets))
    return settings
