"""Pages and the opaque tokens between them."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Sequence
from typing import TypeVar

from exporter.simulated_glue.errors import invalid_input

Item = TypeVar("Item")

_SIGNATURE_SIZE = 16


class Pager:
    """Cuts listings into pages.

    A token names the last item of its page, so that items which join or leave elsewhere are neither
    repeated nor skipped, and is signed together with the request that it belongs to.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def page(
        self,
        items: Sequence[Item],
        key: Callable[[Item], str],
        *,
        request: str,
        size: int,
        token: str | None,
    ) -> tuple[Sequence[Item], str | None]:
        """Return the page after ``token`` and the token of the next one, None on the last page.

        ``request`` stands for all that must not change between pages. Raises ServiceError
        (``InvalidInputException``) for a token that is not of this request, or whose item is gone.
        """
        start = 0 if token is None else self._position_after(items, key, self._open(token, request))
        page = items[start : start + size]
        if start + size >= len(items):
            return page, None
        return page, self._seal(key(page[-1]), request)

    @staticmethod
    def _position_after(items: Sequence[Item], key: Callable[[Item], str], last: str) -> int:
        for index, item in enumerate(items):
            if key(item) == last:
                return index + 1
        raise invalid_input("The NextToken has expired")

    def _seal(self, last: str, request: str) -> str:
        name = last.encode()
        return base64.urlsafe_b64encode(self._signature(name, request) + name).decode()

    def _open(self, token: str, request: str) -> str:
        try:
            content = base64.urlsafe_b64decode(token.encode())
        except (binascii.Error, ValueError):
            content = b""
        signature, name = content[:_SIGNATURE_SIZE], content[_SIGNATURE_SIZE:]
        if not hmac.compare_digest(signature, self._signature(name, request)):
            raise invalid_input("The NextToken is invalid")
        return name.decode()

    def _signature(self, name: bytes, request: str) -> bytes:
        message = request.encode() + b"\0" + name
        return hmac.new(self._secret, message, hashlib.sha256).digest()[:_SIGNATURE_SIZE]
