"""What is hooked into botocore: following every HTTP attempt of a call, and bounding every answer.

A client is shared among targets, and its event hooks do not say for whom they run. So the current call is
kept in a context variable: hooks run in the thread of their call.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, Final

from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError
from urllib3.exceptions import HTTPError as TransportError
from urllib3.exceptions import TimeoutError as TransportTimeoutError

from exporter.clock import Clock
from exporter.errors import GlueError, Reason
from exporter.glue import failures, responses
from exporter.store.series import OPERATIONS, RequestStats

LARGEST_ANSWER: Final = 64 * 1024 * 1024
"""Bytes. A page of 1,000 runs, each with the longest error message, has about 6 MB."""
_CHUNK: Final = 64 * 1024
_MULTIPLE_CHOICES: Final = 300
"""The first HTTP status that is not a success; redirects are not followed."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds that an attempt waits: short, for the next poll is the retry."""

    connect: float = 3.0
    read: float = 5.0
    """Between two pieces of the answer."""
    answer: float = 10.0
    """For its whole body: one that trickles in never lets ``read`` pass."""


class Call:
    """One call of an API operation: follows its HTTP attempts, and counts them."""

    def __init__(
        self, operation: str, stats: RequestStats, clock: Clock, before_attempt: Callable[[], None]
    ) -> None:
        """``before_attempt``: waits for the rate limit before each attempt at Glue; may raise."""
        self.needs_credentials = True
        """Whether an error now is one of getting credentials."""
        self.answer: responses.Answer | None = None
        """What the last attempt at Glue was answered with; None for an error, or nothing."""
        self._operation = operation
        self._stats = stats
        self._clock = clock
        self._before_attempt = before_attempt
        self._attempt: str | None = None
        self._started = 0.0
        self._answered: float | None = None
        self._failed = False

    def before_signing(self, session: Any) -> None:
        """Fetch credentials, then wait for the rate limit: a fetch in between would let requests bunch up."""
        self.needs_credentials = True
        if credentials := session.get_credentials():
            credentials.get_frozen_credentials()
        self.needs_credentials = False
        self._before_attempt()
        self.needs_credentials = True

    def before_send(self, event_name: str, **_: object) -> None:
        """Note that an attempt begins."""
        self._attempt = event_name.rpartition(".")[2]
        self._started = self._clock.monotonic()
        self._answered = self.answer = None
        self.needs_credentials = self._attempt in failures.STS_OPERATIONS

    def before_parse(
        self, event_name: str, operation_model: Any, response_dict: dict[str, Any], **_: object
    ) -> None:
        """Read an answer of Glue in botocore's place."""
        self._answered = self._clock.monotonic()
        if not event_name.startswith("before-parse.glue."):
            return
        with suppress(ValueError, OverflowError, TypeError):  # no Date, or not a date
            theirs = parsedate_to_datetime(response_dict["headers"].get("Date"))
            # What ends in -0000 is in UTC, too; Python would take it for local time.
            theirs = theirs.replace(tzinfo=theirs.tzinfo or UTC)
            self._stats.glue_time(
                theirs.timestamp(), ours=self._clock.time(), monotonic=self._clock.monotonic()
            )
        if response_dict["status_code"] >= _MULTIPLE_CHOICES:
            response_dict["body"] = responses.readable_error_body(response_dict["body"])
        else:
            self.answer = responses.read_answer(operation_model.name, response_dict["body"])
            response_dict["body"] = b"{}"  # nothing is left for botocore to parse

    def response_received(
        self,
        event_name: str,
        response_dict: Mapping[str, Any] | None,
        parsed_response: Mapping[str, Any] | None,
        exception: BaseException | None,
        **_: object,
    ) -> None:
        """Count the attempt that was answered, or that botocore may make again."""
        failure: Reason | None = None
        if exception is not None:
            failure = failures.reason_of(exception)
        elif response_dict is not None and response_dict["status_code"] >= _MULTIPLE_CHOICES:
            code = failures.error_code(parsed_response or {})
            failure = failures.reason_of_answer(code, response_dict["status_code"])
        if failure is not None and event_name.startswith("response-received.sts."):
            failure = Reason.CREDENTIALS
        self._end_attempt(failure)

    def fail(self, error: Exception) -> GlueError:
        """Count what ended the call, unless a failed attempt was counted; return it as GlueError."""
        reason = Reason.CREDENTIALS if self.needs_credentials else failures.reason_of(error)
        if self._attempt is not None:
            self._end_attempt(reason)
        elif not self._failed:
            self._stats.failure(self._operation, reason)
        return GlueError(reason, failures.message_of(error), operation=self._operation)

    def _end_attempt(self, failure: Reason | None) -> None:
        operation, self._attempt = self._attempt, None
        if operation not in OPERATIONS:
            return  # one of the SDK's own, such as AssumeRoleWithWebIdentity
        ended = self._clock.monotonic() if self._answered is None else self._answered
        self._stats.attempt(operation, ended - self._started)
        if failure is not None:
            self._failed = True
            self._stats.failure(operation, failure)


current: Final[ContextVar[Call]] = ContextVar("glue_call")


def instrument(session: Any) -> None:
    """Register hooks on all clients that this botocore session will make; they are of the current call."""
    events = session.get_component("event_emitter")
    events.register_first("request-created.glue", lambda **_: current.get().before_signing(session))
    for service in ("glue", "sts"):
        events.register(f"before-send.{service}", lambda **event: current.get().before_send(**event))
        events.register(f"before-parse.{service}", lambda **event: current.get().before_parse(**event))
        events.register(
            f"response-received.{service}", lambda **event: current.get().response_received(**event)
        )


def bound_answers(client: Any, timeouts: Timeouts, clock: Clock) -> None:
    """Let the client's answers take no more than ``timeouts.answer`` seconds and LARGEST_ANSWER bytes."""
    endpoint = client._endpoint  # noqa: SLF001 (no public way to replace what sends the requests)
    endpoint.http_session = _BoundedSession(endpoint.http_session, timeouts, clock)


class _BoundedSession:
    """botocore's HTTP session, but it reads the body itself."""

    def __init__(self, session: Any, timeouts: Timeouts, clock: Clock) -> None:
        self._session = session
        self._timeouts = timeouts
        self._clock = clock

    def send(self, request: AWSPreparedRequest) -> Any:
        request.stream_output = True  # or botocore's session would read all of the body itself
        response: Any = self._session.send(request)
        try:
            response._content = self._read(response.raw, request.url)  # noqa: SLF001 (no public way)
        except BaseException:
            response.raw.close()  # what follows on this connection would be the rest of the answer
            raise
        return response

    def close(self) -> None:
        self._session.close()

    def _read(self, raw: Any, url: str) -> bytes:
        """Raise botocore's own errors, which it knows to retry."""
        deadline = self._clock.monotonic() + self._timeouts.answer
        body = bytearray()
        while True:
            try:
                chunk = raw.read1(_CHUNK, decode_content=False)
            except TransportTimeoutError as error:
                raise ReadTimeoutError(endpoint_url=url, error=error) from error
            except (TransportError, OSError) as error:
                raise ConnectionClosedError(endpoint_url=url, error=error) from error
            if not chunk:
                return bytes(body)
            body += chunk
            if len(body) > LARGEST_ANSWER:
                raise responses.MalformedError(f"the answer is larger than {LARGEST_ANSWER} bytes")
            if self._clock.monotonic() > deadline:
                raise ReadTimeoutError(endpoint_url=url)
