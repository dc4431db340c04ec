"""What ``serve`` does: the configuration, the parts put together, and everything that reloads."""

from typing import TYPE_CHECKING

from exporter.cli.exporter_process import make_exporter
from exporter.cli.loading import load_settings
from exporter.cli.reloading import Reloader, content_of
from exporter.cli.serving import serve_until_signal
from exporter.cli.sharding import Shard
from exporter.cli.signals import Signals
from exporter.clock import SystemClock
from exporter.model.settings import Settings
from exporter.web.address import ListenAddress

if TYPE_CHECKING:
    from exporter.web.security import LiveSecurity


def run(
    *,
    signals: Signals,
    config_file: str,
    config_auto_reload_interval: float,
    storage_path: str | None,
    web_listen_address: ListenAddress,
    web_config_file: str | None,
    web_enable_lifecycle: bool,
    shard: Shard,
) -> int:
    """Run until a signal ends it; the parameters are the flags. Returns the exit status."""
    loaded = content_of(config_file)
    settings = load_settings(config_file, shard)
    security = _live_security(web_config_file) if web_config_file is not None else None

    def load() -> Settings:
        """Read both files again: a reload is of both, or of neither."""
        settings = load_settings(config_file, shard)
        if security:
            security.reload()
        return settings

    clock = SystemClock()
    exporter = make_exporter(settings, storage_path=storage_path, clock=clock)
    reloader = Reloader(config_file, load, exporter, clock, loaded=loaded)
    if security:
        security.tell = reloader.note_web
    return serve_until_signal(
        exporter,
        settings,
        web_listen_address,
        signals=signals,
        reloader=reloader,
        security=security,
        lifecycle=web_enable_lifecycle,
        reload_interval=config_auto_reload_interval,
        shard=shard,
    )


def _live_security(file: str) -> "LiveSecurity":
    from exporter.cli.web_security import live_security  # noqa: PLC0415 (a second definition and bcrypt: 15 ms)

    return live_security(file)
