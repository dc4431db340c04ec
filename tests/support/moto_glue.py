"""moto with our extension, behind an endpoint that notes calls and misbehaves on demand."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from exporter.simulated_glue import SimulatedGlue
from tests.support.endpoint import Call, Endpoint, Response


class MotoGlue(Endpoint):
    """The Glue of the demo as tests use it: ``simulated`` is what is set up, faults are the endpoint's."""

    def __init__(self, *, now: Callable[[], float] = time.time, **options: Any) -> None:
        self.simulated = SimulatedGlue(now=now, **options)
        super().__init__()
        self.now = now

    def respond(self, call: Call, headers: Mapping[str, str], body: bytes) -> Response:  # noqa: ARG002 (a Glue's)
        """Let moto answer."""
        return Response(*self.simulated.answer(headers, body))
