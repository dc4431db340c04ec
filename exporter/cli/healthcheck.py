"""``healthcheck``: asks this machine's running exporter whether it is healthy."""

import contextlib
import http.client
import ssl
from collections.abc import Sequence

import click

from exporter.cli import flags
from exporter.cli.logs import echo_error, printable
from exporter.cli.main import EXIT_FAILED
from exporter.errors import ConfigurationError
from exporter.model.settings import TlsSettings
from exporter.web.address import ListenAddress
from exporter.web.tls import TlsFileError, load_pair

TIMEOUT = 3.0
"""Seconds; shorter than a container runtime's patience."""
LONGEST = 1024
"""Bytes of the answer that are shown."""
NOT_HTTP = (http.client.HTTPException, ssl.SSLError, ConnectionResetError, BrokenPipeError)


@click.command("healthcheck")
@flags.listen_address
@flags.web_config_file
def command(web_listen_address: Sequence[ListenAddress], web_config_file: str | None) -> int:
    """Ask this machine's running exporter for /-/healthy.

    For container health checks, without curl or a password: give it the --web.* flags of the exporter. Of
    several addresses it asks the first.
    Exit status 0 if it is healthy, 1 if it is not or does not answer.
    """
    tls: TlsSettings | None = None
    if web_config_file:
        from exporter.config.web import load_web  # noqa: PLC0415 (a check without it takes a third of the time)

        with contextlib.suppress(ConfigurationError):
            tls = load_web(web_config_file).settings.tls
    # The exporter keeps its last valid configuration where the file has become invalid, or protects less: so
    # the other way is tried, too.
    encrypted = [_client_context(tls)] if web_config_file else []
    failures: list[Exception] = []
    for way in [*encrypted, None] if tls else [None, *encrypted]:
        try:
            status, text = _ask(web_listen_address[0], way)
        except (OSError, http.client.HTTPException) as error:
            failures.append(error)
            continue
        if status == http.client.OK:
            click.echo(text)
            return 0
        echo_error(f"not healthy: {text}")
        return EXIT_FAILED
    hint = ""
    if isinstance(failures[0], NOT_HTTP):
        if web_config_file is None:
            hint = " (if it speaks TLS, give its --web.config.file)"
        elif tls and tls.client_ca_file:
            hint = (
                " (it may require a client certificate; this command shows the one in cert_file, which an"
                " authority in client_ca_file must have signed, for clients too)"
            )
    # Whatever listens there may have said anything.
    reason = printable(str(failures[0]).strip()) or type(failures[0]).__name__
    echo_error(f"no healthy exporter: {reason}{hint}")
    return EXIT_FAILED


def _ask(address: ListenAddress, context: ssl.SSLContext | None) -> tuple[int, str]:
    """Return status and text of ``/-/healthy``; no context is plain HTTP. Raises OSError, HTTPException."""
    host, port = address.reachable_host(), address.port
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT)
    if context:
        connection = http.client.HTTPSConnection(host, port, timeout=TIMEOUT, context=context)
    with contextlib.closing(connection):
        connection.request("GET", "/-/healthy")
        answer = connection.getresponse()
        return answer.status, printable(answer.read(LONGEST).decode(errors="replace").strip())


def _client_context(tls: TlsSettings | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # It speaks to its own machine, under an address that no certificate needs to name.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if tls:  # a client certificate, where one is required
        # Without it if need be: the exporter, too, runs on with the pair that it has read before.
        with contextlib.suppress(TlsFileError):
            load_pair(context, tls)
    return context
