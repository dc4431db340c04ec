"""Why a refresh failed: one table from Glue's error messages to causes.

A message is free text of Glue's, Spark's, Iceberg's or Lake Formation's; its wording is not documented. The
first row that fits decides, so the narrower ones come first.
"""

import re
from enum import StrEnum
from typing import Final


class Cause(StrEnum):
    """The values of the label ``cause``."""

    ACCESS_DENIED = "access_denied"
    """The view's role may not read a source, or not write the view."""
    SOURCE_MISSING = "source_missing"
    """A source table, its database or its files are gone."""
    INVALID_QUERY = "invalid_query"
    """The view's SQL does not fit its sources, or not Spark."""
    TOO_MANY_RUNS = "too_many_runs"
    """A quota or a rate of the account is used up."""
    TIMEOUT = "timeout"
    INTERNAL = "internal"
    """Glue's or Spark's own trouble."""
    OTHER = "other"
    """No row of the table fits, or there is no message."""


_ROWS: Final = (
    (
        Cause.ACCESS_DENIED,
        "access ?denied|not authorized|unauthorized|insufficient (lake formation )?permission",
        "permission denied|lacks? permission|forbidden|status code: 403",
        "unable to assume|cannot be assumed|lost access",
    ),
    # Before the limits of the account: a worker's memory has its limits, too.
    (Cause.INTERNAL, "out ?of ?memory|memory limit|no space left"),
    (
        Cause.TOO_MANY_RUNS,
        r"concurrent ?runs? ?exceeded|too ?many|limit ?exceeded|exceed(s|ed) .{0,60}\b(limit|quota)",
        "throttl|rate exceeded|slow ?down",
    ),
    (
        Cause.INVALID_QUERY,
        "parse_syntax_error|parseexception|syntax error|mismatched input",
        "unresolved_(column|routine)|cannot resolve|datatype_mismatch",
        "column .{0,200}(does not exist|not found|cannot be resolved)",
        "unqualified|fully qualified|not supported|unsupported",
    ),
    (
        Cause.SOURCE_MISSING,
        "(table_or_view|schema)_not_found|entitynotfound|filenotfound|nosuch(table|namespace|bucket|key)",
        r"(table|view|database|schema|namespace|file|bucket|key|path)\b.{0,300}(does not exist|not found)",
    ),
    (Cause.INVALID_QUERY, "analysisexception"),
    (Cause.TIMEOUT, "timed? ?out|deadline exceeded"),
    (
        Cause.INTERNAL,
        "internal ?(service ?)?(error|failure|exception|server)|service ?unavailable|please (re)?try again",
        "executor ?lost|lost executor|job aborted|stage failure|commitfailed",
    ),
)
_TABLE: Final = [(cause, re.compile("|".join(row), re.IGNORECASE | re.DOTALL)) for cause, *row in _ROWS]


def cause_of(message: str | None) -> Cause:
    """Return why a run failed, by its error message."""
    return next((cause for cause, pattern in _TABLE if pattern.search(message or "")), Cause.OTHER)
