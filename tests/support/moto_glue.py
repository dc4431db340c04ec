"""moto with our extension, behind an endpoint that notes calls and misbehaves on demand."""

import time
from collections.abc import Callable, Mapping

from moto.sts.responses import TokenResponse

from exporter.simulated_glue.glue import SimulatedGlue, call_moto
from tests.support.endpoint import Call, Endpoint, Response


class MotoGlue(Endpoint):
    """The Glue of the demo as tests use it, beside moto's STS: faults are the endpoint's."""

    def __init__(self, *, now: Callable[[], float] = time.time) -> None:
        self.simulated = SimulatedGlue(now)
        self.catalog = self.simulated.catalog
        super().__init__()
        self.now = now

    def respond(self, call: Call, headers: Mapping[str, str], body: bytes) -> Response:
        if call.service == "sts":
            return Response(*call_moto(TokenResponse(), headers, body), "text/xml")
        return Response(*self.simulated.answer(headers, body))
