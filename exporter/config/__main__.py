"""Prints the JSON Schema of the configuration file, as it ships in ``config.schema.json``."""

import sys

from exporter.config import schema

sys.stdout.write(schema.text())
