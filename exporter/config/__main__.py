"""Prints the JSON Schema of the configuration file, as it ships in ``config.schema.json``."""

import json
import sys

from exporter.config.schema import json_schema

sys.stdout.write(json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n")
