"""What can go wrong in the simulation: a missing moto, and the errors that Glue itself answers with."""

import json


class SimulatedGlueUnavailableError(ImportError):
    """moto is not installed; the message says how to get it."""


class ServiceError(Exception):
    """An error answer of the service, as the service model or the AWS JSON protocol knows it."""

    def __init__(self, code: str, message: str, *, status: int = 400) -> None:
        super().__init__(code, message)
        self.code = code
        """The error's name, such as ``EntityNotFoundException``: the member ``__type`` of the answer."""
        self.message = message
        self.status = status

    def body(self) -> bytes:
        """Return the answer's JSON."""
        return json.dumps({"__type": self.code, "Message": self.message}).encode()


def invalid_input(message: str) -> ServiceError:
    """Return the error for input that the service model or the service's rules forbid."""
    return ServiceError("InvalidInputException", message)


def not_found(message: str) -> ServiceError:
    """Return the error for something that is not in this region's catalog."""
    return ServiceError("EntityNotFoundException", message)
