"""``serve``: the daemon."""

import click

from exporter.cli import flags
from exporter.cli.exporter_process import make_exporter
from exporter.cli.loading import load_settings
from exporter.cli.logs import configure_logs
from exporter.cli.reloading import Reloader
from exporter.cli.serving import serve_until_signal
from exporter.clock import SystemClock
from exporter.model.sharding import Shard
from exporter.web.address import ListenAddress


@click.command("serve")
@flags.config_file
@flags.auto_reload_interval
@flags.listen_address
@flags.enable_lifecycle
@flags.storage_path
@flags.shard
@flags.log_level
@flags.log_format
def command(
    *,
    config_file: str,
    config_auto_reload_interval: float,
    web_listen_address: ListenAddress,
    web_enable_lifecycle: bool,
    storage_path: str | None,
    shard: Shard,
    log_level: str,
    log_format: str,
) -> int:
    """Run the exporter (the default command).

    Polls the configured targets in the background and serves /metrics until SIGTERM or SIGINT. SIGHUP
    reloads the configuration.
    """
    configure_logs(log_level, log_format)
    settings = load_settings(config_file, shard)
    clock = SystemClock()
    exporter = make_exporter(settings, storage_path=storage_path, clock=clock)
    return serve_until_signal(
        exporter,
        settings,
        web_listen_address,
        reloader=Reloader(config_file, lambda: load_settings(config_file, shard), exporter, clock),
        lifecycle=web_enable_lifecycle,
        reload_interval=config_auto_reload_interval,
        shard=shard,
    )
