"""``serve``: the daemon."""

import click

from exporter.cli import flags
from exporter.cli.exporter_process import make_exporter
from exporter.cli.loading import load_settings
from exporter.cli.logs import configure_logs
from exporter.cli.serving import serve_until_signal
from exporter.model.sharding import Shard
from exporter.web.address import ListenAddress


@click.command("serve")
@flags.config_file
@flags.listen_address
@flags.storage_path
@flags.shard
@flags.log_level
@flags.log_format
def command(
    *,
    config_file: str,
    web_listen_address: ListenAddress,
    storage_path: str | None,
    shard: Shard,
    log_level: str,
    log_format: str,
) -> int:
    """Run the exporter (the default command).

    Polls the configured targets in the background and serves /metrics until SIGTERM or SIGINT.
    """
    configure_logs(log_level, log_format)
    settings = load_settings(config_file, shard)
    exporter = make_exporter(settings, storage_path=storage_path)
    return serve_until_signal(exporter, settings, web_listen_address)
