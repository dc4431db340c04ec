"""The flags that commands share, written the Prometheus way, each with its environment variable."""

import re
from collections.abc import Callable
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from exporter.model.run import UNKNOWN, Status
from exporter.model.settings import check_http_url
from exporter.model.sharding import Shard
from exporter.web.address import ListenAddress

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


class Flag(click.Option):
    """A flag that names its environment variable in an error only where the value came from it."""

    def get_error_hint(self, ctx: click.Context | None) -> str:
        """Return how an error message names the flag."""
        if ctx is not None and ctx.get_parameter_source(self.name) is ParameterSource.ENVIRONMENT:
            return super().get_error_hint(ctx)
        return f"'{self.opts[0]}'"


def flag(name: str, **attributes: Any) -> Callable[[F], F]:
    """Return a click option: ``--config.file`` is the parameter ``config_file``.

    Its environment variable is ``GLUE_MV_EXPORTER_CONFIG_FILE``.
    """
    parameter = re.sub(r"[.-]", "_", name.removeprefix("--"))
    if not attributes.keys() & {"default", "is_flag", "multiple"}:
        attributes |= {"default": None, "callback": _none_if_empty}
    more = {"envvar": f"GLUE_MV_EXPORTER_{parameter.upper()}", "show_envvar": True, "show_default": True}
    return click.option(name, parameter, cls=Flag, **more, **attributes)


def _none_if_empty(_context: click.Context, _parameter: click.Parameter, value: Any) -> Any:
    """Take an empty value for none, as Prometheus does: an empty path is not the working folder."""
    return None if value == "" else value


class Parsed(click.ParamType[T]):
    """A value that a function makes of its text; where it raises ValueError, that is the error's text."""

    def __init__(self, name: str, parse: Callable[[str], T]) -> None:
        self.name = name
        self._parse = parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> T:
        """Parse the text, or fail as click does."""
        try:
            return self._parse(value) if isinstance(value, str) else value
        except ValueError as error:
            self.fail(str(error), param, ctx)


def _seconds(text: str) -> float:
    from exporter.config.kinds import parse_duration  # noqa: PLC0415 (YAML: not for the help)

    return parse_duration(text)


def _external_url(text: str) -> str:
    if text:
        check_http_url(text, example="https://glue.example.org/exporter")
    return text.rstrip("/")


DURATION = Parsed("duration", _seconds)

config_file = flag(
    "--config.file", default="config.yaml", metavar="FILE", help="The configuration: what to watch, and how."
)
auto_reload_interval = flag(
    "--config.auto-reload-interval",
    type=DURATION,
    default="0s",
    metavar="DURATION",
    help="How often to check whether the configuration has changed, to reload it then; 0s: never.",
)


def _listen_address(default: str, of: str) -> Callable[[F], F]:
    return flag(
        "--web.listen-address",
        type=Parsed("address", ListenAddress.parse),
        multiple=True,
        # Of the variable, which holds several between blanks; blanks alone are none.
        callback=lambda _context, _parameter, value: value or (ListenAddress.parse(default),),
        default=[default],
        metavar="HOST:PORT",
        help=f"Where the exporter serves, by default {of}; :0 picks a free port and logs it."
        " Can be repeated.",
    )


listen_address = _listen_address(":10079", "on all addresses of this machine")
loopback_address = _listen_address("127.0.0.1:10079", "to this machine alone")
web_config_file = flag(
    "--web.config.file",
    metavar="FILE",
    help="TLS, basic auth, headers, a rate limit, in the exporter-toolkit's format; without it, plain HTTP.",
)
external_url = flag(
    "--web.external-url",
    type=Parsed("url", _external_url),
    metavar="URL",
    help="The URL under which people reach the exporter: a metric shows it, for the links in alerts.",
)
enable_lifecycle = flag(
    "--web.enable-lifecycle", is_flag=True, help="Allow POST /-/reload to reload the configuration."
)
storage_path = flag(
    "--storage.path",
    metavar="FOLDER",
    help="The folder of the state that survives restarts; without it, the state is in memory.",
)
shard = flag(
    "--shard",
    type=Parsed("shard", Shard.parse),
    default="0/1",
    metavar="I/N",
    help="This process's part of the targets: number I, from 0, of N."
    " I can be the name of a StatefulSet's pod.",
)
log_level = flag(
    "--log.level",
    type=click.Choice(["debug", "info", "warn", "warning", "error"]),
    default="info",
    help="Log only messages of this severity or above.",
)
log_format = flag(
    "--log.format", type=click.Choice(["logfmt", "json"]), default="logfmt", help="How log lines are written."
)

# Of `runs`.
aws_region = flag("--aws.region", metavar="REGION", help="The region; default: the AWS SDK's own.")
catalog_id = flag(
    "--catalog-id", metavar="ID", help="The Data Catalog; default: the account of the credentials."
)
database = flag("--database", metavar="NAME", help="Runs of views in this database only; a glob, too.")
table = flag("--table", metavar="NAME", help="Runs of views of this name only; a glob, too.")
status = flag(
    "--status",
    multiple=True,
    metavar="STATUS",
    help=f"Runs of this status only: {', '.join(Status)}; another one by its name; {UNKNOWN} for all"
    " others. Can be repeated.",
)
max_age = flag(
    "--max-age", type=DURATION, metavar="DURATION", help="Only runs created within it, such as 24h."
)
limit = flag("--limit", type=click.IntRange(min=1), metavar="N", help="At most N runs, the newest.")
output = flag(
    "--output",
    type=click.Choice(["table", "json", "config"]),
    default="table",
    help="A table for people, a JSON array, or a runs: block to paste into a target.",
)
watch = flag("--watch", is_flag=True, help="Keep the table on screen and up to date, until Ctrl-C.")

# Of `check-config`.
online = flag(
    "--online",
    is_flag=True,
    help="Ask AWS, for each target, whose credentials are used, what is allowed, and what patterns match.",
)
