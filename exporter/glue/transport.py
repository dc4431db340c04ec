"""Bounds in time and size what botocore would read without end."""

from dataclasses import dataclass
from typing import Any, Final

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError
from urllib3.exceptions import HTTPError
from urllib3.exceptions import TimeoutError as TransportTimeoutError

from exporter.clock import Clock
from exporter.glue.wire import MalformedAnswerError

LARGEST_ANSWER: Final = 64 * 1024 * 1024
"""Bytes. A page of 1,000 runs, each with the longest error message, has about 6 MB."""
_CHUNK: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds that an attempt waits: short, for the next poll is the retry."""

    connect: float = 3.0
    read: float = 5.0
    """Between two pieces of the answer."""
    answer: float = 10.0
    """For its whole body: one that trickles in never lets ``read`` pass."""


def bound_answers(client: Any, timeouts: Timeouts, clock: Clock) -> None:
    """Let the client's answers take no more than ``timeouts.answer`` seconds and LARGEST_ANSWER bytes."""
    # botocore has no public way to exchange what sends its requests.
    endpoint = client._endpoint  # noqa: SLF001 (no public way)
    endpoint.http_session = _BoundedSession(endpoint.http_session, timeouts, clock)


class _BoundedSession:
    """botocore's HTTP session, but for the reading of the body."""

    def __init__(self, session: Any, timeouts: Timeouts, clock: Clock) -> None:
        self._session = session
        self._timeouts = timeouts
        self._clock = clock

    def send(self, request: AWSPreparedRequest) -> AWSResponse:
        request.stream_output = True  # or botocore's session would read all of the body itself
        response = self._session.send(request)
        try:
            body = self._read(response.raw, request.url)
        except BaseException:
            response.raw.close()  # what follows on this connection would be the rest of the answer
            raise
        return AWSResponse(response.url, response.status_code, response.headers, _Body(body))

    def close(self) -> None:
        self._session.close()

    def _read(self, raw: Any, url: str) -> bytes:
        latest = self._clock.monotonic() + self._timeouts.answer
        body = bytearray()
        while chunk := _next_chunk(raw, url):
            body += chunk
            if len(body) > LARGEST_ANSWER:
                raise MalformedAnswerError(f"the answer is larger than {LARGEST_ANSWER} bytes")
            if self._clock.monotonic() > latest:
                raise ReadTimeoutError(endpoint_url=url)
        return bytes(body)


def _next_chunk(raw: Any, url: str) -> bytes:
    """Return what has arrived, empty at the end; raise botocore's own errors, which it knows to retry."""
    try:
        chunk: bytes = raw.read1(_CHUNK, decode_content=False)
    except TransportTimeoutError as error:
        raise ReadTimeoutError(endpoint_url=url, error=error) from error
    except (HTTPError, OSError) as error:
        raise ConnectionClosedError(endpoint_url=url, error=error) from error
    return chunk


class _Body:
    """A body that has been read, as AWSResponse wants it."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self) -> tuple[bytes]:
        return (self._content,)
