"""What Glue answers, body by body: an answer of the operation, or one clear error; never anything else."""

import json
import math
from dataclasses import astuple
from typing import Any

from hypothesis import example
from hypothesis import strategies as st

from exporter.glue import responses
from exporter.model.run import Run
from tests.fuzz.hostile import JSON, JSON_SCALARS, TEXT, as_json, damaged, fuzzed
from tests.support.bare_records import sample_run

OPERATIONS = st.sampled_from(sorted(responses.MAIN_MEMBERS))
DEFINITION = {
    "RefreshSeconds": 3600,
    "IsManaged": True,
    "ViewVersionId": -1,
    "SubObjects": ["arn:aws:glue:eu-west-1:123456789012:table/sales/orders"],
    "SubObjectVersionIds": [1],
    "SubObjectsStatistics": [{"SourceType": "ICEBERG"}],
}
TABLE = {
    "Name": "orders",
    "IsMaterializedView": True,
    "UpdateTime": 1_700_000_000,
    "Owner": "finance",
    "Parameters": {"table_type": "ICEBERG"},
    "IcebergTableMetadata": {},
    "ViewDefinition": DEFINITION,
}
MEMBERS = st.sampled_from([*sample_run(1), *TABLE, "EndTime", "Status", "ErrorMessage"])
DEFINITIONS = st.dictionaries(st.sampled_from([*DEFINITION]), JSON, max_size=4).map(
    lambda more: {**TABLE, "ViewDefinition": {**DEFINITION, **more}}
)
SEEDS = st.sampled_from([sample_run(1), TABLE, {**TABLE, "IsMaterializedView": False}]) | DEFINITIONS
"""Right in themselves, so that also what is read last in a record is often reached."""
RECORDS = st.builds(
    lambda right, more: {**right, **more}, SEEDS, st.dictionaries(MEMBERS | TEXT, JSON, max_size=8)
)


ANSWERS = st.builds(
    lambda operation, entry, several, token: as_json(
        {
            responses.MAIN_MEMBERS[operation][0]: [entry] * several if several else entry,
            **({} if token is None else {"NextToken": token}),
        }
    ),
    OPERATIONS,
    RECORDS | JSON,
    st.integers(0, 2),
    JSON_SCALARS,
)


def judge_record(entry: object) -> None:
    """Read a record as each kind of record."""
    for read in (
        responses.parse_run,
        lambda entry: responses.parse_run(entry, requested_id="x"),
        lambda entry: responses.parse_table(entry, "d"),
    ):
        try:
            value = read(entry)
        except responses.MalformedError as error:
            assert str(error).isprintable()
            assert len(str(error)) < 200
            continue
        if value:
            for found in value if isinstance(value, Run) else astuple(value):
                assert_plain(found)


def assert_plain(value: Any) -> None:
    """Fail where a value could break what is made of it later."""
    if isinstance(value, str):
        value.encode()
    elif isinstance(value, float):
        assert math.isfinite(value)
        assert value >= 0
        assert math.copysign(1, value) == 1
    elif isinstance(value, tuple):
        for each in value:
            assert_plain(each)
    else:
        assert value is None or (isinstance(value, int) and 0 <= value < 2**63)


@fuzzed(OPERATIONS, ANSWERS | damaged(ANSWERS) | st.binary(max_size=300), share=32)
@example("GetTable", b'{"Table":' + b"[" * 100_000 + b"]" * 100_000 + b"}")
@example("GetTable", b'{"Table":' + b'{"a":' * 50_000)
@example("GetTables", b'{"TableList":[' + b"9" * 5000 + b"]}")
@example("GetTables", b'{"TableList":[' + b"[" * 100_000 + b"]" * 100_000 + b',{"Name":"\xff"}]}')
@example("GetTable", b'{"Table":{"Name":"\\ud800","IsMaterializedView":true}}')
@example("GetDatabases", b'{"DatabaseList":[{"MaterializedViewRefreshTaskRunId":"a","LastUpdated":-0.0}]}')
def test_any_answer(operation: str, body: bytes) -> None:
    try:
        answer = responses.read_answer(operation, body)
    except responses.MalformedError as error:
        assert str(error).isprintable()
        return
    assert isinstance(answer.main, responses.MAIN_MEMBERS[operation][1])
    assert answer.next_token is None or answer.next_token.encode()
    for entry in answer.main if isinstance(answer.main, list) else [answer.main]:
        judge_record(entry)
    if isinstance(answer.main, list):
        listed = responses.parse_runs(answer)
        assert len(listed.items) + len(listed.malformed) == len(answer.main)
        for bad in listed.malformed:
            assert_plain(bad.name)
        tables = responses.parse_tables(answer, database="d")
        assert len(tables.items) + len(tables.malformed) == len(answer.main)


@fuzzed(st.binary(max_size=200) | JSON.map(as_json) | damaged(ANSWERS), share=6)
def test_any_error_body_becomes_one_that_botocore_can_read(body: bytes) -> None:
    readable = json.loads(responses.readable_error_body(body))
    assert isinstance(readable, dict)
    assert all(isinstance(value, str) for value in readable.values())
