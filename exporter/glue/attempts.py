"""Follows every HTTP attempt that botocore makes for a call, its retries and those at STS included.

A client is shared among targets, and its event hooks do not say for whom they run. So the call in hand
is kept in a context variable: hooks run in the thread of their call.
"""

from collections.abc import Callable, Mapping
from contextvars import ContextVar, Token
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Final, Self

from exporter.clock import Clock
from exporter.errors import GlueError, PollInterrupted, Reason
from exporter.glue import failures, wire
from exporter.store.requests import OPERATIONS, RequestStats

ANSWER: Final = "exporter.answer"
"""The key in botocore's parsed response where the answer is that was read here."""
MALFORMED: Final = "exporter.malformed"

_MULTIPLE_CHOICES: Final = 300
"""The first HTTP status that is no success; redirects are not followed."""

_current: ContextVar["Call | None"] = ContextVar("glue_call", default=None)


class Call:
    """One call of an API operation: counts its attempts, and turns what it raises into GlueError.

    Use it as a context manager around the call; everything but PollInterrupted leaves it as GlueError.
    """

    def __init__(
        self, operation: str, *, stats: RequestStats, clock: Clock, before_attempt: Callable[[], None]
    ) -> None:
        self.operation = operation
        self.before_attempt = before_attempt
        """Called before each attempt at Glue; waits for the rate limit, or raises PollInterrupted."""
        self.wants_credentials = operation in failures.STS_OPERATIONS
        """Whether what goes wrong now goes wrong in getting credentials."""
        self._stats = stats
        self._clock = clock
        self._attempt: str | None = None
        self._started = 0.0
        self._seconds: float | None = None
        self._failed = False
        self._token: Token[Call | None] | None = None

    def begin_attempt(self, operation: str) -> None:
        """Note that a request is being sent."""
        self._attempt, self._started, self._seconds = operation, self._clock.monotonic(), None

    def answered(self) -> None:
        """Note that the answer is there: reading it is no longer Glue's time."""
        self._seconds = self._clock.monotonic() - self._started

    def end_attempt(self, failure: Reason | None) -> None:
        """Count the attempt, and why it failed."""
        operation, self._attempt = self._attempt, None
        if operation not in OPERATIONS:
            return  # one of the SDK's own, such as AssumeRoleWithWebIdentity
        if self._seconds is None:
            self.answered()
        self._stats.attempt(operation, self._seconds or 0.0)
        if failure is not None:
            self._failed = True
            self._stats.failure(operation, failure)

    def skew(self, date: str) -> None:
        """Compare Glue's clock, as the ``Date`` header tells it, with ours."""
        try:
            theirs = parsedate_to_datetime(date).timestamp()
        except (ValueError, OverflowError, TypeError):
            return
        self._stats.skew(theirs - self._clock.time())

    def __enter__(self) -> Self:
        self._token = _current.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._token is not None:
            _current.reset(self._token)
        if isinstance(error, Exception) and not isinstance(error, PollInterrupted):
            # Not chained: the cause's own text may hold secrets, and a traceback would show it.
            raise self._failure(error) from None

    def _failure(self, error: Exception) -> GlueError:
        reason = Reason.CREDENTIALS if self.wants_credentials else failures.reason_of(error)
        if self._attempt is not None:
            self.end_attempt(reason)
        elif not self._failed:
            self._stats.failure(self.operation, reason)
        return GlueError(reason, failures.message_of(error), operation=self.operation)


def follow(session: Any) -> None:
    """Register hooks on every client that this botocore session will make for Glue and STS."""

    def before_signing(**_: object) -> None:
        if call := _current.get():
            call.wants_credentials = True
            # Fetched before the turn is taken, not while the request is signed: a fetch takes time,
            # and late requests of one second would meet those of the next.
            if credentials := session.get_credentials():
                credentials.get_frozen_credentials()
            call.wants_credentials = False
            call.before_attempt()
            call.wants_credentials = True

    events = session.get_component("event_emitter")
    events.register_first("request-created.glue", before_signing)
    for service in ("glue", "sts"):
        events.register(f"before-send.{service}", _before_send)
        events.register(f"response-received.{service}", _response_received)
    events.register("before-parse.glue", _before_parse_glue)
    events.register("before-parse.sts", _before_parse_sts)


def _before_send(event_name: str, **_: object) -> None:
    if call := _current.get():
        operation = event_name.rpartition(".")[2]
        call.wants_credentials = operation in failures.STS_OPERATIONS
        call.begin_attempt(operation)


def _before_parse_sts(**_: object) -> None:
    if call := _current.get():
        call.answered()


def _before_parse_glue(
    operation_model: Any, response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: object
) -> None:
    if (call := _current.get()) is None:
        return
    call.answered()
    if date := response_dict["headers"].get("Date"):
        call.skew(date)
    body = response_dict["body"]
    if response_dict["status_code"] >= _MULTIPLE_CHOICES:
        response_dict["body"] = wire.readable_error_body(body)
        return
    response_dict["body"] = b"{}"
    try:
        customized_response_dict[ANSWER] = wire.read_answer(operation_model.name, body)
    except wire.MalformedAnswerError as error:
        customized_response_dict[MALFORMED] = str(error)


def _response_received(
    event_name: str,
    response_dict: Mapping[str, Any] | None,
    parsed_response: Mapping[str, Any] | None,
    exception: BaseException | None,
    **_: object,
) -> None:
    if (call := _current.get()) is None:
        return
    failure: Reason | None = None
    if exception is not None:
        failure = failures.reason_of(exception)
    elif parsed_response is not None and MALFORMED in parsed_response:
        failure = Reason.UNEXPECTED
    elif response_dict is not None and response_dict["status_code"] >= _MULTIPLE_CHOICES:
        code = failures.error_code(parsed_response or {})
        failure = failures.reason_of_answer(code, response_dict["status_code"])
    if failure is not None and event_name.startswith("response-received.sts."):
        failure = Reason.CREDENTIALS
    call.end_attempt(failure)
