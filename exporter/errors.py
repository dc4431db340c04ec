"""Errors that one part of the exporter raises and another one handles.

::

    ExporterError
    ├── ConfigurationError   the configuration cannot be used; exit status 2
    ├── GlueError            a read at Glue (or STS) failed; the next poll tries again
    ├── PollInterrupted      the poll's time is over, or the program stops; nobody's fault
    └── StorageError         the state on disk cannot be read or written
"""

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Why a request failed: the values of the label ``reason``."""

    ACCESS_DENIED = "access_denied"
    NOT_FOUND = "not_found"
    INVALID_INPUT = "invalid_input"
    THROTTLED = "throttled"
    TIMEOUT = "timeout"
    UNAVAILABLE = "unavailable"
    CREDENTIALS = "credentials"
    UNEXPECTED = "unexpected"


class ExporterError(Exception):
    """The root of all errors below."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong with a configuration file, and where."""

    line: int
    """From 1; 0 where no line can be named (the file cannot be read, say)."""
    key_path: str
    """Such as ``targets[0].runs[2]``; empty for the document as a whole."""
    message: str
    """What is wrong and what to do; never holds a secret."""


class ConfigurationError(ExporterError):
    """The configuration cannot be used. Holds every problem that was found, in the order of the lines."""

    def __init__(self, file: str, problems: tuple[Problem, ...]) -> None:
        super().__init__(file, problems)
        self.file = file
        self.problems = tuple(sorted(problems))

    def lines(self) -> tuple[str, ...]:
        """Return one line for people per problem: ``FILE:LINE: KEY.PATH: what is wrong``."""
        return tuple(
            ": ".join(
                part
                for part in (f"{self.file}:{p.line}" if p.line else self.file, p.key_path, p.message)
                if part
            )
            for p in self.problems
        )

    def __str__(self) -> str:
        return "\n".join(self.lines())


class GlueError(ExporterError):
    """A read at Glue failed, or the credentials for it could not be had."""

    def __init__(self, reason: Reason, message: str, *, operation: str) -> None:
        super().__init__(reason, message, operation)
        self.reason = reason
        self.message = message
        """One line for people, without secrets."""
        self.operation = operation
        """The API operation's own name, such as ``GetMaterializedViewRefreshTaskRun``."""

    def __str__(self) -> str:
        return f"{self.operation}: {self.message}"


class PollInterrupted(ExporterError):  # noqa: N818 (an interruption is not an error)
    """The poll's time is over, or the program stops: raised where a call would have waited on."""


class StorageError(ExporterError):
    """The state on disk cannot be read or written; the message says what to do."""
