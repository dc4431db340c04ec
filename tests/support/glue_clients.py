"""A Glue client for tests: credentials of its own, nothing of this machine's AWS files or environment."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import botocore.session
import pytest

from exporter.clock import Clock
from exporter.errors import GlueError, Reason
from exporter.glue.client import ClientFactory, GlueCatalog
from exporter.glue.instrumentation import Timeouts
from exporter.glue.sessions import SessionFactory
from exporter.model.settings import Access, Target
from exporter.store.series import RequestStats

ACCOUNT = "123456789012"
ACCESS_KEY = "AKIATESTTESTTESTTEST"
HASTY = Timeouts(connect=1.0, read=0.3, answer=0.5)
"""For what is never answered: a busy machine takes as long for any other answer."""
PATIENT = Timeouts(connect=10.0, read=10.0, answer=30.0)


def reason_from(call: Callable[[], object]) -> Reason:
    with pytest.raises(GlueError) as caught:
        call()
    return caught.value.reason


def session_with(
    config_file: str | Path = "/nonexistent", *, credentials: bool = True, access_key: str = ACCESS_KEY
) -> SessionFactory:
    """Return a factory of sessions that know this AWS configuration file and these credentials alone."""

    def make(profile: str | None) -> Any:
        files = {
            "config_file": (None, None, str(config_file), None),
            "credentials_file": (None, None, "/nonexistent", None),
            "profile": (None, None, None, None),
            "region": ("region", None, None, None),
        }
        session = botocore.session.Session(session_vars=files, profile=profile)
        if credentials:
            session.set_credentials(access_key, "secret")
        else:
            session.register_component("credential_provider", _NoCredentials())
        return session

    return make


class _NoCredentials:
    """A provider chain that finds nothing, and asks no instance metadata service."""

    def load_credentials(self) -> None:
        return None


def sts_at(url: str, folder: Path, **profile: str) -> Path:
    """Write an AWS configuration file that says where STS is; return its path."""
    lines = [
        "[default]",
        "services = local",
        *(f"{name} = {value}" for name, value in profile.items()),
        "[services local]",
        f"sts =\n  endpoint_url = {url}",
    ]
    path = folder / "aws-config"
    path.write_text("\n".join(lines) + "\n")
    return path


def target(
    url: str | None, *, catalog_id: str | None = ACCOUNT, rate: float = 100.0, **access: Any
) -> Target:
    access.setdefault("aws_region", "eu-west-1")
    return Target(
        name="test",
        access=Access(endpoint_url=url, **access),
        catalog_id=catalog_id,
        max_requests_per_second=rate,
    )


@contextmanager
def catalog_of(
    target: Target,
    *,
    stats: RequestStats | None = None,
    interrupted: threading.Event | None = None,
    sessions: SessionFactory | None = None,
    clock: Clock | None = None,
    timeouts: Timeouts = PATIENT,
) -> Iterator[GlueCatalog]:
    """Give a reader of the target's catalog; close its connections afterwards."""
    factory = ClientFactory(clock or Clock(), session_factory=sessions or session_with(), timeouts=timeouts)
    try:
        yield factory.catalog(target, stats or RequestStats(), interrupted or threading.Event())
    finally:
        factory.close()


def attempts(stats: RequestStats) -> dict[str, int]:
    """Return the attempts by operation, without those never made."""
    return {operation: counts.requests for operation, counts in stats.read().items() if counts.requests}


def failures(stats: RequestStats) -> dict[tuple[str, str], int]:
    """Return the failures by operation and reason, without those that never were."""
    return {
        (operation, str(reason)): count
        for operation, counts in stats.read().items()
        for reason, count in counts.failures.items()
        if count
    }
