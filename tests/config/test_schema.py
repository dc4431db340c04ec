"""The JSON Schema that ships, and the example that teaches."""

import json
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from exporter import config
from exporter.config import schema

HERE = Path(__file__).parent
EXAMPLE = HERE.parents[1] / "config.example.yaml"
DATA = HERE.parent / "testdata" / "config"
VALID = sorted(DATA.glob("valid/*.yaml"))
FOR_EDITORS_TOO = [
    "assume_role",
    "catalog_ids",
    "credentials",
    "defaults_of_own_keys",
    "durations",
    "keys_in_the_wrong_place",
    "keys_without_values",
    "list_at_the_top",
    "names",
    "nothing_to_watch",
    "owners",
    "region_and_regions",
    "regions",
    "request_rates",
    "role_arns",
    "role_arns_of_accounts",
    "run_ids",
    "runs_not_a_list",
    "runs_per_view",
    "runs_per_view_boolean",
    "runs_per_view_fraction",
    "runs_per_view_negative",
    "runs_per_view_text",
    "secrets_in_wrong_places",
    "source_tables",
    "target_is_text",
    "targets_a_mapping",
    "targets_empty",
    "targets_missing",
    "targets_without_value",
    "text_at_the_top",
    "unknown_keys",
    "views",
    "views_not_a_list",
    "views_too_long",
]
"""The mistakes that the schema finds by itself; the others are beyond JSON Schema."""


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
    """Renewed with: python -m exporter.config > exporter/config/config.schema.json."""
    shipped = resources.files("exporter.config").joinpath(schema.SCHEMA_FILE).read_text()
    assert shipped == schema.json_schema_text()
    assert json.loads(shipped) == schema.json_schema()


def test_it_is_a_schema_in_the_dialect_that_it_names() -> None:
    """Editors ask for it."""
    assert schema.json_schema()["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    Draft202012Validator.check_schema(schema.json_schema())


def test_every_key_is_described_and_no_other_is_allowed() -> None:
    """What an editor shows is the documentation."""
    sections = objects(schema.json_schema())
    assert len(sections) == 6
    for section in sections:
        assert section["additionalProperties"] is False
        for key, value in section["properties"].items():
            assert value.get("description"), key


def test_defaults_are_shown_as_people_write_them() -> None:
    """Not in seconds."""
    root = schema.json_schema()
    shown = {key: value.get("default") for key, value in root["properties"].items()}
    del shown["defaults"], shown["targets"]
    assert shown == {
        "poll_interval": "30s",
        "settle_period": "10m",
        "resync_interval": "15m",
        "runs_per_view": 1,
    }
    assert (
        config.parse(yaml.safe_dump({**shown, "targets": [{"views": ["*.*"]}]}).encode(), "f").settings
        == config.parse(b'targets: [{views: ["*.*"]}]', "f").settings
    )


def test_the_examples_in_it_are_valid() -> None:
    """An editor offers them."""
    root = schema.json_schema()
    for section in objects(root):
        for key, value in section["properties"].items():
            for example in value.get("examples", ()):
                assert Draft202012Validator({**value, "$defs": root["$defs"]}).is_valid(example), key


@pytest.mark.parametrize("file", [EXAMPLE, *VALID], ids=lambda file: file.stem)
def test_valid_files_are_valid_in_an_editor(file: Path) -> None:
    """The schema refuses nothing that the program takes."""
    assert errors(file) == []
    assert config.load(file).settings.targets


@pytest.mark.parametrize("stem", FOR_EDITORS_TOO)
def test_an_editor_finds_most_mistakes(stem: str) -> None:
    """Before the program does."""
    assert errors(DATA / "invalid" / f"{stem}.yaml")


def test_the_example_loads_without_a_warning() -> None:
    """It is what people begin with."""
    loaded = config.load(EXAMPLE)
    assert loaded.warnings == ()
    assert [one.name for one in loaded.settings.targets] == [
        "prod",
        "analytics",
        "lake/eu-west-1/123456789012:s3tablescatalog/lake",
        "lake/us-east-1/123456789012:s3tablescatalog/lake",
        "company/123456789012",
        "company/210987654321",
        "local",
    ]


def test_the_example_names_every_key() -> None:
    """A key that it leaves out would never be found; catalog_ids and aws_regions are among them."""
    written = EXAMPLE.read_text()
    for section in objects(schema.json_schema()):
        for key in section["properties"]:
            assert f"{key}:" in written, key


def test_the_defaults_that_the_example_writes_are_the_defaults() -> None:
    """To delete those lines changes nothing."""
    settings = config.load(EXAMPLE).settings
    least = config.parse(b'targets: [{views: ["*.*"]}]', "f").settings
    for name in ("poll_interval", "settle_period", "resync_interval", "runs_per_view"):
        assert getattr(settings, name) == getattr(least, name)
    assert settings.targets[0].max_requests_per_second == least.targets[0].max_requests_per_second


def test_what_the_example_calls_complete_is_complete() -> None:
    """The short form in its first comment."""
    assert (
        config.parse(b'targets:\n  - views: ["*.*"]\n', "f").summary == "1 targets, 0 runs, 1 view patterns"
    )
