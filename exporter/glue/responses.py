"""Reads the bodies of Glue's answers into frozen values, and refuses what cannot be read.

It reads them before botocore does: botocore turns a cut answer, or an HTML page with status 200, into
``{}`` without an error, loses a whole page for one bad time, and lets ``"many"`` pass for a number.

A body that is not an answer of its operation fails as a whole; what is wrong within a record of a listing
fails that record alone.
"""

import json
import re
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, TypeVar

from exporter.model.run import Malformed, Page, Run, run_key
from exporter.model.view import SourceTable, View

T = TypeVar("T")

MAIN_MEMBERS: Final[Mapping[str, tuple[str, type]]] = {
    "GetMaterializedViewRefreshTaskRun": ("MaterializedViewRefreshTaskRun", dict),
    "ListMaterializedViewRefreshTaskRuns": ("MaterializedViewRefreshTaskRuns", list),
    "GetTables": ("TableList", list),
    "GetTable": ("Table", dict),
    "GetDatabases": ("DatabaseList", list),
}
"""The member that each operation's answer must have, and its JSON type."""

DEEPEST: Final = 50
"""Levels of nesting that are kept where an answer has too many; the members that are read have four."""
MAX_LONG: Final = 2**63 - 1

Record = Mapping[str, object]

_ICEBERG: Final = "ICEBERG"
_RUN_ID: Final = "MaterializedViewRefreshTaskRunId"

_TIME: Final = ("a time in seconds, of the years 1970 to 9999", 253_402_300_799.999)
_AMOUNT: Final = ("a finite number of at least 0", sys.float_info.max)
_NAMES: Final[Mapping[type, str]] = {
    int: "a number",
    float: "a number",
    str: "a string",
    bool: "true or false",
    dict: "an object",
    list: "a list",
}

_STRUCTURE: Final = re.compile(r'\\+"?|["\[\]{}]')
"""Quotes, also escaped ones, and brackets, some of which stand in strings."""
_LONGEST_INTEGER: Final = 400
"""Digits. Longer ones are infinite as a float, and Python refuses integers of more than 4,300."""


class MalformedError(ValueError):
    """An answer, or a member of it, is not what it must be: says in one line which, and why."""


class Answer(NamedTuple):
    """A successful answer, whose records have not been read yet."""

    main: Any
    """The operation's main member, of the right JSON type."""
    next_token: str | None = None
    """Leads to the following page; None on the last one."""


def read_answer(operation: str, body: bytes) -> Answer:
    """Read the body of a successful answer. Raises MalformedError, like all that follow."""
    answer = _decode(body)
    if not isinstance(answer, dict):
        raise MalformedError("the answer is not a JSON object")
    member, json_type = MAIN_MEMBERS[operation]
    main = _member(answer, member, json_type)
    if main is None:
        raise MalformedError(f"the answer lacks {member}")
    return Answer(main, _text(answer, "NextToken") or None)


def readable_error_body(body: bytes) -> bytes:
    """Return what botocore can parse of an error answer's body, which may be a proxy's HTML page.

    For an empty object it takes the error's code from the HTTP status, instead of raising AttributeError and
    giving up the retry that a 503 deserves.
    """
    try:
        error = dict(json.loads(body))
    except (ValueError, TypeError, RecursionError):
        error = {}
    return json.dumps({name: text for name, text in error.items() if isinstance(text, str)}).encode()


def parse_runs(answer: Answer) -> Page[Run]:
    """Read one page of ListMaterializedViewRefreshTaskRuns."""
    return _page(answer, parse_run, _RUN_ID)


def parse_tables(answer: Answer, *, database: str) -> Page[View | SourceTable]:
    """Read one page of GetTables."""
    return _page(answer, lambda record: parse_table(record, database), "Name")


def parse_databases(answer: Answer) -> Page[str]:
    """Read one page of GetDatabases."""
    return _page(answer, lambda record: _identifier(_object(record, "the database"), "Name"), "Name")


def parse_run(record: object, *, requested_id: str | None = None) -> Run:
    """Read one ``MaterializedViewRefreshTaskRun``; an absent member, like null, is None.

    A record without a run ID takes the requested one; that of another run is refused.
    """
    fields = _object(record, "the run")
    run_id = _identifier(fields, _RUN_ID, requested_id)
    if requested_id is not None and run_key(run_id) != run_key(requested_id):
        raise MalformedError(f"{_RUN_ID} is that of another run")
    return Run(
        run_id=run_id,
        database=_text(fields, "DatabaseName"),
        table=_text(fields, "TableName"),
        status=_text(fields, "Status"),
        refresh_type=_text(fields, "RefreshType"),
        role=_text(fields, "Role"),
        customer_id=_text(fields, "CustomerId"),
        error_message=_text(fields, "ErrorMessage", for_people=True),
        creation_time=_number(fields, "CreationTime", *_TIME),
        start_time=_number(fields, "StartTime", *_TIME),
        end_time=_number(fields, "EndTime", *_TIME),
        last_updated=_number(fields, "LastUpdated", *_TIME),
        dpu_seconds=_number(fields, "DPUSeconds", *_AMOUNT),
        processed_bytes=_long(fields, "ProcessedBytes"),
    )


def parse_table(record: object, database: str) -> View | SourceTable:
    """Read one ``Table`` of the database. If it is not a view, what cannot be read is left out."""
    fields = _object(record, "the table")
    if _member(fields, "IsMaterializedView", bool):
        return _view(fields, database)
    parameters = _readable(_member, fields, "Parameters", dict) or {}
    table_type = _readable(_text, parameters, "table_type") or ""
    metadata = _readable(_member, fields, "IcebergTableMetadata", dict)
    # A resource link's times are its own, not those of the table that it leads to.
    is_link = fields.get("TargetTable") is not None
    return SourceTable(
        table=_readable(_text, fields, "Name") or "",
        update_time=None if is_link else _readable(_number, fields, "UpdateTime", *_TIME),
        iceberg=table_type.upper() == _ICEBERG or metadata is not None,
    )


def _view(fields: Record, database: str) -> View:
    definition = _member(fields, "ViewDefinition", dict) or {}
    schedule = _long(definition, "RefreshSeconds")
    source_versions = _readable(_each, definition, "SubObjectVersionIds", _snapshot_id)
    sources = _readable(_each, definition, "SubObjects", _text)
    return View(
        database=database,
        table=_identifier(fields, "Name"),
        creation_time=_number(fields, "CreateTime", *_TIME),
        # A view cannot be refreshed every 0 seconds: such a schedule is none.
        refresh_seconds=float(schedule) if schedule else None,
        update_time=_readable(_number, fields, "UpdateTime", *_TIME),
        owner=_readable(_text, fields, "Owner") or None,
        managed=_readable(_member, definition, "IsManaged", bool),
        version_id=_readable(_snapshot_id, definition, "ViewVersionId"),
        source_version_ids=tuple(sorted(source_versions)) if source_versions else None,
        sources=tuple(dict.fromkeys(sources)) if sources else None,
        iceberg_sources=_all_iceberg(definition, len(sources or ())),
    )


def _all_iceberg(definition: Record, sources: int) -> bool:
    """Return whether the statistics are about this number of sources, and all are Iceberg tables."""
    statistics = _readable(_member, definition, "SubObjectsStatistics", list) or []
    types = [entry.get("SourceType") if isinstance(entry, dict) else None for entry in statistics]
    return bool(types) and types == [_ICEBERG] * sources


def _page(answer: Answer, parse: Callable[[object], T], identifier: str) -> Page[T]:
    """Parse each record; a malformed one is known by what identifies it."""
    values: list[T] = []
    malformed: list[Malformed] = []
    for record in answer.main:
        try:
            values.append(parse(record))
        except MalformedError as error:
            name = record.get(identifier) if isinstance(record, dict) else None
            known = _encodable(name) if isinstance(name, str) and name else None
            malformed.append(Malformed(known, str(error)))
    return Page(tuple(values), tuple(malformed), answer.next_token)


def _decode(body: bytes) -> object:
    document = body.decode("utf-8", "replace")
    try:
        try:
            return json.loads(document, parse_int=_integer)
        except RecursionError:
            return json.loads(_shallow(document), parse_int=_integer)
    except ValueError:
        raise MalformedError(
            "the answer is not JSON, or was cut short" if body else "the answer is empty"
        ) from None


def _integer(digits: str) -> float:
    return int(digits) if len(digits) < _LONGEST_INTEGER else float(digits)


def _shallow(document: str) -> str:
    """Return the JSON text with null in place of every list and object below DEEPEST levels.

    A regular expression that matches whole strings would take gigabytes for the largest answer.
    """
    kept: list[str] = []
    start = depth = 0
    in_string = False
    for match in _STRUCTURE.finditer(document):
        mark = match.group()
        if mark[-1] == '"':
            if len(mark) % 2:  # not escaped: an even number of backslashes before it
                in_string = not in_string
        elif in_string:
            continue
        elif mark in "[{":
            depth += 1
            if depth == DEEPEST + 1:
                kept += (document[start : match.start()], "null")
                start = len(document)
        elif mark in "]}":
            if depth == DEEPEST + 1:
                start = match.end()
            depth -= 1
    return "".join((*kept, document[start:]))


def _object(record: object, what: str) -> Record:
    fields: Record | None = _member({what: record}, what, dict)
    if fields is None:
        raise MalformedError(f"{what} is missing")
    return fields


def _member(fields: Record, name: str, *types: type) -> Any:
    """Return the member's value, of one of the types; None where it is absent or null."""
    value = fields.get(name)
    if value is None or type(value) in types:  # isinstance would take true for a number
        return value
    # The value itself is not shown: it may be of any size.
    raise MalformedError(f"{name} is {_NAMES[type(value)]}, not {_NAMES[types[0]]}")


def _readable(read: Callable[..., T | None], *arguments: object) -> T | None:
    """Return what is read of a member that only freshness needs; None where it is malformed."""
    try:
        return read(*arguments)
    except MalformedError:
        return None


def _each(fields: Record, name: str, read: Callable[[Record, str], T | None]) -> list[T] | None:
    """Read a list; None where it is absent. One member that is null or malformed makes all of it so."""
    values = _member(fields, name, list)
    if values is None:
        return None
    read_values = [read({name: value}, name) for value in values]
    if None in read_values:
        raise MalformedError(f"{name} holds null")
    return [value for value in read_values if value is not None]


def _text(fields: Record, name: str, *, for_people: bool = False) -> str | None:
    """Read a string. Bytes are replaced only in one ``for_people``, or two names might become one."""
    text: str | None = _member(fields, name, str)
    if text is None:
        return None
    if "\N{REPLACEMENT CHARACTER}" in text and not for_people:
        raise MalformedError(f"{name} is not UTF-8")
    # Names, roles and statuses are the same in many records: each is kept once.
    return sys.intern(text if text.isascii() else _encodable(text))


def _encodable(text: str) -> str:
    """Replace lone surrogates, which JSON can write as an escape and UTF-8 cannot write at all."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _identifier(fields: Record, name: str, default: str | None = None) -> str:
    text = _text(fields, name) or default
    if not text:
        raise MalformedError(f"{name} is missing")
    return text


def _number(fields: Record, name: str, meaning: str, most: float) -> float | None:
    """Read a number from 0 to ``most``: see _TIME and _AMOUNT."""
    value: float | None = _member(fields, name, int, float)
    if value is None:
        return None
    if not 0 <= value <= most:  # false for NaN as well
        raise MalformedError(f"{name} is not {meaning}")
    return float(value) + 0.0  # makes -0.0 a 0.0


def _snapshot_id(fields: Record, name: str) -> str | None:
    """Read the ID of an Iceberg snapshot; -1 stands for a table that has none yet."""
    number = _long(fields, name, least=-1)
    return None if number is None else str(number)


def _long(fields: Record, name: str, *, least: int = 0) -> int | None:
    """Read a whole number of at least ``least`` that fits Glue's ``long``."""
    value: float | None = _member(fields, name, int, float)
    if value is None:
        return None
    # Some JSON writers have floats alone, and write 12 as 12.0.
    if not least <= value <= MAX_LONG or value != int(value):
        raise MalformedError(f"{name} is not a whole number from {least} to 2^63 - 1")
    return int(value)
