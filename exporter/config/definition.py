"""The configuration file's definition: it validates, and the JSON Schema is made of it.

What one value alone cannot tell is in :mod:`exporter.config.checks`.
"""

import os
from typing import Annotated, Any, Final

# Else pydantic looks through every package that is installed for plugins: 10 to 40 ms of each start.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from exporter.config import wording
from exporter.config.values import (
    Between,
    CatalogId,
    EndpointUrl,
    ExternalId,
    Name,
    NameOrGlob,
    Region,
    RequestRate,
    RoleArn,
    RunId,
    SessionName,
)
from exporter.model.durations import format_duration
from exporter.model.settings import Settings


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


class AssumeRole(_Strict):
    """A role to assume before calling Glue, with the target's profile or the SDK's own credentials."""

    role_arn: RoleArn = Field(
        examples=["arn:aws:iam::123456789012:role/glue-read"], description="The role's ARN."
    )
    external_id: ExternalId | None = Field(
        default=None,
        repr=False,
        description="The external ID that the role's trust policy asks for, if it does.",
    )
    session_name: SessionName = Field(
        default="glue-mv-exporter", description="What CloudTrail shows as the session."
    )


class ViewName(_Strict):
    """A database and a table, each a name or a glob (`*`, `?`, `[abc]`, `[!abc]`)."""

    database: NameOrGlob = Field(examples=["sales", "*"], description="The database.")
    table: NameOrGlob = Field(examples=["daily_orders", "*"], description="The materialized view.")


class WatchedView(ViewName):
    """A view to watch, or many."""

    expected_interval: Annotated[float, Between("1s", "366d")] | None = Field(
        default=None,
        examples=["24h"],
        description="How often it is refreshed, for views refreshed from outside; overrides the view's own "
        "schedule.",
    )


def _split_view(value: object) -> object:
    if isinstance(value, dict):
        return value
    if not isinstance(value, str):
        raise PydanticCustomError("view", wording.not_text(value))
    database, dot, table = value.partition(".")
    if not (database and dot and table) or "." in table:
        raise PydanticCustomError(
            "view",
            'must be "database.table" with one dot between; for names that hold a dot '
            'write {database: "odd.name", table: "x"}',
        )
    return {"database": database, "table": table}


class _OrText:
    """Lets the JSON Schema tell of the short form."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Return either form."""
        text = {
            "type": "string",
            "pattern": r"^[^.]+\.[^.]+$",
            "description": "database.table, globs allowed",
            "examples": ["sales.daily_orders", "finance.*"],
        }
        return {"anyOf": [text, handler(schema)]}


_Excluded = Annotated[ViewName, BeforeValidator(_split_view), _OrText()]
_Watched = Annotated[WatchedView, BeforeValidator(_split_view), _OrText()]

_one_of_each_pair: Final[dict[str, Any]] = {
    "allOf": [
        {"not": {"required": ["aws_region", "aws_regions"]}},
        {"not": {"required": ["catalog_id", "catalog_ids"]}},
    ]
}


class Defaults(_Strict):
    """What every target has unless it says otherwise."""

    model_config = ConfigDict(json_schema_extra=_one_of_each_pair)

    aws_region: Region | None = Field(
        default=None, examples=["eu-west-1"], description="The region; default: the AWS SDK's own."
    )
    aws_regions: list[Region] | None = Field(
        default=None,
        min_length=1,
        examples=[["eu-west-1", "us-east-1"]],
        description="Several regions: one target for each.",
    )
    catalog_id: CatalogId | None = Field(
        default=None,
        examples=["123456789012", "123456789012:s3tablescatalog/bucket"],
        description="The Data Catalog, in quotes; default: the account of the credentials.",
    )
    catalog_ids: list[CatalogId] | None = Field(
        default=None,
        min_length=1,
        examples=[["123456789012"]],
        description="Several catalogs: one target for each.",
    )
    exclude_views: list[_Excluded] = Field(
        default=[],
        examples=[["finance.tmp_*"]],
        description="What the patterns in views match and is not to be watched.",
    )
    profile: Name | None = Field(
        default=None,
        examples=["prod"],
        description="A profile of the AWS SDK's configuration; together with assume_role, the credentials "
        "that assume it.",
    )
    assume_role: AssumeRole | None = Field(default=None, description="A role to assume before calling Glue.")
    endpoint_url: EndpointUrl | None = Field(
        default=None,
        examples=["http://127.0.0.1:5000"],
        description="Another Glue endpoint: a VPC endpoint, an emulator.",
    )
    max_requests_per_second: RequestRate = Field(
        default=5.0,
        examples=[5],
        description="Never more HTTP requests to Glue than this, retries included; targets with the same "
        "credentials, region and endpoint share the lowest of theirs.",
    )


class TargetEntry(Defaults):
    """One catalog in one region (or, with aws_regions and catalog_ids, several), and what to watch there."""

    model_config = ConfigDict(
        json_schema_extra={
            **_one_of_each_pair,
            "anyOf": [
                {"required": ["runs"], "properties": {"runs": {"minItems": 1}}},
                {"required": ["views"], "properties": {"views": {"minItems": 1}}},
            ],
        }
    )

    name: Name | None = Field(
        default=None,
        examples=["prod"],
        description="Unique; default: `<aws_region>/<catalog_id>` as far as they are written, else "
        "`default`.",
    )
    runs: list[RunId] = Field(
        default=[],
        examples=[["0f8fad5b-d9cb-469f-a165-70867728950e"]],
        description="IDs of refresh task runs to watch.",
    )
    views: list[_Watched] = Field(
        default=[],
        examples=[["sales.daily_orders", "finance.*"]],
        description="Materialized views to watch; their runs are found.",
    )


def _written(seconds: float, description: str) -> Any:
    """Return a field for a duration whose default the schema shows as people write it."""
    return Field(
        default=seconds, description=description, json_schema_extra={"default": format_duration(seconds)}
    )


_DEFAULT: Final = Settings(targets=())


class Configuration(_Strict):
    """The configuration of glue-mv-exporter."""

    model_config = ConfigDict(title="glue-mv-exporter configuration")

    poll_interval: Annotated[float, Between("5s", "1h")] = _written(
        _DEFAULT.poll_interval,
        description="How often runs that have not ended are fetched and new runs are looked for: 5s to 1h.",
    )
    settle_period: Annotated[float, Between("0s", "1h")] = _written(
        _DEFAULT.settle_period,
        description="An ended run is still read again this long after its end: 0s to 1h.",
    )
    resync_interval: Annotated[float, Between("5s", "24h")] | None = Field(
        default=None,
        json_schema_extra={"default": format_duration(_DEFAULT.resync_interval)},
        description="How often listings are read to the last page: from poll_interval to 24h; by default "
        "15m, or a longer poll_interval.",
    )
    runs_per_view: int = Field(
        default=_DEFAULT.runs_per_view,
        ge=0,
        le=1000,
        description="The newest runs of each watched view that get series of their own; 0: none.",
    )
    defaults: Defaults = Field(
        default=Defaults(),
        description="Any key of a target except name, runs and views; a target overrides it.",
    )
    targets: list[TargetEntry] = Field(min_length=1, description="What to watch, and where.")
