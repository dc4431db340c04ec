"""``healthcheck``: asks this machine's running exporter whether it is healthy."""

import http.client

import click

from exporter.cli import flags
from exporter.cli.logs import printable
from exporter.cli.main import EXIT_FAILED
from exporter.web.address import ListenAddress

TIMEOUT = 3.0
"""Seconds; shorter than a container runtime's patience."""


@click.command("healthcheck")
@flags.listen_address
def command(web_listen_address: ListenAddress) -> int:
    """Ask this machine's running exporter for /-/healthy.

    For container health checks, without curl: give it the --web.* flags of the exporter. Exit status 0 if
    it is healthy, 1 if it is not or does not answer.
    """
    connection = http.client.HTTPConnection(
        web_listen_address.reachable_host(), web_listen_address.port, timeout=TIMEOUT
    )
    try:
        connection.request("GET", "/-/healthy")
        answer = connection.getresponse()
        text = printable(answer.read(1024).decode(errors="replace").strip())
    except (OSError, http.client.HTTPException) as error:
        # Whatever listens there may have said anything.
        reason = printable(str(error).strip()) or type(error).__name__
        click.echo(f"no healthy exporter: {reason}", err=True)
        return EXIT_FAILED
    finally:
        connection.close()
    if answer.status != http.client.OK:
        click.echo(f"not healthy: {text}", err=True)
        return EXIT_FAILED
    click.echo(text)
    return 0
