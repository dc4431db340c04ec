"""Who calls AWS: the SDK's sessions and credentials, and the account that they belong to."""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

import boto3
import botocore.session
from botocore.config import Config
from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
from botocore.exceptions import NoCredentialsError, ProfileNotFound

import exporter
from exporter.clock import Clock
from exporter.glue import attempts
from exporter.glue.service_models import service_models
from exporter.glue.transport import Timeouts, bound_answers
from exporter.model.settings import Access, AssumeRole

Service = Literal["glue", "sts"]

SessionFactory = Callable[[str | None], Any]
"""Makes a botocore session for a profile, or for None; a test or a demo, one with credentials of its own."""


def sdk_session(profile: str | None) -> Any:
    """Return a session with the credentials of the AWS SDK's own chain."""
    return botocore.session.Session(profile=profile)


def resolve_region(access: Access, session_factory: SessionFactory = sdk_session) -> str | None:
    """Return the region of the access: the one written, else the AWS SDK's own one for its profile.

    Reads the environment and the SDK's files, but asks no network. None where there is none.
    """
    if access.aws_region is not None:
        return access.aws_region
    try:
        region = session_factory(access.profile).get_config_variable("region")
    except ProfileNotFound:
        return None  # the first call will say so
    return str(region) if region else None


class Identity:
    """The credentials of a profile, or of a role assumed with them, and STS seen through them.

    Everything is made when it is first wanted: a missing profile is the error of a call, not of a start.
    """

    def __init__(
        self, access: Access, *, session_factory: SessionFactory, timeouts: Timeouts, clock: Clock
    ) -> None:
        self._access = access
        self._timeouts = timeouts
        self._clock = clock
        self._session_factory = session_factory
        self._config = _client_config(timeouts)
        # Neither sessions nor the making of clients are safe to share between threads.
        self._lock = threading.RLock()
        self._session: Any = None
        self._clients: list[Any] = []
        self._sts: Any = None
        self._account: str | None = None
        self._generation = 0

    @property
    def generation(self) -> int:
        """Grows whenever the credentials are forgotten; clients of an earlier one are closed."""
        return self._generation

    @staticmethod
    def key(access: Access) -> Access:
        """Return what accesses with the same identity have in common."""
        return replace(access, endpoint_url=None)

    def client(self, service: Service, *, endpoint_url: str | None = None) -> Any:
        """Make a client that signs with these credentials; :meth:`close` closes it."""
        with self._lock:
            return self._client(self._own_session(), service, endpoint_url)

    def load_credentials(self) -> None:
        """Find the credentials, which may ask the network; NoCredentialsError where there are none."""
        with self._lock:
            if self._own_session().get_credentials() is None:
                raise NoCredentialsError

    def account(self) -> str:
        """Return the account ID, asked of STS until it has once been told."""
        if self._account is None:
            with self._lock:
                if self._sts is None:
                    self._sts = self.client("sts")
            # Not under the lock: threads that wait for a dead STS one after the other wait too long.
            account = self._sts.get_caller_identity().get("Account")
            if not isinstance(account, str) or not account:
                raise NoCredentialsError
            self._account = account
        return self._account

    def forget(self, generation: int) -> None:
        """Forget credentials that were refused, unless a later generation has taken their place.

        The SDK reads its files once for a session. Keys that somebody renews in them (a login tool, a
        mounted secret) would otherwise need a restart.
        """
        with self._lock:
            if generation == self._generation:
                self.close()
                self._session = None
                self._generation += 1

    def discard(self, client: Any) -> None:
        """Close one client, and keep the credentials."""
        with self._lock:
            client.close()
            if client in self._clients:
                self._clients.remove(client)

    def close(self) -> None:
        """Close the connections of all clients made here."""
        with self._lock:
            for client in self._clients:
                client.close()
            self._clients.clear()
            self._sts = None

    def _own_session(self) -> Any:
        if self._session is None:
            session = self._new_session()
            if self._access.assume_role is not None:
                session = self._assume(self._access.assume_role, source=session)
            self._session = session
        return self._session

    def _new_session(self) -> Any:
        session = self._session_factory(self._access.profile)
        # The default configuration also reaches the clients that the SDK makes to get credentials.
        session.set_default_client_config(self._config)
        attempts.follow(session)
        return session

    def _assume(self, role: AssumeRole, *, source: Any) -> Any:
        """Return a session of the role, whose credentials the source's renew before they expire."""
        if (source_credentials := source.get_credentials()) is None:
            raise NoCredentialsError
        # One client for all renewals; it signs with the source's credentials, renewed themselves.
        sts = self._client(source, "sts", None)
        names = {"RoleSessionName": role.session_name, "ExternalId": role.external_id}
        fetcher = AssumeRoleCredentialFetcher(
            client_creator=lambda *_, **__: sts,
            source_credentials=source_credentials,
            role_arn=role.role_arn,
            extra_args={name: value for name, value in names.items() if value is not None},
        )
        session = self._new_session()
        # botocore has no public way to give a session credentials that renew themselves.
        session._credentials = DeferredRefreshableCredentials(  # noqa: SLF001 (no public way)
            refresh_using=fetcher.fetch_credentials, method="assume-role"
        )
        return session

    def _client(self, session: Any, service: Service, endpoint_url: str | None) -> Any:
        sdk = boto3.Session(botocore_session=session)
        session.register_component("data_loader", service_models(session.get_config_variable("data_path")))
        client = sdk.client(service, region_name=self._access.aws_region, endpoint_url=endpoint_url)
        bound_answers(client, self._timeouts, self._clock)
        self._clients.append(client)
        return client


def _client_config(timeouts: Timeouts) -> Config:
    return Config(
        connect_timeout=timeouts.connect,
        read_timeout=timeouts.read,
        retries={"mode": "standard", "total_max_attempts": 2},
        max_pool_connections=10,
        tcp_keepalive=True,
        user_agent_extra=f"glue-mv-exporter/{exporter.__version__}",
    )
