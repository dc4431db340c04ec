"""The JSON Schema of the configuration file, for editors and the Helm chart.

``python -m exporter.config`` prints what ships as ``config.schema.json``.
"""

import json
from typing import Any, Final

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from exporter.config.definition import Configuration

FILE_NAME: Final = "config.schema.json"


class _WithoutNull(GenerateJsonSchema):
    """None stands for a key that is not written; writing ``null`` is refused."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 (titles would repeat the keys)
        return False

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        if schema.get("default", ...) is None:
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)


def json_schema() -> dict[str, Any]:
    """Return the schema, in the dialect of draft 2020-12."""
    schema = Configuration.model_json_schema(schema_generator=_WithoutNull)
    return {"$schema": GenerateJsonSchema.schema_dialect, **schema}


def text() -> str:
    """Return the schema as it is written to the file."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"
