"""The definition of the configuration file: it validates, and the JSON Schema is made of it.

What one value alone cannot tell is in :mod:`exporter.config.checks`.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from exporter.config.durations import format_duration, quoted
from exporter.config.kinds import Boolean, Duration, JsonSchema, ListOf, Number, Section, Text, key, not_text
from exporter.config.yaml_lines import Document, Location, YamlMapping
from exporter.model.settings import Settings, ViewPattern, check_http_url

RUN_ID_PATTERN: Final = "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"
"""The API's own for MaterializedViewRefreshTaskRunId."""

_CREDENTIALS: Final = (
    "credentials do not belong in this file: the AWS SDK takes them from the environment "
    "(AWS_ACCESS_KEY_ID …), from ~/.aws/credentials (name the profile with profile), or from a role "
    "(of the pod, task or instance, or assume_role)"
)
_SECRET: Final = re.compile(r"accesskey|secret|password|passwd|passphrase|token|credential|apikey|privatekey")
_ZONE: Final = re.compile(r"([a-z]{2,}(?:-[a-z]+)+-[0-9]{1,2})[a-z]\Z")


def _not_a_zone(text: str) -> None:
    if zone := _ZONE.match(text):
        raise ValueError(f"{quoted(text)} is an availability zone: write its region, {zone[1]}")


def _printable(text: str) -> None:
    if not text.isprintable():
        raise ValueError("must hold printable characters only")


def _endpoint(text: str) -> None:
    check_http_url(text, example="http://127.0.0.1:5000")


def _role_arn(text: str) -> None:
    filled_in = text.replace(ACCOUNT_ID, "0" * 12)
    if "{" in filled_in or "}" in filled_in:
        raise ValueError(f"unknown placeholder: only {ACCOUNT_ID} can be filled in")
    if not _WHOLE_ROLE_ARN.fullmatch(filled_in):
        raise ValueError(_NOT_A_ROLE_ARN)


RUN_ID: Final = Text(
    "not a valid run ID: {}; write one such as 0f8fad5b-d9cb-469f-a165-70867728950e", RUN_ID_PATTERN
)
REGION: Final = Text(
    "not a valid AWS region: {}; write one such as eu-west-1",
    "^[a-z]{2,}(-[a-z]+)+-[0-9]{1,2}$",
    longest=32,
    check=_not_a_zone,
)
CATALOG_ID: Final = Text(
    'not a valid catalog ID: write the 12 digits of an account, "123456789012", '
    'or a catalog in it, "123456789012:s3tablescatalog/bucket"',
    "^[0-9]{12}(:[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*)?$",
    longest=255,
)
ACCOUNT_ID: Final = "{account_id}"
"""In a role ARN: the account of the target's catalog."""
_NOT_A_ROLE_ARN: Final = "not a valid role ARN: write one such as arn:aws:iam::123456789012:role/glue-read"
_WHOLE_ROLE_ARN: Final = re.compile(
    r"arn:aws[a-z0-9-]*:iam::[0-9]{12}:role/([!-~]+/)?[A-Za-z0-9_+=,.@-]{1,64}"
)
_ROLE_ARN: Final = Text(
    _NOT_A_ROLE_ARN,
    r"^arn:aws[a-z0-9-]*:iam::([0-9]{12}|\{account_id\}):role/([!-~]+/)?([A-Za-z0-9_+=,.@-]|\{account_id\})+$",
    longest=2048,
    check=_role_arn,
)
_SESSION_NAME: Final = Text(
    "may hold letters, digits and _ + = , . @ - only", "^[A-Za-z0-9_+=,.@-]*$", shortest=2, longest=64
)
_EXTERNAL_ID: Final = Text(
    "may hold letters, digits and _ + = , . @ : / - only", "^[A-Za-z0-9_+=,.@:/-]*$", shortest=2, longest=1224
)
_NAME_OR_GLOB: Final = Text(
    "must not hold control characters",
    # The API's own for names of databases and tables, as far as YAML can say otherwise.
    r"^[^\x00-\x08\x0a-\x1f]*$",
    shortest=1,
    longest=255,
)
_NAME: Final = Text(shortest=1, longest=200, check=_printable)
"""Of a target, a profile or an owner: it becomes a label value or stands in log lines."""
_ENDPOINT: Final = Text(pattern="^https?://", shortest=1, longest=2048, check=_endpoint)
_RATE: Final = Number(0.01, 1000)
"""HTTP attempts a second. Below one in a hundred seconds no poll would ever end."""


@dataclass(frozen=True, kw_only=True)
class _Section(Section):
    @classmethod
    def unknown_key(cls, name: str) -> str:
        if _SECRET.search(re.sub(r"[^a-z]", "", name.partition(":")[0].lower())):
            return _CREDENTIALS
        if cls is Defaults and name in TargetEntry.known():
            return "cannot have a default: write it in each target"
        homes = (place for section, place in _HOMES.items() if name in section.known())
        home = next(homes, None)
        return f"unknown key here; it belongs {home}" if home else super().unknown_key(name)


@dataclass(frozen=True, kw_only=True)
class AssumeRole(_Section):
    """A role to assume before calling Glue, with the target's profile or the SDK's own credentials."""

    hint: ClassVar[str] = 'a mapping such as {role_arn: "arn:aws:iam::123456789012:role/glue-read"}'

    role_arn: str = key(
        _ROLE_ARN,
        "The role's ARN; {account_id} in it stands for the account of the target's catalog_id.",
        examples=["arn:aws:iam::123456789012:role/glue-read", "arn:aws:iam::{account_id}:role/glue-read"],
        required=True,
    )
    external_id: str | None = key(
        _EXTERNAL_ID, "The external ID that the role's trust policy asks for, if it does.", secret=True
    )
    session_name: str = key(
        _SESSION_NAME, "What CloudTrail shows as the session.", default="glue-mv-exporter"
    )


@dataclass(frozen=True, kw_only=True)
class ViewName(_Section):
    """A database and a table, each a name or a glob (`*`, `?`, `[abc]`, `[!abc]`)."""

    database: str = key(_NAME_OR_GLOB, "The database.", examples=["sales", "*"], required=True)
    table: str = key(_NAME_OR_GLOB, "The materialized view.", examples=["daily_orders", "*"], required=True)


@dataclass(frozen=True, kw_only=True)
class WatchedView(ViewName):
    """A view to watch, or many."""

    expected_interval: float | None = key(
        Duration("1s", "366d"),
        "How often it is refreshed, for views refreshed from outside; overrides the view's own schedule.",
        examples=["24h"],
    )
    owner: str | None = key(
        _NAME,
        "Who is told when such a view is in trouble, a label of its metrics; default: the target's owner.",
        examples=["team-finance"],
    )


@dataclass(frozen=True)
class _View:
    """A view, as a mapping or in short: ``database.table``."""

    section: type[ViewName]

    def read(self, value: object, at: Location, document: Document) -> ViewPattern | None:
        parts = value
        if not isinstance(value, YamlMapping):
            try:
                database, table = _split(value)
            except ValueError as error:
                document.report(at, str(error))
                return None
            parts = YamlMapping()
            parts.update(database=database, table=table)
        view = self.section.read(parts, at, document)
        if view is None:
            return None
        if not isinstance(view, WatchedView):
            return ViewPattern(database=view.database, table=view.table)
        return ViewPattern(
            database=view.database,
            table=view.table,
            expected_interval=view.expected_interval,
            owner=view.owner,
        )

    def json_schema(self, definitions: dict[str, JsonSchema]) -> JsonSchema:
        short = {
            "description": "database.table, globs allowed",
            "examples": ["sales.daily_orders", "finance.*"],
            "pattern": r"^[^.]+\.[^.]+$",
            "type": "string",
        }
        return {"anyOf": [short, self.section.json_schema(definitions)]}


def _split(value: object) -> tuple[str, str]:
    if not isinstance(value, str):
        raise ValueError(not_text(value))  # noqa: TRY004 (as all that is wrong in a file)
    database, dot, table = value.partition(".")
    if not value:
        raise ValueError('is empty: write "database.table"')
    if not dot:
        wrong = 'no dot: write "database.table"'
    elif "." in table:
        wrong = 'more than one dot: for names that hold one write {database: "odd.name", table: "x"}'
    elif not table:
        wrong = f"nothing after the dot: write {quoted(f'{database}.*')} for all views of the database"
    elif not database:
        wrong = f"nothing before the dot: write {quoted(f'*.{table}')} for all databases"
    else:
        return database, table
    raise ValueError(f"not a valid view: {quoted(value)} has {wrong}")


_ONE_OF_EACH_PAIR: Final[JsonSchema] = {
    "allOf": [
        {"not": {"required": ["aws_region", "aws_regions"]}},
        {"not": {"required": ["catalog_id", "catalog_ids"]}},
    ]
}


@dataclass(frozen=True, kw_only=True)
class Defaults(_Section):
    """What every target has unless it says otherwise."""

    json_schema_extra: ClassVar[JsonSchema] = _ONE_OF_EACH_PAIR

    aws_region: str | None = key(REGION, "The region; default: the AWS SDK's own.", examples=["eu-west-1"])
    aws_regions: Sequence[str | None] = key(
        ListOf(REGION, may_be_empty=False),
        "Several regions: one target for each.",
        examples=[["eu-west-1", "us-east-1"]],
    )
    catalog_id: str | None = key(
        CATALOG_ID,
        "The Data Catalog, in quotes; default: the account of the credentials. Required with endpoint_url.",
        examples=["123456789012", "123456789012:s3tablescatalog/bucket"],
    )
    catalog_ids: Sequence[str | None] = key(
        ListOf(CATALOG_ID, may_be_empty=False),
        "Several catalogs: one target for each.",
        examples=[["123456789012"]],
    )
    exclude_views: Sequence[ViewPattern | None] = key(
        ListOf(_View(ViewName)),
        "What the patterns in views match and is not to be watched.",
        default=(),
        shown_default=[],
        examples=[["finance.tmp_*"]],
    )
    owner: str | None = key(
        _NAME,
        "Who is told when a view is in trouble: a label of the views' metrics.",
        examples=["team-finance"],
    )
    source_tables: bool = key(
        Boolean(),
        "Read the views' source tables, to know whether a refresh is due.",
        default=True,
    )
    profile: str | None = key(
        _NAME,
        "A profile of the AWS SDK's configuration; together with assume_role, the credentials that assume "
        "it.",
        examples=["prod"],
    )
    assume_role: AssumeRole | None = key(AssumeRole, "A role to assume before calling Glue.")
    endpoint_url: str | None = key(
        _ENDPOINT,
        "Another Glue endpoint: a VPC endpoint, an emulator.",
        examples=["http://127.0.0.1:5000"],
    )
    max_requests_per_second: float = key(
        _RATE,
        "Never more HTTP requests to Glue than this, retries included; targets with the same credentials, "
        "region and endpoint share the lowest of theirs.",
        default=5.0,
        examples=[5],
    )


@dataclass(frozen=True, kw_only=True)
class TargetEntry(Defaults):
    """One catalog in one region (or, with aws_regions and catalog_ids, several), and what to watch there."""

    json_schema_extra: ClassVar[JsonSchema] = {
        **_ONE_OF_EACH_PAIR,
        "anyOf": [
            {"properties": {"runs": {"minItems": 1}}, "required": ["runs"]},
            {"properties": {"views": {"minItems": 1}}, "required": ["views"]},
        ],
    }

    name: str | None = key(
        _NAME,
        "Unique; default: `<aws_region>/<catalog_id>` as far as they are written, else `default`.",
        examples=["prod"],
    )
    runs: Sequence[str | None] = key(
        ListOf(RUN_ID),
        "IDs of refresh task runs to watch.",
        default=(),
        shown_default=[],
        examples=[["0f8fad5b-d9cb-469f-a165-70867728950e"]],
    )
    views: Sequence[ViewPattern | None] = key(
        ListOf(_View(WatchedView)),
        "Materialized views to watch; their runs are found.",
        default=(),
        shown_default=[],
        examples=[["sales.daily_orders", "finance.*"]],
    )


_DEFAULT: Final = Settings(targets=())


def _duration(shortest: str, longest: str, default: float, description: str) -> Any:
    """Return a key for a duration whose default the schema shows as people write it."""
    return key(
        Duration(shortest, longest), description, default=default, shown_default=format_duration(default)
    )


@dataclass(frozen=True, kw_only=True)
class Configuration(_Section):
    """The configuration of glue-mv-exporter."""

    hint: ClassVar[str] = "a mapping with the key targets"

    poll_interval: float = _duration(
        "5s",
        "1h",
        _DEFAULT.poll_interval,
        "How often runs that have not ended are fetched and new runs are looked for: 5s to 1h.",
    )
    settle_period: float = _duration(
        "0s",
        "1h",
        _DEFAULT.settle_period,
        "An ended run is still read again this long after its end: 0s to 1h.",
    )
    resync_interval: float = _duration(
        "5s",
        "24h",
        _DEFAULT.resync_interval,
        "How often listings are read to the last page: from poll_interval to 24h; by default 15m, or a "
        "longer poll_interval.",
    )
    runs_per_view: int = key(
        Number(0, 1000, whole=True),
        "The newest runs of each watched view that get series of their own; 0: none.",
        default=_DEFAULT.runs_per_view,
    )
    defaults: Defaults = key(
        Defaults,
        "Any key of a target except name, runs and views; a target overrides it.",
        default=Defaults(),
        shown_default={},
    )
    targets: Sequence[TargetEntry | None] = key(
        ListOf(TargetEntry, may_be_empty=False), "What to watch, and where.", required=True
    )


_HOMES: Final[Mapping[type[Section], str]] = {
    Configuration: "at the top of the file",
    TargetEntry: "in a target",
    AssumeRole: "in assume_role",
    WatchedView: "in an entry of views",
}

SCHEMA_FILE: Final = "config.schema.json"


def json_schema() -> JsonSchema:
    """Return the JSON Schema of the file, in the dialect of draft 2020-12."""
    definitions: dict[str, JsonSchema] = {}
    described = Configuration.described(definitions, "glue-mv-exporter configuration")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$defs": dict(sorted(definitions.items())),
        **described,
    }


def json_schema_text() -> str:
    """Return the JSON Schema as it is written to :data:`SCHEMA_FILE`."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"
