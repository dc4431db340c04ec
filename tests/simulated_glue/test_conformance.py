"""Holds the simulation against botocore's service model: what it takes, what it answers, how it refuses."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator

from exporter.simulated_glue import RunScript, RunStatus, SimulatedGlue
from exporter.simulated_glue.runbook import ACTIVE_RUNS_LIMIT
from tests.support.clock import ManualClock

MODEL: Any = botocore.session.get_session().get_service_model("glue")
ACCOUNT = "123456789012"
VIEW = {"CatalogId": ACCOUNT, "DatabaseName": "sales", "TableName": "daily"}
GET, LIST, START, STOP = OPERATIONS = (
    "GetMaterializedViewRefreshTaskRun",
    "ListMaterializedViewRefreshTaskRuns",
    "StartMaterializedViewRefreshTaskRun",
    "StopMaterializedViewRefreshTaskRun",
)
VALID: dict[str, dict[str, Any]] = {
    GET: {"CatalogId": ACCOUNT, "MaterializedViewRefreshTaskRunId": str(uuid.UUID(int=1))},
    LIST: VIEW,
    START: VIEW,
    STOP: VIEW,
}
METHODS = {
    GET: "get_materialized_view_refresh_task_run",
    LIST: "list_materialized_view_refresh_task_runs",
    START: "start_materialized_view_refresh_task_run",
    STOP: "stop_materialized_view_refresh_task_run",
}
GLUES_OWN = {"AccessDeniedException", "OperationTimeoutException"}
"""Errors for which the simulation has no cause."""


def call(client: Any, operation: str, **parameters: Any) -> dict[str, Any]:
    answer: dict[str, Any] = getattr(client, METHODS[operation])(**parameters)
    return answer


def refusal(client: Any, operation: str, **parameters: Any) -> str | None:
    """Return the code of the error that the call meets, None if it meets none."""
    try:
        call(client, operation, **parameters)
    except ClientError as error:
        response = error.response
    else:
        return None
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 400
    return str(response["Error"]["Code"])


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_required_member_is_required(client: Any, operation: str) -> None:
    for name in MODEL.operation_model(operation).input_shape.required_members:
        parameters = {key: value for key, value in VALID[operation].items() if key != name}
        assert refusal(client, operation, **parameters) == "InvalidInputException", name


@pytest.mark.parametrize(
    ("operation", "name", "inside", "outside"),
    [
        (LIST, "MaxResults", [1, 1000], [0, 1001, "ten"]),
        (LIST, "DatabaseName", ["x", "x" * 255, "日本 🚀\t"], ["", "x" * 256]),
        (START, "TableName", ['a"\\b'], ["", "x" * 256]),
        (STOP, "CatalogId", ["x" * 255], ["", "x" * 256]),
        (START, "FullRefresh", [True], ["yes", 1]),
        (GET, "MaterializedViewRefreshTaskRunId", [str(uuid.UUID(int=2))], ["", "x", f"{uuid.UUID(int=1)}0"]),
        (GET, "MaterializedViewRefreshTaskRunId", [], [f"{uuid.UUID(int=1)}\n", uuid.UUID(int=1).hex]),
    ],
)
def test_a_value_must_fit_its_type_and_its_constraints(
    client: Any, operation: str, name: str, inside: list[Any], outside: list[Any]
) -> None:
    """The figures are those of the API reference."""

    def outcome(value: Any) -> str | None:
        def send_json(request: Any, **_: Any) -> None:  # botocore would turn a number into a text
            request.data = json.dumps({**VALID[operation], name: value}).encode()

        client.meta.events.register_first("request-created.glue", send_json)
        try:
            return refusal(client, operation, **VALID[operation])
        finally:
            client.meta.events.unregister("request-created.glue", send_json)

    assert "InvalidInputException" not in map(outcome, inside)
    assert {outcome(value) for value in outside} == {"InvalidInputException"}


def errors_of(glue: SimulatedGlue, client: Any, operation: str) -> set[str | None]:
    """Bring about the errors of an operation, one after the other; return their codes."""
    valid = VALID[operation]
    glue.add_view("sales", "daily")
    glue.add_table("sales", "plain")
    codes = {refusal(client, operation, **{**valid, "CatalogId": ""})}
    if operation == GET:
        codes.add(refusal(client, GET, **valid))
    elif operation == START:
        for other in ({"TableName": "unknown"}, {"DatabaseName": "unknown"}, {"TableName": "plain"}):
            codes.add(refusal(client, START, **{**valid, **other}))
        call(client, START, **valid)
        codes.add(refusal(client, START, **valid))
        glue.add_view("sales", "weekly")
        for _ in range(ACTIVE_RUNS_LIMIT):
            glue.runs().add_run("sales", "hourly")
        codes.add(refusal(client, START, **{**valid, "TableName": "weekly"}))
    elif operation == STOP:
        codes.add(refusal(client, STOP, **valid))
        call(client, START, **valid)
        call(client, STOP, **valid)
        codes.add(refusal(client, STOP, **valid))
    return codes


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_modelled_error_can_be_met_and_no_other(
    glue: SimulatedGlue, client: Any, operation: str
) -> None:
    modelled = {shape.name for shape in MODEL.operation_model(operation).error_shapes}
    assert errors_of(glue, client, operation) == modelled - GLUES_OWN


Bodies = list[tuple[Any, dict[str, Any]]]


@pytest.fixture
def bodies(client: Any) -> Bodies:
    """Every JSON answer as it came over the wire, beside its operation's output shape."""
    seen: Bodies = []

    def note(operation_model: Any, response_dict: Any, **_: Any) -> None:
        seen.append((operation_model.output_shape, json.loads(response_dict["body"])))

    client.meta.events.register("before-parse.glue", note)
    return seen


def watch_all_states(glue: SimulatedGlue, clock: ManualClock, client: Any) -> None:
    """Let one run of each kind go from its start to its end, read by both operations all the way."""
    for outcome in (RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.STOPPED):
        for refresh_type in ("FULL", "INCREMENTAL"):
            glue.runs().add_run("sales", "daily", RunScript(outcome=outcome, refresh_type=refresh_type))
    pages = client.get_paginator("list_materialized_view_refresh_task_runs")
    for _ in range(8):
        for page in pages.paginate(CatalogId=ACCOUNT, PaginationConfig={"PageSize": 5}):
            for run in page["MaterializedViewRefreshTaskRuns"]:
                run_id = run["MaterializedViewRefreshTaskRunId"]
                call(client, GET, CatalogId=ACCOUNT, MaterializedViewRefreshTaskRunId=run_id)
        clock.advance(10)


def records_in(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from body.get("MaterializedViewRefreshTaskRuns", [])
    if "MaterializedViewRefreshTaskRun" in body:
        yield body["MaterializedViewRefreshTaskRun"]


def test_answers_hold_every_modelled_member_and_nothing_besides(
    glue: SimulatedGlue, clock: ManualClock, client: Any, bodies: Bodies
) -> None:
    """Over a run's life each member of the record is there at some time, with values of the model."""
    watch_all_states(glue, clock, client)
    glue.add_view("sales", "daily")
    call(client, START, **VIEW)
    call(client, STOP, **VIEW)

    seen: dict[str, set[str]] = {}
    values: dict[str, set[Any]] = {"Status": set(), "RefreshType": set()}
    for shape, body in bodies:
        report = ParamValidator().validate(body, shape)
        assert not report.has_errors(), report.generate_report()
        seen.setdefault(shape.name, set()).update(body)
        for record in records_in(body):
            seen.setdefault("MaterializedViewRefreshTaskRun", set()).update(record)
            for name, found in values.items():
                found.add(record[name])

    shapes = [MODEL.operation_model(operation).output_shape for operation in OPERATIONS]
    record_shape = MODEL.shape_for("MaterializedViewRefreshTaskRun")
    assert seen == {shape.name: set(shape.members) for shape in [*shapes, record_shape]}
    assert values == {name: set(record_shape.members[name].enum) for name in values}
