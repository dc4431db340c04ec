"""A server that sends the same bytes from memory, to compare with: ``python -m benchmarks.fixed FILE``.

It is this exporter's own web server (uvicorn and h11) with an application that sends one bytes object.
``FILE`` holds the body, and beside it ``FILE.json`` the headers.
"""

import asyncio
import json
import sys
from pathlib import Path

from starlette.types import Receive, Scope, Send

from exporter.web.address import ListenAddress
from exporter.web.server import Server


def main(file: str) -> None:
    """Print the port, and serve."""
    body = Path(file).read_bytes()
    headers = json.loads(Path(f"{file}.json").read_text())
    head = [(name.lower().encode(), value.encode()) for name, value in headers]

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": body})

    listener = ListenAddress("127.0.0.1", 0).bind()
    print(listener.getsockname()[1], flush=True)
    asyncio.run(Server(app).run_on(listener))


if __name__ == "__main__":
    main(*sys.argv[1:])
