"""Runs as JSON and as a block of a configuration."""

import json
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from exporter import config
from exporter.cli.found_runs import FoundRun
from exporter.cli.runs_output import as_config, as_json
from exporter.model.run import Run

RUN_ID = "0f8fad5b-d9cb-469f-a165-70867728950e"
OTHER_ID = "7cfbfe8a-a54f-4c03-95ee-c4691f86e860"
KEYS = [
    "target", "aws_region", "catalog_id", "run_id", "database", "table", "status", "refresh_type", "role",
    "customer_id", "error_message", "creation_time", "start_time", "end_time", "last_updated", "dpu_seconds",
    "processed_bytes", "duration_seconds",
]  # fmt: skip


def found(target: str = "prod", **members: Any) -> FoundRun:
    run = Run(**{"run_id": RUN_ID, "database": "sales", "table": "orders", "status": "FAILED", **members})
    return FoundRun(target=target, aws_region="eu-west-1", catalog_id="123456789012", run=run)


def test_json_has_every_member_under_the_same_keys_with_times_in_utc() -> None:
    run = found(
        refresh_type="FULL",
        role="arn:aws:iam::123456789012:role/refresh",
        customer_id="123456789012",
        error_message="No access\nto x",
        creation_time=1_767_268_800.0,
        start_time=1_767_268_801.25,
        end_time=1_767_268_831.5,
        last_updated=1_767_268_832.0,
        dpu_seconds=12.5,
        processed_bytes=2**53 + 1,
    )
    (entry,) = json.loads(as_json([run], 0.0))
    assert entry == {
        "target": "prod",
        "aws_region": "eu-west-1",
        "catalog_id": "123456789012",
        "run_id": RUN_ID,
        "database": "sales",
        "table": "orders",
        "status": "FAILED",
        "refresh_type": "FULL",
        "role": "arn:aws:iam::123456789012:role/refresh",
        "customer_id": "123456789012",
        "error_message": "No access\nto x",
        "creation_time": "2026-01-01T12:00:00.000Z",
        "start_time": "2026-01-01T12:00:01.250Z",
        "end_time": "2026-01-01T12:00:31.500Z",
        "last_updated": "2026-01-01T12:00:32.000Z",
        "dpu_seconds": 12.5,
        "processed_bytes": 2**53 + 1,
        "duration_seconds": 30.25,
    }
    assert list(entry) == KEYS


def test_what_glue_did_not_report_is_null_in_json() -> None:
    bare = FoundRun(target="t", aws_region="r", catalog_id="c", run=Run(run_id="x"))
    (entry,) = json.loads(as_json([bare], 0.0))
    assert list(entry) == KEYS
    assert {key for key, value in entry.items() if value is not None} == {
        "target", "aws_region", "catalog_id", "run_id",
    }  # fmt: skip


def test_no_runs_are_an_empty_array() -> None:
    assert as_json([], 0.0) == "[]\n"


def test_a_run_that_is_still_going_has_its_duration_until_now() -> None:
    (entry,) = json.loads(as_json([found(status="RUNNING", start_time=100.0)], 160.0))
    assert (entry["duration_seconds"], entry["end_time"]) == (60.0, None)


@given(st.text())
def test_json_is_ascii_and_holds_any_text_unharmed(text: str) -> None:
    written = as_json([found(error_message=text)], 0.0)
    assert written.isascii()
    assert "".join(written.split("\n")).isprintable()
    assert json.loads(written)[0]["error_message"] == text


def test_the_block_names_view_and_status_of_each_run() -> None:
    assert as_config([found(), found(run_id=OTHER_ID, status=None, database=None, table=None)]) == (
        "    # of the target prod: aws_region eu-west-1, catalog_id 123456789012\n"
        "    runs:\n"
        f"      - {RUN_ID}  # sales.orders FAILED\n"
        f"      - {OTHER_ID}  # - without a status\n"
    )


def test_the_block_can_be_pasted_into_a_target() -> None:
    target = 'targets:\n  - name: prod\n    aws_region: eu-west-1\n    catalog_id: "123456789012"\n'
    text = target + as_config([found(), found(run_id=OTHER_ID)])
    (loaded,) = config.parse(text.encode(), "config.yaml").settings.targets
    assert loaded.run_ids == (RUN_ID, OTHER_ID)


def test_several_targets_are_several_documents() -> None:
    text = as_config([found("a"), found("b", run_id=OTHER_ID), found("a", run_id=OTHER_ID)])
    assert list(yaml.safe_load_all(text)) == [{"runs": [RUN_ID, OTHER_ID]}, {"runs": [OTHER_ID]}]


def test_no_runs_are_an_empty_block() -> None:
    assert yaml.safe_load(as_config([])) == {"runs": []}


@given(st.text(), st.text(), st.text())
def test_the_block_is_yaml_whatever_glue_says(run_id: str, table: str, status: str) -> None:
    """An ID that no configuration may hold is left to a comment."""
    text = as_config([found(run_id=run_id, table=table, status=status), found(table=table)])
    assert yaml.safe_load(text) == {"runs": [RUN_ID]}
