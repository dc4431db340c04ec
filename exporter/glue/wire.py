"""Reads the bodies of Glue's answers, before botocore does.

botocore turns a cut answer, or an HTML page with status 200, into ``{}`` without an error, and raises
whatever Python raises for values of odd types. Here such an answer is a :class:`MalformedAnswerError`.
"""

import json
from collections.abc import Mapping
from typing import Final

from exporter.giving_way import TRAFFIC
from exporter.glue.record import MalformedRecordError, text

LIST_RUNS: Final = "ListMaterializedViewRefreshTaskRuns"
GET_RUN: Final = "GetMaterializedViewRefreshTaskRun"
GET_TABLES: Final = "GetTables"
GET_TABLE: Final = "GetTable"
GET_DATABASES: Final = "GetDatabases"

MAIN_MEMBERS: Final[Mapping[str, tuple[str, type]]] = {
    GET_RUN: ("MaterializedViewRefreshTaskRun", dict),
    LIST_RUNS: ("MaterializedViewRefreshTaskRuns", list),
    GET_TABLES: ("TableList", list),
    GET_TABLE: ("Table", dict),
    GET_DATABASES: ("DatabaseList", list),
}
"""What each operation's answer cannot be without, and its JSON type."""


class MalformedAnswerError(ValueError):
    """The body is no answer of the operation. Says why, in one line."""


def read_answer(operation: str, body: bytes) -> Mapping[str, object]:
    """Return the JSON object of a successful answer, with its main member present and of its type."""
    answer = _decode(body)
    if not isinstance(answer, dict):
        raise MalformedAnswerError("the answer is no JSON object")
    member, json_type = MAIN_MEMBERS[operation]
    value = answer.get(member)
    if value is None:
        raise MalformedAnswerError(f"the answer lacks {member}")
    if not isinstance(value, json_type):
        raise MalformedAnswerError(f"{member} is no JSON {'list' if json_type is list else 'object'}")
    return answer


def next_token(answer: Mapping[str, object]) -> str | None:
    """Return the token of the following page; None on the last one."""
    try:
        return text(answer, "NextToken") or None
    except MalformedRecordError as error:
        raise MalformedAnswerError(str(error)) from error


def readable_error_body(body: bytes) -> bytes:
    """Return the body of an error answer as botocore can parse it, else an empty object.

    botocore then takes the error's code from the HTTP status, instead of raising AttributeError and
    giving up the retry that a 503 deserves.
    """
    try:
        error = json.loads(body)
    except (ValueError, RecursionError):
        return b"{}"  # an HTML page of a proxy, say, which is no message for people
    if not isinstance(error, dict):
        return b"{}"
    members = ("__type", "message", "Message")
    return json.dumps({name: error[name] for name in members if isinstance(error.get(name), str)}).encode()


def _decode(body: bytes) -> object:
    if not body:
        raise MalformedAnswerError("the answer is empty")
    try:
        document = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedAnswerError("the answer is not UTF-8") from error
    TRAFFIC.give_way()
    try:
        return _loads(document)
    except RecursionError as error:
        raise MalformedAnswerError("the answer is nested too deeply") from error
    except ValueError as error:
        raise MalformedAnswerError("the answer is no JSON, or was cut short") from error


def _loads(document: str) -> object:
    try:
        return json.loads(document)
    except json.JSONDecodeError:
        raise
    except ValueError:
        # Python refuses integers of more than 4,300 digits. As a float such a number is infinite, so
        # that only the record that holds it fails.
        return json.loads(document, parse_int=float)
