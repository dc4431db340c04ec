"""``healthcheck``: asks this machine's running exporter whether it is healthy."""

import contextlib
import http.client
import ssl
from dataclasses import dataclass

import click

from exporter.cli import flags
from exporter.cli.logs import echo_error, printable
from exporter.cli.main import EXIT_FAILED
from exporter.errors import ConfigurationError
from exporter.model.settings import ClientAuthType, TlsSettings
from exporter.web.address import ListenAddress
from exporter.web.tls import TlsFileError, load_pair

TIMEOUT = 3.0
"""Seconds; shorter than a container runtime's patience."""
_LONGEST = 1024
"""Bytes of the answer that are shown."""


class CertificateRefusedError(Exception):
    """The exporter wants a client's certificate that this command does not have."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What ``/-/healthy`` says."""

    status: int
    text: str


@click.command("healthcheck")
@flags.listen_address
@flags.web_config_file
def command(web_listen_address: ListenAddress, web_config_file: str | None) -> int:
    """Ask this machine's running exporter for /-/healthy.

    For container health checks, without curl or a password: give it the --web.* flags of the exporter.
    Exit status 0 if it is healthy, 1 if it is not or does not answer.
    """
    try:
        answer = _ask_as_configured(web_listen_address, web_config_file)
    except CertificateRefusedError:
        click.echo(
            "the exporter runs, and asks for a client certificate: its own one, which this command shows,"
            " does not do, so whether it polls is not known",
            err=True,
        )
        return 0
    except (OSError, http.client.HTTPException) as error:
        # Whatever listens there may have said anything.
        reason = printable(str(error).strip()) or type(error).__name__
        is_no_http = isinstance(error, http.client.HTTPException | ConnectionResetError)
        hint = " (if it speaks TLS, give its --web.config.file)" * (is_no_http and web_config_file is None)
        echo_error(f"no healthy exporter: {reason}{hint}")
        return EXIT_FAILED
    if answer.status != http.client.OK:
        echo_error(f"not healthy: {answer.text}")
        return EXIT_FAILED
    click.echo(answer.text)
    return 0


def _ask_as_configured(address: ListenAddress, web_config_file: str | None) -> Answer:
    """Ask with TLS or without, as the file says first, and then the other way.

    The exporter keeps its last good configuration where the file has become invalid, or protects less.
    """
    if web_config_file is None:
        return _ask(address, None)
    tls = _tls_settings(web_config_file)
    ways = [None, _client_context(tls)]
    if tls is not None:
        ways.reverse()
    required = tls is not None and tls.client_auth_type is ClientAuthType.REQUIRE_AND_VERIFY_CLIENT_CERT
    try:
        return _ask(address, ways[0], certificate_required=required)
    except (OSError, http.client.HTTPException):
        try:
            other = _ask(address, ways[1])
        except (OSError, http.client.HTTPException):
            other = None
        # What is no exporter, or not in this way, says so in its own words.
        if other is None or other.status not in {http.client.OK, http.client.SERVICE_UNAVAILABLE}:
            raise
        return other


def _tls_settings(file: str) -> TlsSettings | None:
    """Return what the file asks for; None for plain HTTP, and where it is invalid."""
    from exporter.config.web import load_web  # noqa: PLC0415 (takes three times as long as a check without it)

    try:
        return load_web(file).settings.tls
    except ConfigurationError:
        return None


def _client_context(tls: TlsSettings | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # It speaks to its own machine, under an address that no certificate needs to name.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if tls is not None and tls.client_auth_type is ClientAuthType.REQUIRE_AND_VERIFY_CLIENT_CERT:
        # In TLS 1.3 a handshake that is complete on this side proves that the exporter is there, whatever
        # it then thinks of the certificate.
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        # Without it if need be: the exporter, too, runs on with the pair that it has read before.
        with contextlib.suppress(TlsFileError):
            load_pair(context, tls)
    return context


def _ask(
    address: ListenAddress, context: ssl.SSLContext | None, *, certificate_required: bool = False
) -> Answer:
    """Ask. Raises OSError, HTTPException, CertificateRefusedError."""
    host, port = address.reachable_host(), address.port
    connection = (
        http.client.HTTPSConnection(host, port, timeout=TIMEOUT, context=context)
        if context
        else http.client.HTTPConnection(host, port, timeout=TIMEOUT)
    )
    try:
        connection.connect()
        try:
            connection.request("GET", "/-/healthy")
            answer = connection.getresponse()
        except (ssl.SSLError, ConnectionError) as error:
            if certificate_required:
                raise CertificateRefusedError from error
            raise
        return Answer(answer.status, printable(answer.read(_LONGEST).decode(errors="replace").strip()))
    finally:
        connection.close()
