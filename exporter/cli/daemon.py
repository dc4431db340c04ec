"""What ``serve`` does: the configuration, the parts put together, and everything that reloads."""

from typing import TYPE_CHECKING

from exporter.cli.early_state import EarlyState
from exporter.cli.exporter_process import make_exporter
from exporter.cli.kept_text import KeptText
from exporter.cli.late_sdk import load_sdk
from exporter.cli.loading import load_settings
from exporter.cli.reloading import Reloader, content_of
from exporter.cli.serving import serve_until_signal
from exporter.cli.signals import Signals
from exporter.clock import SystemClock
from exporter.model.settings import Settings
from exporter.model.sharding import Shard
from exporter.web.address import ListenAddress

if TYPE_CHECKING:
    from exporter.web.security import LiveSecurity


def run(
    *,
    state: EarlyState,
    signals: Signals,
    config_file: str,
    config_auto_reload_interval: float,
    web_listen_address: ListenAddress,
    web_config_file: str | None,
    web_enable_lifecycle: bool,
    shard: Shard,
) -> int:
    """Run until a signal ends it; the parameters are the flags. Returns the exit status."""
    kept_text = KeptText(state.folder) if state.folder else None  # first: it reads while all else is done
    loaded = content_of(config_file)
    settings = load_settings(config_file, shard)
    security = _live_security(web_config_file) if web_config_file is not None else None

    def load() -> Settings:
        """Read both files again: a reload is of both, or of neither."""
        settings = load_settings(config_file, shard)
        if security:
            security.reload()
        return settings

    for load_early in (_load_website, load_sdk):
        # Otherwise there is a better time for it: while polls wait for Glue, or never.
        if state.being_opened:
            load_early()
    clock = SystemClock()
    exporter = make_exporter(settings, state=state, kept_text=kept_text, clock=clock)
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


def _load_website() -> None:
    from exporter.cli import website  # noqa: PLC0415, F401 (only loaded: there is nothing else to do)


def _live_security(file: str) -> "LiveSecurity":
    from exporter.cli.web_security import live_security  # noqa: PLC0415 (a second definition and bcrypt: 15 ms)

    return live_security(file)
