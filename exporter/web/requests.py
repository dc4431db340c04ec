"""Requests as they come in, with a bound on what they hold."""

from typing import Any

import h11

from exporter.web.limits import Limits

_HEAD_TOO_LARGE = 431
_WRONG_METHOD = 405
_BODY_TOO_LARGE = 413
_UNKNOWN_VERSION = 505
_VERSIONS = frozenset({b"1.0", b"1.1"})


class BoundedRequests(h11.Connection):
    """h11's reader, that also refuses large bodies, other versions of HTTP, and tunnels."""

    def __init__(self, limits: Limits) -> None:
        super().__init__(h11.SERVER, limits.head_bytes)
        self._largest_body = limits.body_bytes
        self._announced = 0
        self._received = 0
        self.refused_with = 400
        """The status that fits the error raised last."""

    def next_event(self) -> Any:
        """Return the next event, as h11 does. Raises h11.RemoteProtocolError."""
        try:
            event = super().next_event()
            self._check(event)
        except h11.RemoteProtocolError as error:
            self.refused_with = error.error_status_hint
            raise
        return event

    def _check(self, event: object) -> None:
        if isinstance(event, h11.Request):
            if event.http_version not in _VERSIONS:
                raise h11.RemoteProtocolError("unknown version", error_status_hint=_UNKNOWN_VERSION)
            if event.method == b"CONNECT":
                raise h11.RemoteProtocolError("no tunnels", error_status_hint=_WRONG_METHOD)
            self._announced, self._received = _announced(event), 0
        elif isinstance(event, h11.Data):
            self._received += len(event.data)
        if max(self._announced, self._received) > self._largest_body:
            raise h11.RemoteProtocolError("body too large", error_status_hint=_BODY_TOO_LARGE)


def _announced(request: h11.Request) -> int:
    """Return the length that the request says its body has; h11 has seen to it that it is a number."""
    return max((int(value) for name, value in request.headers if name == b"content-length"), default=0)
