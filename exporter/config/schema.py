"""The definition of the configuration file: it validates, and the JSON Schema is made of it.

What one value alone cannot tell is in :mod:`exporter.config.checks`.
"""

import re
from functools import partial
from typing import Any, Final

from exporter.config.kinds import (
    BOOLEAN,
    JsonSchema,
    Key,
    Kind,
    as_text,
    duration,
    list_of,
    number,
    quoted,
    section,
    text,
)
from exporter.config.yaml_lines import Document, Location
from exporter.model.settings import AssumeRole, ViewPattern, check_http_url

RUN_ID_PATTERN: Final = "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"
"""The API's own for MaterializedViewRefreshTaskRunId."""
ACCOUNT_ID: Final = "{account_id}"
"""In a role ARN: the account of the target's catalog."""

_CREDENTIALS: Final = (
    "credentials do not belong in this file: the AWS SDK takes them from the environment "
    "(AWS_ACCESS_KEY_ID …), from ~/.aws/credentials (name the profile with profile), or from a role "
    "(of the pod, task or instance, or assume_role)"
)
_SECRET: Final = re.compile(r"accesskey|secret|password|passwd|passphrase|token|credential|apikey|privatekey")


def _printable(name: str) -> None:
    if not name.isprintable():
        raise ValueError("must hold printable characters only")


def _role_name_fits(arn: str) -> None:
    if re.search("[^/]{65}$", arn.replace(ACCOUNT_ID, "0" * 12)):
        raise ValueError(f"the role's name is too long: at most 64 characters, and {ACCOUNT_ID} counts as 12")


RUN_ID: Final = text(
    "not a valid run ID: {}; write one such as 0f8fad5b-d9cb-469f-a165-70867728950e", RUN_ID_PATTERN
)
REGION: Final = text(
    "not a valid AWS region: {}; write one such as eu-west-1", "^[a-z]{2,}(-[a-z]+)+-[0-9]{1,2}$", longest=32
)
CATALOG_ID: Final = text(
    'not a valid catalog ID: write the 12 digits of an account, "123456789012", '
    'or a catalog in it, "123456789012:s3tablescatalog/bucket"',
    "^[0-9]{12}(:[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*)?$",
    longest=255,
)
_ROLE_ARN: Final = text(
    "not a valid role ARN: write one such as arn:aws:iam::123456789012:role/glue-read",
    r"^arn:aws[a-z0-9-]*:iam::([0-9]{12}|\{account_id\}):role/"
    r"(([!-z|~]|\{account_id\})+/)?([A-Za-z0-9_+=,.@-]|\{account_id\}){1,64}$",
    longest=2048,
    check=_role_name_fits,
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
_ENDPOINT: Final = text(
    pattern="^https?://",
    shortest=1,
    longest=2048,
    check=partial(check_http_url, example="http://127.0.0.1:5000"),
)


def _explain(name: str) -> str | None:
    """Return what to do about an unknown key that may hold a secret."""
    is_secret = _SECRET.search(re.sub(r"[^a-z]", "", name.partition(":")[0].lower()))
    return _CREDENTIALS if is_secret else None


_section: Final = partial(section, explain=_explain)

_ASSUME_ROLE: Final = _section(
    {
        "role_arn": Key(
            _ROLE_ARN,
            "The role's ARN; {account_id} in it stands for the account of the target's catalog_id.",
            required=True,
        ),
        "external_id": Key(
            _EXTERNAL_ID, "The external ID that the role's trust policy asks for, if it does."
        ),
        "session_name": Key(
            _SESSION_NAME, "What CloudTrail shows as the session.", default="glue-mv-exporter"
        ),
    },
    make=AssumeRole,
    description="A role to assume before calling Glue, with the target's profile or the SDK's credentials.",
    hint='a mapping such as {role_arn: "arn:aws:iam::123456789012:role/glue-read"}',
)


def _view(keys: dict[str, Key], description: str) -> Kind:
    """Return the kind of a view, as a mapping or in short: ``database.table``."""
    whole = _section(keys, make=ViewPattern, description=description)

    def parse(value: object, at: Location, document: Document) -> Any:
        return whole.parse(value if isinstance(value, dict) else _split(value), at, document)

    short = {"description": "database.table, globs allowed", "pattern": r"^[^.]+\.[^.]+$", "type": "string"}
    return Kind(parse, {"anyOf": [short, whole.schema]})


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


_VIEW_NAME: Final = {
    "database": Key(_NAME_OR_GLOB, "The database.", required=True),
    "table": Key(_NAME_OR_GLOB, "The materialized view.", required=True),
}
_EXCLUDED_VIEW: Final = _view(
    _VIEW_NAME, "A database and a table, each a name or a glob (`*`, `?`, `[abc]`, `[!abc]`)."
)
_WATCHED_VIEW: Final = _view(
    {
        **_VIEW_NAME,
        "expected_interval": Key(
            duration("1s", "366d"),
            "How often it is refreshed, for views refreshed from outside; overrides the view's own schedule.",
        ),
        "owner": Key(
            _NAME,
            "Who is told when such a view is in trouble: a label of its metrics; default: the target's own.",
        ),
    },
    "A view to watch, or many.",
)

_ONE_OF_EACH_PAIR: Final[JsonSchema] = {
    "allOf": [
        {"not": {"required": ["aws_region", "aws_regions"]}},
        {"not": {"required": ["catalog_id", "catalog_ids"]}},
    ]
}
_SHARED_KEYS: Final = {
    "aws_region": Key(REGION, "The region; default: the AWS SDK's own."),
    "aws_regions": Key(list_of(REGION, may_be_empty=False), "Several regions: one target for each."),
    "catalog_id": Key(
        CATALOG_ID,
        "The Data Catalog, in quotes; default: the account of the credentials. Required with endpoint_url.",
    ),
    "catalog_ids": Key(list_of(CATALOG_ID, may_be_empty=False), "Several catalogs: one target for each."),
    "exclude_views": Key(
        list_of(_EXCLUDED_VIEW), "What the patterns in views match and is not to be watched.", default=[]
    ),
    "owner": Key(_NAME, "Who is told when a view is in trouble: a label of the views' metrics."),
    "source_tables": Key(
        BOOLEAN, "Read the views' source tables, to know whether a refresh is due.", default=True
    ),
    "profile": Key(
        _NAME, "A profile of the AWS SDK's configuration; with assume_role, the credentials that assume it."
    ),
    "assume_role": Key(_ASSUME_ROLE, "A role to assume before calling Glue."),
    "endpoint_url": Key(_ENDPOINT, "Another Glue endpoint: a VPC endpoint, an emulator."),
    "max_requests_per_second": Key(
        number(0.01, 1000),  # below one in a hundred seconds no poll would ever end
        "Never more HTTP requests to Glue than this, retries included; targets with the same credentials, "
        "region and endpoint share the lowest of theirs.",
        default=5.0,
    ),
}
TARGET_KEYS: Final = {
    **_SHARED_KEYS,
    "name": Key(
        _NAME, "Unique; default: `<aws_region>/<catalog_id>` as far as they are written, else `default`."
    ),
    "runs": Key(list_of(RUN_ID), "IDs of refresh task runs to watch.", default=[]),
    "views": Key(list_of(_WATCHED_VIEW), "Materialized views to watch; their runs are found.", default=[]),
}
_DEFAULTS: Final = _section(
    _SHARED_KEYS, description="What every target has unless it says otherwise.", **_ONE_OF_EACH_PAIR
)
_TARGET: Final = _section(
    TARGET_KEYS,
    description="One catalog in one region (or, with aws_regions and catalog_ids, several), and what to watch"
    " there.",
    **_ONE_OF_EACH_PAIR,
    anyOf=[
        {"properties": {"runs": {"minItems": 1}}, "required": ["runs"]},
        {"properties": {"views": {"minItems": 1}}, "required": ["views"]},
    ],
)
CONFIGURATION: Final = _section(
    {
        "poll_interval": Key(
            duration("5s", "1h"),
            "How often runs that have not ended are fetched and new runs are looked for: 5s to 1h.",
            default="30s",
        ),
        "settle_period": Key(
            duration("0s", "1h"),
            "An ended run is still read again this long after its end: 0s to 1h.",
            default="10m",
        ),
        "resync_interval": Key(
            duration("5s", "24h"),
            "How often listings are read to the last page: up to 24h, and not more often than poll_interval.",
            default="15m",
        ),
        "runs_per_view": Key(
            number(0, 1000, whole=True),
            "The newest runs of each watched view that get series of their own; 0: none.",
            default=1,
        ),
        "defaults": Key(
            _DEFAULTS, "Any key of a target except name, runs and views; a target overrides it.", default={}
        ),
        "targets": Key(list_of(_TARGET, may_be_empty=False), "What to watch, and where.", required=True),
    },
    description="The configuration of glue-mv-exporter.",
    hint="a mapping with the key targets",
)


def json_schema() -> JsonSchema:
    """Return the JSON Schema of the file, in the dialect of draft 2020-12."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "glue-mv-exporter configuration",
        **CONFIGURATION.schema,
    }
