"""The JSON Schema that ships, and the example that teaches."""

import json
from contextlib import suppress
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from exporter import config
from exporter.config import schema
from exporter.model.settings import Settings

HERE = Path(__file__).parent
EXAMPLE = HERE.parents[1] / "config.example.yaml"
DATA = HERE.parent / "testdata" / "config"
VALID = sorted(DATA.glob("valid/*.yaml"))
BEYOND = {
    *("duplicate_default_names", "duplicate_keys", "duplicate_names", "durations_too_long"),
    *("durations_too_short", "endpoint_by_default_without_catalog", "run_in_two_targets"),
    *("run_in_two_targets_of_one_role", "too_many_targets"),
}
"""The mistakes in well-formed YAML that the schema does not find: they are beyond JSON Schema."""


class _Loader(yaml.SafeLoader):
    """Takes dates for text, as editors do (YAML 1.2 knows none) and the exporter."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def errors(file: Path) -> list[Any]:
    document = yaml.load(file.read_text(), Loader=_Loader)  # noqa: S506 (it is a SafeLoader)
    return list(Draft202012Validator(schema.json_schema()).iter_errors(document))


def objects(node: Any) -> list[dict[str, Any]]:
    children = list(node.values()) if isinstance(node, dict) else node if isinstance(node, list) else []
    found = [inner for child in children for inner in objects(child)]
    return [node, *found] if isinstance(node, dict) and node.get("type") == "object" else found


def test_the_shipped_file_is_current() -> None:
    """Renewed by make generate."""
    shipped = resources.files("exporter.config").joinpath("config.schema.json").read_text()
    assert json.loads(shipped) == schema.json_schema()


def test_it_is_a_schema_in_the_dialect_that_it_names() -> None:
    assert schema.json_schema()["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    Draft202012Validator.check_schema(schema.json_schema())


def test_every_key_is_described_and_no_other_is_allowed() -> None:
    sections = objects(schema.json_schema())
    assert len(sections) == 8
    for section in sections:
        assert section["additionalProperties"] is False
        for key, value in section["properties"].items():
            assert value.get("description"), key


def test_the_defaults_that_it_shows_are_the_defaults() -> None:
    properties = schema.json_schema()["properties"]
    shown = {key: value["default"] for key, value in properties.items() if "default" in value}
    assert shown.keys() == properties.keys() - {"targets"}
    least = config.parse(b'targets: [{views: ["*.*"]}]', "f").settings
    written = yaml.safe_dump({**shown, "targets": [{"views": ["*.*"]}]}).encode()
    assert config.parse(written, "f").settings == least == Settings(targets=least.targets)


@pytest.mark.parametrize("file", [EXAMPLE, *VALID], ids=lambda file: file.stem)
def test_valid_files_are_valid_in_an_editor(file: Path) -> None:
    assert errors(file) == []
    assert config.load(file).settings.targets


def test_an_editor_finds_most_mistakes() -> None:
    found = {}
    for file in DATA.glob("invalid/[!a]*.yaml"):  # a schema has no limit to aliases
        with suppress(yaml.YAMLError, UnicodeError):
            found[file.stem] = bool(errors(file))
    assert {stem for stem, is_found in found.items() if not is_found} == BEYOND
    assert len(found) > 3 * len(BEYOND)


def test_the_example_loads_without_a_warning() -> None:
    loaded = config.load(EXAMPLE)
    assert loaded.warnings == ()


def test_the_example_names_every_key() -> None:
    written = EXAMPLE.read_text()
    for section in objects(schema.json_schema()):
        for key in section["properties"]:
            assert f"{key}:" in written, key


def test_the_defaults_that_the_example_writes_are_the_defaults() -> None:
    settings = config.load(EXAMPLE).settings
    least = config.parse(b'targets: [{views: ["*.*"]}]', "f").settings
    for name in ("poll_interval", "settle_period", "resync_interval", "runs_per_view"):
        assert getattr(settings, name) == getattr(least, name)
    assert settings.targets[0].max_requests_per_second == least.targets[0].max_requests_per_second
