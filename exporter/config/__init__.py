"""The configuration files: read, validated with every error at once, and turned into plain settings.

::

    yaml_lines ← kinds ← schema ← targets ← checks
    kinds ← web
"""

import os
from dataclasses import dataclass
from typing import Final

from exporter.config.checks import check
from exporter.config.kinds import read
from exporter.config.schema import CONFIGURATION
from exporter.config.targets import to_settings
from exporter.config.yaml_lines import read_file, read_yaml, whole_file
from exporter.errors import ConfigurationError, Problem
from exporter.model.settings import Settings

_EXAMPLE: Final = "begin with a copy of config.example.yaml"
LARGEST: Final = 32 * 1024 * 1024
"""Bytes of a file: a hundred thousand runs take four million."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedConfiguration:
    """A valid configuration, and what came with it."""

    settings: Settings
    warnings: tuple[Problem, ...]
    """In the order of the lines; printed like errors, but the file is accepted."""
    file: str
    """As it was named by the user."""

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

    ``if_missing``: what to do, besides beginning with the example, where the file does not exist.
    """
    file = os.fspath(path)
    return parse(read_file(file, if_missing=f"{if_missing}, or {_EXAMPLE}", largest=LARGEST), file)


def parse(content: bytes, file: str) -> LoadedConfiguration:
    """Validate a file's content. Raises ConfigurationError with all that is wrong."""
    document = read_yaml(content, file)
    if document.root is None:
        raise whole_file(file, f"is empty: {_EXAMPLE}", 1)
    configuration = read(CONFIGURATION, document.root, (), document)
    if configuration is not None:
        check(configuration, document)
    if document.problems:
        raise document.error()
    return LoadedConfiguration(
        settings=to_settings(configuration, document),
        warnings=tuple(sorted(dict.fromkeys(document.warnings))),
        file=file,
    )
