"""The web configuration: a file in the exporter-toolkit's format into plain settings."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from exporter.config import wording
from exporter.config.document import Document, Location, Section
from exporter.config.explain import explain, nearest
from exporter.config.reader import ReadText, UnreadableError, read
from exporter.config.source import decode, read_bytes, whole_file
from exporter.config.web_definition import UNSUPPORTED, TlsServerConfig, WebConfiguration
from exporter.errors import ConfigurationError, Problem
from exporter.model.web_settings import ClientAuthType, TlsSettings, WebSettings

_LARGEST: Final = 1024 * 1024
"""Bytes: it holds paths and users."""
_TLS: Final = "tls_server_config"
_USERS: Final = "basic_auth_users"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedWebConfiguration:
    """A valid web configuration; whether TLS can use the files that it names is for TLS to tell."""

    settings: WebSettings
    file: str
    """As it was named by the user."""
    lines: Mapping[str, int]
    """The line of each key of ``tls_server_config`` that is written."""

    def problem(self, key: str, message: str) -> ConfigurationError:
        """Return the error for a key of ``tls_server_config``."""
        return ConfigurationError(self.file, (Problem(self.lines.get(key, 0), f"{_TLS}.{key}", message),))


def load_web(path: str | os.PathLike[str]) -> LoadedWebConfiguration:
    """Read and validate the file of ``--web.config.file``. Raises ConfigurationError with every problem."""
    file = os.fspath(path)
    text = read_bytes(file, if_missing="name another with --web.config.file")
    if len(text) > _LARGEST:
        raise whole_file(file, "is larger than 1 MiB: it should hold a few paths and users")
    try:
        content = read(decode(text, file))
    except UnreadableError as error:
        raise ConfigurationError(file, error.problems) from None
    document = content.document
    root = Section(1) if document.root is None and not content.problems else document.root
    if not isinstance(root, Section):
        raise ConfigurationError(
            file, (document.problem((), f"must be a mapping, not {wording.kind(document.root)}"),)
        )
    problems = [*content.problems, *content.spoiled.values()]
    try:
        configuration = WebConfiguration.model_validate(root)
    except ValidationError as error:
        found = error.errors(include_url=False)
        problems += [_problem(document, one) for one in found if not _is_spoiled(one, content)]
        configuration = None
    if configuration is not None:
        problems += _contradictions(configuration.tls_server_config, document)
    if problems or configuration is None:
        raise ConfigurationError(file, tuple(problems))
    tls_section = document.at((_TLS,))
    return LoadedWebConfiguration(
        settings=_settings(configuration, Path(file).parent),
        file=file,
        lines=MappingProxyType(dict(tls_section.lines) if isinstance(tls_section, Section) else {}),
    )


def _is_spoiled(error: ErrorDetails, content: ReadText) -> bool:
    """Tell whether the reader has already said what is wrong there, or with something around it."""
    location = error["loc"]
    return any(location[:length] in content.spoiled for length in range(1, len(location) + 1))


def _problem(document: Document, error: ErrorDetails) -> Problem:
    location: Location = error["loc"]
    if location[-1] == "[key]":  # how pydantic says that a mapping's key is wrong, not its value
        return document.problem(location[:-1], error["msg"])
    if error["type"] == "extra_forbidden":
        return document.problem(location, _unknown(location))
    return document.problem(location, explain(error))


def _unknown(location: Location) -> str:
    key = str(location[-1])
    model = TlsServerConfig if location[0] == _TLS else WebConfiguration
    if key in UNSUPPORTED:
        return UNSUPPORTED[key]
    if model is WebConfiguration and key in TlsServerConfig.model_fields:
        return f"unknown key here; it belongs in {_TLS}"
    return nearest(key, list(model.model_fields))


def _contradictions(tls: TlsServerConfig | None, document: Document) -> list[Problem]:
    if tls is None:
        return []
    verifies = tls.client_auth_type is not ClientAuthType.NO_CLIENT_CERT
    if verifies and tls.client_ca_file is None:
        return [
            document.problem(
                (_TLS, "client_auth_type"),
                "needs client_ca_file: the certificates that clients' own must be signed by",
            )
        ]
    if tls.client_ca_file is not None and not verifies:
        return [
            document.problem(
                (_TLS, "client_ca_file"),
                f"asks for nothing without client_auth_type: {ClientAuthType.REQUIRE_AND_VERIFY_CLIENT_CERT}",
            )
        ]
    return []


def _settings(configuration: WebConfiguration, folder: Path) -> WebSettings:
    tls = configuration.tls_server_config
    users = MappingProxyType(dict(configuration.basic_auth_users))
    if tls is None:
        return WebSettings(users=users)
    return WebSettings(
        tls=TlsSettings(
            cert_file=str(folder / tls.cert_file),
            key_file=str(folder / tls.key_file),
            client_auth_type=tls.client_auth_type,
            client_ca_file=str(folder / tls.client_ca_file) if tls.client_ca_file is not None else None,
            min_version=tls.min_version,
        ),
        users=users,
    )
