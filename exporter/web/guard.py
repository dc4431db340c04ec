"""What a request passes on its way to the application, as the web configuration says."""

from collections.abc import Callable

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from exporter.clock import Clock
from exporter.model.settings import RateLimit, WebSettings
from exporter.web.app import SecurityHeaders
from exporter.web.auth import OPEN_PATHS, BasicAuth

_TOO_MANY = PlainTextResponse("too many requests: see rate_limit in the web configuration\n", 429)


def guarded(app: ASGIApp, settings: Callable[[], WebSettings], clock: Clock) -> ASGIApp:
    """Return the application behind headers, rate limit and passwords; ``settings`` returns those in use."""
    with_passwords = BasicAuth(app, lambda: settings().users)
    limited = RateLimiter(with_passwords, lambda: settings().rate_limit, clock)
    return SecurityHeaders(limited, lambda: settings().headers)


class RateLimiter:
    """A token bucket for all clients together. Health checks are neither refused nor counted."""

    def __init__(self, app: ASGIApp, limit: Callable[[], RateLimit | None], clock: Clock) -> None:
        self._app = app
        self._limit = limit
        self._clock = clock
        self._filled_for: RateLimit | None = None
        self._tokens = 0.0
        self._at = 0.0
        """Monotonic seconds at which there were so many tokens."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        allowed = scope["path"] in OPEN_PATHS or self._take()
        await (self._app if allowed else _TOO_MANY)(scope, receive, send)

    def _take(self) -> bool:
        limit, now = self._limit(), self._clock.monotonic()
        if limit is None:
            return True
        if limit != self._filled_for:
            self._filled_for, self._tokens = limit, float(limit.burst)
        else:
            self._tokens = min(limit.burst, self._tokens + (now - self._at) / limit.interval)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
