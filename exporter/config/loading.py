"""A file (or its bytes) into settings, or into every problem that it has."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from exporter.config import wording
from exporter.config.checks import Findings, check
from exporter.config.definition import Configuration
from exporter.config.document import Document, Section
from exporter.config.explain import explain, unknown_key
from exporter.config.reader import ReadText, UnreadableError, read
from exporter.config.source import LARGEST, decode, read_bytes, whole_file
from exporter.config.targets import translate
from exporter.errors import ConfigurationError, Problem
from exporter.model.settings import Settings

_EXAMPLE: Final = "begin with a copy of config.example.yaml"
_ROUNDS: Final = 16
"""More than the levels of the file: what is wrong inside is taken out before what is around it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedConfiguration:
    """A valid configuration, and what came with it."""

    settings: Settings
    warnings: tuple[Problem, ...]
    """In the order of the lines; printed like errors, but they stop nothing."""
    file: str
    """As it was named by the user."""
    digest: str = field(repr=False)
    """SHA-256 of the content, in hexadecimal: differs when the content does."""

    @property
    def warning_lines(self) -> tuple[str, ...]:
        """One line for people per warning: ``FILE:LINE: KEY.PATH: what may be wrong``."""
        return ConfigurationError(self.file, self.warnings).lines()

    @property
    def summary(self) -> str:
        """How much it watches, regions and catalogs multiplied out."""
        targets = self.settings.targets
        runs = sum(len(target.run_ids) for target in targets)
        views = sum(len(target.views) for target in targets)
        return f"{len(targets)} targets, {runs} runs, {views} view patterns"


def load(
    path: str | os.PathLike[str], *, if_missing: str = "name another with --config.file"
) -> LoadedConfiguration:
    """Read and validate a file. Raises ConfigurationError with all that is wrong.

    ``if_missing``: what to do, besides beginning with the example, where there is no such file.
    """
    file = os.fspath(path)
    content = read_bytes(file, if_missing=f"{if_missing}, or {_EXAMPLE}")
    return parse(content, file)


def parse(text: bytes, file: str) -> LoadedConfiguration:
    """Validate a file's content. Raises ConfigurationError with all that is wrong."""
    if len(text) > LARGEST:
        raise whole_file(
            file, f"is larger than {LARGEST // 1024 // 1024} MiB: split it over several processes"
        )
    try:
        content = read(decode(text, file))
    except UnreadableError as error:
        raise ConfigurationError(file, error.problems) from None
    problems = [*content.problems, *_spoiled(content)]
    document = content.document.without(content.spoiled)
    if not isinstance(document.root, Section):
        raise ConfigurationError(file, tuple(problems or [_not_a_section(document)]))
    configuration, document, found = _validate(document, content)
    problems += found
    findings = check(configuration, document, content.document) if configuration else Findings()
    problems += findings.problems
    if problems or configuration is None:
        raise ConfigurationError(file, tuple(problems))
    return LoadedConfiguration(
        settings=translate(configuration, findings.expanded),
        warnings=tuple(findings.warnings),
        file=file,
        digest=hashlib.sha256(text).hexdigest(),
    )


def _spoiled(content: ReadText) -> Iterator[Problem]:
    """Return what the reader complains about; that a key is unknown matters more than what is wrong in it."""
    for location, problem in content.spoiled.items():
        unknown = unknown_key(location) if location and isinstance(location[-1], str) else None
        yield replace(problem, message=unknown) if unknown else problem


def _not_a_section(document: Document) -> Problem:
    if document.root is None:
        return Problem(1, "", f"is empty: {_EXAMPLE}")
    return document.problem((), f"must be a mapping with the key targets, not {wording.kind(document.root)}")


def _validate(
    document: Document, content: ReadText
) -> tuple[Configuration | None, Document, tuple[Problem, ...]]:
    """Validate, and where values are wrong take them out, so that the rest can be checked too.

    Only the first round's errors are the file's; later ones come from what was taken out.
    """
    problems: tuple[Problem, ...] | None = None
    for _ in range(_ROUNDS):
        try:
            return Configuration.model_validate(document.root), document, problems or ()
        except ValidationError as error:
            errors = error.errors(include_url=False)
        if problems is None:
            problems = tuple(
                document.problem(one["loc"], explain(one)) for one in errors if not _known(one, content)
            )
        document = document.without(one["loc"] for one in errors)
        if not isinstance(document.root, Section):
            break
    return None, document, problems or ()


def _known(error: ErrorDetails, content: ReadText) -> bool:
    """Tell whether the reader has complained about the value that an error says is missing."""
    return error["type"] == "missing" and error["loc"] in content.spoiled
