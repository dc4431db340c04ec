"""``serve``: the daemon's flags. What it does is in ``daemon.py``, which help need not load."""

from typing import Any

import click

from exporter.cli import flags
from exporter.cli.logs import configure_logs
from exporter.cli.signals import Signals


@click.command("serve")
@flags.config_file
@flags.auto_reload_interval
@flags.listen_address
@flags.web_config_file
@flags.external_url
@flags.enable_lifecycle
@flags.storage_path
@flags.shard
@flags.log_level
@flags.log_format
def command(*, log_level: str, log_format: str, **chosen: Any) -> int:
    """Run the exporter (the default command).

    Polls the configured targets in the background and serves /metrics until SIGTERM or SIGINT. SIGHUP
    reloads the configuration.
    """
    # First of all: until then they wait.
    signals = click.get_current_context().with_resource(Signals())
    configure_logs(log_level, log_format)
    from exporter.cli.daemon import run  # noqa: PLC0415 (the SDK: not for the help)

    return run(signals=signals, **chosen)
