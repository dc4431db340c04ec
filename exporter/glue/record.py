"""Turns the records of Glue's answers into frozen values, and refuses those that cannot be read.

The records are JSON as it came over the wire (``timestamp`` members are Unix seconds), not botocore's
parse of it: that loses a whole page for one bad time and lets ``"many"`` pass for a number. It is also
slower: 1,000 runs take botocore about 60 ms, :mod:`json` and this module about 10.
"""

import sys
from collections.abc import Mapping

from exporter.model.run import Run
from exporter.model.view import View

YEAR_10000 = 253_402_300_800.0
"""Unix time of the first moment that no calendar library of ours can show."""
MAX_LONG = 2**63 - 1

Record = Mapping[str, object]
"""A JSON object."""

_JSON_NAMES = {dict: "an object", list: "a list", str: "a string", bool: "true or false"}


class MalformedRecordError(ValueError):
    """A member has the wrong type, or a number is not finite or out of range. Says which, in one line."""


def parse_run(record: object, *, requested_id: str | None = None) -> Run:
    """Read one ``MaterializedViewRefreshTaskRun``; an absent member, like null, is None.

    ``requested_id`` is the run ID that was asked for: the value takes its spelling, and a record of
    another run is refused. Without it the record must name its run.
    """
    fields = _object(record, "the run")
    return Run(
        run_id=_run_id(fields, requested_id),
        database=text(fields, "DatabaseName"),
        table=text(fields, "TableName"),
        status=text(fields, "Status"),
        refresh_type=text(fields, "RefreshType"),
        role=text(fields, "Role"),
        customer_id=text(fields, "CustomerId"),
        error_message=text(fields, "ErrorMessage"),
        creation_time=_time(fields, "CreationTime"),
        start_time=_time(fields, "StartTime"),
        end_time=_time(fields, "EndTime"),
        last_updated=_time(fields, "LastUpdated"),
        dpu_seconds=_amount(fields, "DPUSeconds"),
        processed_bytes=_long(fields, "ProcessedBytes"),
    )


def parse_view(record: object, *, database: str) -> View | None:
    """Read one ``Table`` of the database; None for a table that is no materialized view."""
    fields = _object(record, "the table")
    if not _flag(fields, "IsMaterializedView"):
        return None
    definition = fields.get("ViewDefinition")
    schedule = None if definition is None else _long(_object(definition, "ViewDefinition"), "RefreshSeconds")
    return View(
        database=database,
        table=_name(fields),
        creation_time=_time(fields, "CreateTime"),
        # A view cannot be refreshed every 0 seconds: such a schedule is none.
        refresh_seconds=float(schedule) if schedule else None,
    )


def parse_database(record: object) -> str:
    """Read the name of one ``Database``."""
    return _name(_object(record, "the database"))


def text(fields: Record, member: str) -> str | None:
    """Read a string that can be written as UTF-8; None where it is absent."""
    value = fields.get(member)
    if value is None:
        return None
    if not isinstance(value, str):
        raise _wrong(member, "a string", value)
    return value if value.isascii() else _encodable(value)


def identifier(record: object, member: str) -> str | None:
    """Return the named string of a record that may be anything: to say which record is malformed."""
    value = record.get(member) if isinstance(record, Mapping) else None
    return _encodable(value) if isinstance(value, str) and value else None


def _run_id(fields: Record, requested: str | None) -> str:
    reported = text(fields, "MaterializedViewRefreshTaskRunId")
    if requested is None:
        if not reported:
            raise MalformedRecordError("MaterializedViewRefreshTaskRunId is missing")
        return reported
    # Run IDs are hexadecimal: Glue may answer in another case than it was asked in.
    if reported is not None and reported.lower() != requested.lower():
        raise MalformedRecordError("MaterializedViewRefreshTaskRunId is that of another run")
    return requested


def _name(fields: Record) -> str:
    name = text(fields, "Name")
    if not name:
        raise MalformedRecordError("Name is missing")
    return name


def _time(fields: Record, member: str) -> float | None:
    """Read a Unix time in seconds, within the years 1970 to 9999."""
    value = fields.get(member)
    if value is None:
        return None
    if type(value) is not float and type(value) is not int:
        raise _wrong(member, "a time in seconds", value)
    if not 0 <= value < YEAR_10000:  # false for NaN as well
        raise MalformedRecordError(f"{member} is no time of the years 1970 to 9999")
    return float(value) + 0.0  # makes -0.0 a 0.0


def _amount(fields: Record, member: str) -> float | None:
    """Read a finite number from 0 on."""
    value = fields.get(member)
    if value is None:
        return None
    if type(value) is not float and type(value) is not int:
        raise _wrong(member, "a number", value)
    if not 0 <= value <= sys.float_info.max:
        raise MalformedRecordError(f"{member} is no finite number from 0 on")
    return float(value) + 0.0  # makes -0.0 a 0.0


def _long(fields: Record, member: str) -> int | None:
    """Read a whole number from 0 on that fits Glue's ``long``."""
    value = fields.get(member)
    if value is None:
        return None
    # Some JSON writers have floats alone, and write 12 as 12.0.
    if type(value) is not int and not (type(value) is float and value.is_integer()):
        raise _wrong(member, "a whole number", value)
    if not 0 <= value <= MAX_LONG:
        raise MalformedRecordError(f"{member} is no whole number from 0 to 2^63 - 1")
    return int(value)


def _flag(fields: Record, member: str) -> bool:
    value = fields.get(member)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise _wrong(member, "true or false", value)
    return value


def _object(value: object, what: str) -> Record:
    if not isinstance(value, Mapping):
        raise _wrong(what, "an object", value)
    return value


def _wrong(what: str, expected: str, value: object) -> MalformedRecordError:
    # The value itself is not shown: it may be of any size.
    found = "missing" if value is None else f"{_JSON_NAMES.get(type(value), 'a number')}, not {expected}"
    return MalformedRecordError(f"{what} is {found}")


def _encodable(value: str) -> str:
    """Replace lone surrogates, which JSON can write as an escape and UTF-8 cannot write at all."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return value
