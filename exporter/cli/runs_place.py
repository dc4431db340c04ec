"""Where ``runs`` looks: in the configured targets, or in the one place that flags name."""

from dataclasses import dataclass
from pathlib import Path

import click
from click.core import ParameterSource

from exporter import config
from exporter.cli.exporter_process import with_regions
from exporter.config.schema import CATALOG_ID, REGION
from exporter.glue import resolve_region
from exporter.model.settings import Access, Settings, Target, ViewPattern

PLACE_FLAGS = {
    "aws_region": "--aws.region",
    "catalog_id": "--catalog-id",
    "database": "--database",
    "table": "--table",
}
_PRECEDENCE = (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What the flags name; None where they do not."""

    aws_region: str | None
    catalog_id: str | None
    database: str | None
    table: str | None


def settings_for(context: click.Context, place: Place, config_file: str) -> Settings:
    """Return what to read. Raises click.UsageError or ConfigurationError."""
    named = min(_precedence(context, name) for name in PLACE_FLAGS)
    configured = _precedence(context, "config_file")
    if named == configured < len(_PRECEDENCE):
        raise click.UsageError(f"write either --config.file or {_flags()}, not both")
    if named < configured:
        return _named(place)
    if configured == len(_PRECEDENCE) and not Path(config_file).exists():
        raise click.UsageError(
            f"there is no {config_file}: name a configuration with --config.file, "
            f"or say where to look with {_flags()}"
        )
    loaded = config.load(config_file)
    for line in loaded.warning_lines:
        click.echo(f"warning: {line}", err=True)
    return with_regions(loaded.settings, loaded.file)


def _precedence(context: click.Context, name: str) -> int:
    """Return how near to the user a flag was given: 0 on the command line; the highest for not at all."""
    source = context.get_parameter_source(name)
    return _PRECEDENCE.index(source) if source in _PRECEDENCE else len(_PRECEDENCE)


def _flags() -> str:
    *most, last = PLACE_FLAGS.values()
    return f"{', '.join(most)} and {last}"


def _named(place: Place) -> Settings:
    for name, value, kind in (
        ("aws_region", place.aws_region, REGION),
        ("catalog_id", place.catalog_id, CATALOG_ID),
    ):
        try:
            if value is not None:
                kind.parse(value)
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint=f"'{PLACE_FLAGS[name]}'") from None
    aws_region = place.aws_region or resolve_region(Access())
    if aws_region is None:
        raise click.UsageError("no AWS region: give --aws.region, or set AWS_DEFAULT_REGION")
    target = Target(
        name="/".join(part for part in (aws_region, place.catalog_id) if part),
        access=Access(aws_region=aws_region),
        catalog_id=place.catalog_id,
        views=(ViewPattern(database=place.database or "*", table=place.table or "*"),),
    )
    return Settings(targets=(target,))
