"""A line in the log for each request, with ``--log.level=debug``."""

from time import perf_counter

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LONGEST_PATH = 200
"""Characters of a path that are logged."""

log = structlog.get_logger()


class RequestLog:
    """Logs method, path, status and seconds; neither the query nor a header, where a secret might be."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, and log it once its answer has been sent or its client has gone."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = perf_counter()
        status: int | None = None

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        finally:
            log.debug(
                "request",
                method=scope["method"],
                path=scope["path"][:LONGEST_PATH],
                status=status,
                seconds=round(perf_counter() - begun, 4),
            )
