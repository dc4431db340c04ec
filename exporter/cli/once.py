"""``once``: polls once and prints the exposition."""

import sys

import click

from exporter.cli import flags
from exporter.cli.exporter_process import make_exporter
from exporter.cli.loading import load_settings
from exporter.cli.logs import configure_logs
from exporter.cli.main import EXIT_FAILED
from exporter.cli.sharding import Shard


@click.command("once")
@flags.config_file
@flags.storage_path
@flags.shard
@flags.log_level
@flags.log_format
def command(config_file: str, storage_path: str | None, shard: Shard, log_level: str, log_format: str) -> int:
    """Poll once and print the exposition to standard output.

    For node_exporter's textfile collector, cron and CI. Leaves out process_* and python_* and, without
    --storage.path, counters. Exit status 1 if a target is not up.
    """
    configure_logs(log_level, log_format)
    settings = load_settings(config_file, shard)
    exporter = make_exporter(settings, storage_path=storage_path, for_textfile=True)
    exporter.scheduler.poll_once(settings)
    scrape = exporter.exposition.scrape(None, None)
    for chunk in scrape.chunks:
        sys.stdout.buffer.write(chunk)
    sys.stdout.buffer.flush()
    exporter.close()
    return 0 if all(state.series.up for state in exporter.store.targets()) else EXIT_FAILED
