"""``serve``: the daemon."""

import click
import structlog

from exporter import config
from exporter.cli import flags
from exporter.cli.exporter_process import make_exporter, with_regions
from exporter.cli.logs import configure_logs
from exporter.cli.serving import serve_until_signal
from exporter.web.address import ListenAddress

log = structlog.get_logger()


@click.command("serve")
@flags.config_file
@flags.listen_address
@flags.log_level
@flags.log_format
def command(config_file: str, web_listen_address: ListenAddress, log_level: str, log_format: str) -> int:
    """Run the exporter (the default command).

    Polls the configured targets in the background and serves /metrics until SIGTERM or SIGINT.
    """
    configure_logs(log_level, log_format)
    loaded = config.load(config_file)
    settings = with_regions(loaded.settings, loaded.file)
    for warning in loaded.warning_lines():
        log.warning("configuration", detail=warning)
    return serve_until_signal(make_exporter(settings), settings, web_listen_address)
