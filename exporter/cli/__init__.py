"""The command line: composes the parts. Each command has a module of its own."""

import signal

HANDLED_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def main() -> None:
    """Run the program."""
    # They wait until they are handled: imports take a moment, in which SIGHUP would end the process.
    signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED_SIGNALS)
    from exporter.cli.main import main as run  # noqa: PLC0415 (the signals have to wait first)

    run()
