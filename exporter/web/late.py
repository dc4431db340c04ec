"""An application that is made when it is first asked for."""

from collections.abc import Callable, Iterable, Sequence

import anyio.to_thread
from starlette.routing import BaseRoute, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send


class Late:
    """Routes that many starts never need: what they import and read is left to the first who asks."""

    def __init__(self, make: Callable[[], Iterable[BaseRoute]]) -> None:
        """``make`` is called on a thread, for it may take a moment; twice, if two ask first."""
        self._make = make
        self._app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if self._app is None:
            self._app = Router(list(await anyio.to_thread.run_sync(self._make)), redirect_slashes=False)
        await self._app(scope, receive, send)


def late_routes(paths: Iterable[str], make: Callable[[], Iterable[BaseRoute]]) -> Sequence[BaseRoute]:
    """Return routes of these paths that the made ones answer."""
    late = Late(make)
    return [Route(path, late) for path in paths]
