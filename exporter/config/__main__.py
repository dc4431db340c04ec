"""Prints the JSON Schema of the configuration file, as it ships in ``config.schema.json``."""

import sys

from exporter.config.schema import json_schema_text

sys.stdout.write(json_schema_text())
