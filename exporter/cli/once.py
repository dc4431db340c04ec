"""``once``: polls once and prints the exposition."""

import sys

import click
import structlog

from exporter import config
from exporter.cli import flags
from exporter.cli.exporter_process import make_exporter, with_regions
from exporter.cli.logs import configure_logs
from exporter.cli.main import EXIT_FAILED

log = structlog.get_logger()


@click.command("once")
@flags.config_file
@flags.log_level
@flags.log_format
def command(config_file: str, log_level: str, log_format: str) -> int:
    """Poll once and print the exposition to standard output.

    For node_exporter's textfile collector, cron and CI. Leaves out process_*, python_* and counters.
    Exit status 1 if a target is not up.
    """
    configure_logs(log_level, log_format)
    loaded = config.load(config_file)
    settings = with_regions(loaded.settings, loaded.file)
    for warning in loaded.warning_lines():
        log.warning("configuration", detail=warning)
    exporter = make_exporter(settings, for_textfile=True)
    exporter.loop.poll_once(settings)
    scrape = exporter.exposition.scrape(None, None)
    for chunk in scrape.chunks:
        sys.stdout.buffer.write(chunk)
    sys.stdout.buffer.flush()
    exporter.clients.close()
    return 0 if all(state.series.up for state in exporter.store.targets()) else EXIT_FAILED
