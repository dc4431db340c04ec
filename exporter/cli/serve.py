"""``serve``: reads the configurations, and runs the daemon."""

from collections.abc import Sequence
from functools import partial

import click

from exporter.cli import flags
from exporter.cli.logs import configure_logs
from exporter.cli.signals import Signals
from exporter.model.sharding import Shard
from exporter.web.address import ListenAddress


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
def command(
    *,
    config_file: str,
    config_auto_reload_interval: float,
    web_listen_address: Sequence[ListenAddress],
    web_config_file: str | None,
    web_external_url: str | None,
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
    # First of all: until then they wait.
    signals = click.get_current_context().with_resource(Signals())
    configure_logs(log_level, log_format)
    from exporter.cli import daemon, exporter_process, reloading  # noqa: PLC0415 (the SDK: not for the help)

    loaded = reloading.content_of(config_file)
    load = partial(exporter_process.load_settings, config_file, shard)
    settings = load()
    web = reloading.WebProtection(web_config_file) if web_config_file else None
    exporter = exporter_process.make_exporter(
        settings, storage_path=storage_path, external_url=web_external_url, shard=shard
    )
    reloader = reloading.Reloader(
        config_file, load, exporter, loaded=loaded, interval=config_auto_reload_interval, web=web
    )
    return daemon.serve_until_signal(
        exporter,
        settings,
        web_listen_address,
        signals=signals,
        reloader=reloader,
        lifecycle=web_enable_lifecycle,
    )
