"""The AWS SDK's sessions, credentials and clients: everything that targets of equal access share."""

import threading
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import boto3
import botocore.session
from botocore.config import Config
from botocore.credentials import DeferredRefreshableCredentials, create_assume_role_refresher
from botocore.exceptions import NoCredentialsError, ProfileNotFound
from botocore.loaders import Loader, create_loader

import exporter
from exporter.clock import Clock
from exporter.glue.failures import one_line
from exporter.glue.instrumentation import Timeouts, bound_answers, instrument
from exporter.glue.rate_limiter import RateLimiter
from exporter.model.settings import Access, AssumeRole

SessionFactory = Callable[[str | None], Any]
"""Makes a botocore session for a profile, or for None; a test or a demo, one with its own credentials."""


def sdk_session(profile: str | None) -> Any:
    """Return a session with the credentials of the AWS SDK's own chain."""
    return botocore.session.Session(profile=profile)


def fixed_session(_profile: str | None) -> Any:
    """Return a session for the simulated Glue: it looks for neither real credentials nor a proxy."""
    no_profile = {"profile": (None, None, None, None)}  # nor for AWS_PROFILE, which may name a missing one
    session = botocore.session.Session(session_vars=no_profile)
    session.set_credentials("simulated", "simulated")
    session.set_default_client_config(Config(proxies={}))
    return session


def resolve_region(access: Access) -> str | None:
    """Return the configured region, else the AWS SDK's own for the profile, if any. Uses no network."""
    if access.aws_region is not None:
        return access.aws_region
    try:
        region = sdk_session(access.profile).get_config_variable("region")
    except ProfileNotFound:
        return None  # the first call reports it
    return str(region) if region else None


class Identity(NamedTuple):
    """Whose credentials a connection has, as STS says it."""

    account: str
    arn: str
    """Of the user or role, without the name of an assumed role's session; empty where STS does not say."""


class Connection:
    """One access to Glue: credentials, clients, the account and the rate limit. Safe for several threads.

    Everything is made when it is first needed, also after :meth:`close`: a missing profile is the error of a
    call, not of a start.
    """

    def __init__(
        self,
        access: Access,
        *,
        requests_per_second: float,
        session_factory: SessionFactory,
        timeouts: Timeouts,
        clock: Clock,
    ) -> None:
        self.limiter = RateLimiter(clock, requests_per_second)
        self.account: str | None = None
        """The account ID, once :meth:`find_identity` has returned."""
        self.generation = 0
        """Grows whenever the credentials are forgotten."""
        self._access = access
        self._session_factory = session_factory
        self._timeouts = timeouts
        self._clock = clock
        # Neither sessions nor the making of clients are safe to share between threads.
        self._lock = threading.RLock()
        self._session: boto3.Session | None = None
        self._clients: dict[str, Any] = {}

    def load_credentials(self) -> None:
        """Find the credentials, which may use the network; NoCredentialsError where there are none."""
        with self._lock:
            if self._current_session().get_credentials() is None:
                raise NoCredentialsError

    def client(self, service: str) -> Any:
        """Return the client of Glue (``glue``) or STS (``sts``)."""
        with self._lock:
            clients = self._clients  # another thread may close it meanwhile
            if service not in clients:
                clients[service] = self._new_client(self._current_session(), service)
            return clients[service]

    def find_identity(self) -> Identity:
        """Ask STS whose credentials these are, and keep the account ID."""
        # Not under the lock: threads that wait for a dead STS one after the other wait too long.
        answer = self.client("sts").get_caller_identity()
        account = answer.get("Account")
        if not isinstance(account, str) or not account:
            raise NoCredentialsError
        self.account = account
        return Identity(account, one_line(answer.get("Arn") or ""))

    def forget_credentials(self, generation: int) -> None:
        """Forget credentials that were refused, unless a later generation has taken their place.

        Or keys that are renewed in the SDK's files, which it reads once for a session, would need a restart.
        """
        with self._lock:
            if generation == self.generation:
                self.close()

    def close(self) -> None:
        """Close everything, without waiting for a thread that holds the lock: credentials may never come."""
        clients, self._clients = self._clients, {}
        self._session = None
        self.generation += 1
        for client in list(clients.values()):
            client.close()

    def _current_session(self) -> boto3.Session:
        session = self._session
        if session is None:
            session = self._new_session()
            if (role := self._access.assume_role) is not None:
                session = self._assume_role(role, session)
            self._session = session
        return session

    def _new_session(self, credentials: Any = None) -> boto3.Session:
        session = self._session_factory(self._access.profile)
        config = Config(
            connect_timeout=self._timeouts.connect,
            read_timeout=self._timeouts.read,
            retries={"mode": "standard", "total_max_attempts": 2},
            max_pool_connections=50,  # polls and resyncs of several targets may share a client
            tcp_keepalive=True,
            user_agent_extra=f"glue-mv-exporter/{exporter.__version__}",
        )
        # As the default it also reaches the clients that the SDK makes to get credentials.
        before = session.get_default_client_config() or Config()
        session.set_default_client_config(before.merge(config))
        instrument(session)
        if credentials is not None:
            # botocore has no public way to give a session credentials that renew themselves.
            session._credentials = credentials  # noqa: SLF001 (no public way)
        sdk = boto3.Session(botocore_session=session)
        session.register_component("data_loader", _loader(session.get_config_variable("data_path")))
        return sdk

    def _assume_role(self, role: AssumeRole, source: boto3.Session) -> boto3.Session:
        """Return a session of the role, whose credentials the source's renew before they expire."""
        if source.get_credentials() is None:
            raise NoCredentialsError
        request = {"RoleArn": role.role_arn, "RoleSessionName": role.session_name}
        if role.external_id is not None:
            request["ExternalId"] = role.external_id
        # One client for all renewals; it signs with the source's credentials, renewed themselves.
        self._clients["renewals"] = sts = self._new_client(source, "sts")
        refresh = create_assume_role_refresher(sts, request)
        return self._new_session(DeferredRefreshableCredentials(refresh_using=refresh, method="assume-role"))

    def _new_client(self, session: Any, service: str) -> Any:
        # The endpoint is Glue's alone: STS is found the SDK's way, or another account's keys
        # would be sent to whatever stands in for Glue.
        url = self._access.endpoint_url if service == "glue" else None
        client = session.client(service, region_name=self._access.aws_region, endpoint_url=url)
        bound_answers(client, self._timeouts, self._clock)
        return client


@cache
def _loader(data_path: str | None) -> Loader:
    """Return what reads the service models; shared, for Glue's has megabytes."""
    return create_loader(data_path)
