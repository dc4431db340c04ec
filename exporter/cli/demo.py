"""``demo``: the exporter on a simulated Glue."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click
import structlog

from exporter.cli import flags
from exporter.cli.daemon import serve_until_signal
from exporter.cli.exporter_process import make_exporter
from exporter.cli.logs import configure_logs
from exporter.cli.signals import Signals
from exporter.clock import Clock
from exporter.errors import ExporterError
from exporter.glue.client import ClientFactory
from exporter.glue.sessions import fixed_session
from exporter.model.settings import Access, Settings, Target, ViewPattern
from exporter.web.address import ListenAddress

if TYPE_CHECKING:
    from exporter.simulated_glue.catalog import Catalog

log = structlog.get_logger()


@click.command("demo")
@flags.loopback_address
@flags.external_url
@flags.log_level
@flags.log_format
def command(
    web_listen_address: Sequence[ListenAddress], web_external_url: str | None, log_level: str, log_format: str
) -> int:
    """Run the exporter on a simulated Glue inside this process.

    Needs no AWS account and no network: runs in several databases pass through all five statuses within
    a minute. Open http://localhost:10079 in a browser, and /metrics there.
    """
    signals = click.get_current_context().with_resource(Signals())
    configure_logs(log_level, log_format)
    clock = Clock()
    try:
        from exporter.simulated_glue import glue, scenario, server  # noqa: PLC0415 (moto is an extra, and slow)
    except ImportError as error:
        raise ExporterError("the demo needs moto: in a checkout, pip install '.[demo]'") from error
    simulated = glue.SimulatedGlue(clock.time)
    catalog = simulated.catalog()
    with server.serve(simulated) as url:
        settings = demo_settings(catalog, scenario.demo_scenario(catalog), url)
        log.info("demo: a simulated Glue answers; nothing leaves this machine")
        clients = ClientFactory(clock, session_factory=fixed_session)
        return serve_until_signal(
            make_exporter(settings, clients=clients, clock=clock, external_url=web_external_url),
            settings,
            web_listen_address,
            signals=signals,
        )


def demo_settings(catalog: "Catalog", run_ids: tuple[str, ...], endpoint_url: str) -> Settings:
    """Return settings that watch these runs and all views, at intervals that suit the demo's short hours."""
    target = Target(
        name="demo",
        access=Access(aws_region=catalog.region_name, endpoint_url=endpoint_url),
        catalog_id=catalog.account_id,
        run_ids=run_ids,
        views=(ViewPattern(database="*", table="*"),),
        max_requests_per_second=50.0,
    )
    return Settings(poll_interval=5.0, settle_period=60.0, resync_interval=60.0, targets=(target,))
