"""Requests as they come in, with a bound on what they hold."""

from typing import Any

import h11

from exporter.web.limits import Limits

_HEAD_TOO_LARGE = 431
_BODY_TOO_LARGE = 413


class BoundedRequests(h11.Connection):
    """h11's reader, that also refuses large bodies and remembers the status for what it refused."""

    def __init__(self, limits: Limits) -> None:
        super().__init__(h11.SERVER, limits.head_bytes)
        self._largest_body = limits.body_bytes
        self._body = 0
        self.refused_with = 400
        """The status that fits the error raised last."""

    def next_event(self) -> Any:
        """Return the next event, as h11 does. Raises h11.RemoteProtocolError."""
        try:
            event = super().next_event()
            if isinstance(event, h11.Request):
                self._body = 0
                self._refuse_large(_announced(event))
            elif isinstance(event, h11.Data):
                self._body += len(event.data)
                self._refuse_large(self._body)
        except h11.RemoteProtocolError as error:
            self.refused_with = error.error_status_hint
            raise
        return event

    def _refuse_large(self, size: int) -> None:
        if size > self._largest_body:
            raise h11.RemoteProtocolError("body too large", error_status_hint=_BODY_TOO_LARGE)


def _announced(request: h11.Request) -> int:
    """Return the length that the request says its body has; h11 has seen to it that it is a number."""
    return max((int(value) for name, value in request.headers if name == b"content-length"), default=0)
