"""The exporter as a program that polls without a pause: ``python -m benchmarks.busy FLAGS``.

The configuration's shortest ``poll_interval`` is five seconds; here the next poll begins when the last
one has ended, so that every scrape meets one.
"""

import argparse
from dataclasses import replace

from exporter.cli.exporter_process import make_exporter
from exporter.cli.loading import load_settings
from exporter.cli.logs import configure_logs
from exporter.cli.serving import serve_until_signal
from exporter.model.sharding import Shard
from exporter.web.address import ListenAddress

SHORT = 0.001
"""Seconds."""


def main() -> None:
    """Serve until a signal."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--config.file", dest="config")
    parser.add_argument("--web.listen-address", dest="address")
    parser.add_argument("--log.level", dest="level")
    arguments = parser.parse_args()
    configure_logs(arguments.level, "logfmt")
    settings = replace(load_settings(arguments.config, Shard()), poll_interval=SHORT)
    exporter = make_exporter(settings)
    serve_until_signal(exporter, settings, ListenAddress.parse(arguments.address))


if __name__ == "__main__":
    main()
