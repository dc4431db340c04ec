"""The definition of the configuration file: it validates, and the JSON Schema is made of it.

What one value alone cannot tell is in :mod:`exporter.config.checks`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from exporter.config.durations import quoted
from exporter.config.kinds import BOOLEAN, JsonSchema, ListOf, Section, as_text, duration, key, number, text
from exporter.config.yaml_lines import Document, Location
from exporter.model.settings import ViewPattern, check_http_url

RUN_ID_PATTERN: Final = "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"
"""The API's own for MaterializedViewRefreshTaskRunId."""

_CREDENTIALS: Final = (
    "credentials do not belong in this file: the AWS SDK takes them from the environment "
    "(AWS_ACCESS_KEY_ID …), from ~/.aws/credentials (name the profile with profile), or from a role "
    "(of the pod, task or instance, or assume_role)"
)
_SECRET: Final = re.compile(r"accesskey|secret|password|passwd|passphrase|token|credential|apikey|privatekey")


ACCOUNT_ID: Final = "{account_id}"
"""In a role ARN: the account of the target's catalog."""
_NOT_A_ROLE_ARN: Final = "not a valid role ARN: write one such as arn:aws:iam::123456789012:role/glue-read"


def _printable(name: str) -> None:
    if not name.isprintable():
        raise ValueError("must hold printable characters only")


def _endpoint(url: str) -> None:
    check_http_url(url, example="http://127.0.0.1:5000")


def _role_arn(arn: str) -> None:
    whole = r"arn:aws[a-z0-9-]*:iam::[0-9]{12}:role/([!-z|~]+/)?[A-Za-z0-9_+=,.@-]{1,64}"
    if not re.fullmatch(whole, arn.replace(ACCOUNT_ID, "0" * 12)):
        raise ValueError(_NOT_A_ROLE_ARN)


RUN_ID: Final = text(
    "not a valid run ID: {}; write one such as 0f8fad5b-d9cb-469f-a165-70867728950e", RUN_ID_PATTERN
)
REGION: Final = text(
    "not a valid AWS region: {}; write one such as eu-west-1",
    "^[a-z]{2,}(-[a-z]+)+-[0-9]{1,2}$",
    longest=32,
)
CATALOG_ID: Final = text(
    'not a valid catalog ID: write the 12 digits of an account, "123456789012", '
    'or a catalog in it, "123456789012:s3tablescatalog/bucket"',
    "^[0-9]{12}(:[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*)?$",
    longest=255,
)
_ROLE_ARN: Final = text(
    _NOT_A_ROLE_ARN,
    r"^arn:aws[a-z0-9-]*:iam::([0-9]{12}|\{account_id\}):role/([!-~]+/)?([A-Za-z0-9_+=,.@-]|\{account_id\})+$",
    longest=2048,
    check=_role_arn,
)
_SESSION_NAME: Final = text(
    "may hold letters, digits and _ + = , . @ - only", "^[A-Za-z0-9_+=,.@-]*$", shortest=2, longest=64
)
_EXTERNAL_ID: Final = text(
    "may hold letters, digits and _ + = , . @ : / - only", "^[A-Za-z0-9_+=,.@:/-]*$", shortest=2, longest=1224
)
_NAME_OR_GLOB: Final = text(
    "must not hold control characters",
    # The API's own for names of databases and tables, as far as YAML can say otherwise.
    r"^[^\x00-\x08\x0a-\x1f]*$",
    shortest=1,
    longest=255,
)
_NAME: Final = text(shortest=1, longest=200, check=_printable)
"""Of a target, a profile or an owner: it becomes a label value or stands in log lines."""
_ENDPOINT: Final = text(pattern="^https?://", shortest=1, longest=2048, check=_endpoint)


@dataclass(frozen=True, kw_only=True)
class _Section(Section):
    @classmethod
    def unknown_key(cls, name: str) -> str:
        if _SECRET.search(re.sub(r"[^a-z]", "", name.partition(":")[0].lower())):
            return _CREDENTIALS
        return super().unknown_key(name)


@dataclass(frozen=True, kw_only=True)
class AssumeRole(_Section):
    """A role to assume before calling Glue, with the target's profile or the SDK's own credentials."""

    hint: ClassVar[str] = 'a mapping such as {role_arn: "arn:aws:iam::123456789012:role/glue-read"}'

    role_arn: str = key(
        _ROLE_ARN,
        "The role's ARN; {account_id} in it stands for the account of the target's catalog_id.",
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

    database: str = key(_NAME_OR_GLOB, "The database.", required=True)
    table: str = key(_NAME_OR_GLOB, "The materialized view.", required=True)


@dataclass(frozen=True, kw_only=True)
class WatchedView(ViewName):
    """A view to watch, or many."""

    expected_interval: float | None = key(
        duration("1s", "366d"),
        "How often it is refreshed, for views refreshed from outside; overrides the view's own schedule.",
    )
    owner: str | None = key(
        _NAME,
        "Who is told when such a view is in trouble, a label of its metrics; default: the target's owner.",
    )


@dataclass(frozen=True)
class _View:
    """A view, as a mapping or in short: ``database.table``."""

    section: type[ViewName]

    def read(self, value: object, at: Location, document: Document) -> ViewPattern | None:
        parts = value if isinstance(value, dict) else _split(value)
        view = self.section.read(parts, at, document)
        return ViewPattern(**{name: getattr(view, name) for name in view.known()}) if view else None

    def json_schema(self, definitions: dict[str, JsonSchema]) -> JsonSchema:
        short = {
            "description": "database.table, globs allowed",
            "pattern": r"^[^.]+\.[^.]+$",
            "type": "string",
        }
        return {"anyOf": [short, self.section.json_schema(definitions)]}


def _split(value: object) -> dict[str, str]:
    written = as_text(value)
    database, dot, table = written.partition(".")
    if not written:
        raise ValueError('is empty: write "database.table"')
    if not dot:
        wrong = 'no dot: write "database.table"'
    elif "." in table:
        wrong = 'more than one dot: for names that hold one write {database: "odd.name", table: "x"}'
    elif not database or not table:
        wrong = "nothing on one side of the dot: write * there for all"
    else:
        return {"database": database, "table": table}
    raise ValueError(f"not a valid view: {quoted(written)} has {wrong}")


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

    aws_region: str | None = key(REGION, "The region; default: the AWS SDK's own.")
    aws_regions: Sequence[str | None] = key(
        ListOf(REGION, may_be_empty=False), "Several regions: one target for each."
    )
    catalog_id: str | None = key(
        CATALOG_ID,
        "The Data Catalog, in quotes; default: the account of the credentials. Required with endpoint_url.",
    )
    catalog_ids: Sequence[str | None] = key(
        ListOf(CATALOG_ID, may_be_empty=False), "Several catalogs: one target for each."
    )
    exclude_views: Sequence[ViewPattern | None] = key(
        ListOf(_View(ViewName)), "What the patterns in views match and is not to be watched.", default=()
    )
    owner: str | None = key(_NAME, "Who is told when a view is in trouble: a label of the views' metrics.")
    source_tables: bool = key(
        BOOLEAN, "Read the views' source tables, to know whether a refresh is due.", default=True
    )
    profile: str | None = key(
        _NAME, "A profile of the AWS SDK's configuration; with assume_role, the credentials that assume it."
    )
    assume_role: AssumeRole | None = key(AssumeRole, "A role to assume before calling Glue.")
    endpoint_url: str | None = key(_ENDPOINT, "Another Glue endpoint: a VPC endpoint, an emulator.")
    max_requests_per_second: float = key(
        number(0.01, 1000),  # below one in a hundred seconds no poll would ever end
        "Never more HTTP requests to Glue than this, retries included; targets with the same credentials, "
        "region and endpoint share the lowest of theirs.",
        default=5.0,
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
        _NAME, "Unique; default: `<aws_region>/<catalog_id>` as far as they are written, else `default`."
    )
    runs: Sequence[str | None] = key(ListOf(RUN_ID), "IDs of refresh task runs to watch.", default=())
    views: Sequence[ViewPattern | None] = key(
        ListOf(_View(WatchedView)), "Materialized views to watch; their runs are found.", default=()
    )


@dataclass(frozen=True, kw_only=True)
class Configuration(_Section):
    """The configuration of glue-mv-exporter."""

    hint: ClassVar[str] = "a mapping with the key targets"

    poll_interval: float = key(
        duration("5s", "1h"),
        "How often runs that have not ended are fetched and new runs are looked for: 5s to 1h.",
        default="30s",
    )
    settle_period: float = key(
        duration("0s", "1h"),
        "An ended run is still read again this long after its end: 0s to 1h.",
        default="10m",
    )
    resync_interval: float = key(
        duration("5s", "24h"),
        "How often listings are read to the last page: up to 24h, and not more often than poll_interval.",
        default="15m",
    )
    runs_per_view: int = key(
        number(0, 1000, whole=True),
        "The newest runs of each watched view that get series of their own; 0: none.",
        default=1,
    )
    defaults: Defaults = key(
        Defaults,
        "Any key of a target except name, runs and views; a target overrides it.",
        default=Defaults(),
    )
    targets: Sequence[TargetEntry | None] = key(
        ListOf(TargetEntry, may_be_empty=False), "What to watch, and where.", required=True
    )


def json_schema() -> JsonSchema:
    """Return the JSON Schema of the file, in the dialect of draft 2020-12."""
    definitions: dict[str, JsonSchema] = {}
    Configuration.json_schema(definitions)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "glue-mv-exporter configuration",
        **definitions.pop("Configuration"),
        "$defs": dict(sorted(definitions.items())),
    }
