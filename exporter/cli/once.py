"""``once``: polls once and prints the exposition."""

import sys

import click
from rich.console import Console

from exporter.cli import flags
from exporter.cli.exporter_process import load_settings, make_exporter, progress
from exporter.cli.logs import configure_logs, standard_output
from exporter.cli.main import EXIT_FAILED
from exporter.model.sharding import Shard


@click.command("once")
@flags.config_file
@flags.storage_path
@flags.shard
@flags.log_level
@flags.log_format
def command(config_file: str, storage_path: str | None, shard: Shard, log_level: str, log_format: str) -> int:
    """Poll once and print the exposition to standard output.

    For node_exporter's textfile collector, cron and CI. Waits until every target has been read completely,
    which takes a large account minutes, and shows on a terminal how far it is. Leaves out process_* and
    python_* and, without --storage.path, counters. Exit status 1 if a target is not up.
    """
    configure_logs(log_level, log_format)
    settings = load_settings(config_file, shard)
    exporter = make_exporter(settings, storage_path=storage_path, for_textfile=True, shard=shard)
    with Console(stderr=True).status("reading") as status:
        exporter.scheduler.poll_once(settings, lambda: status.update(progress(exporter.store)))
    scrape = exporter.exposition.scrape(None, None)
    try:
        with standard_output():
            for chunk in scrape.chunks:
                sys.stdout.buffer.write(chunk)
    finally:
        exporter.close()
    return 0 if all(state.series.up for state, _ in exporter.store.watched()) else EXIT_FAILED
