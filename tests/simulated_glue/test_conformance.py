"""Holds the simulation against botocore's service model: what it takes, what it answers, how it refuses."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError

from exporter.simulated_glue import ManualClock, RunScript, RunStatus, SimulatedGlue, faults
from exporter.simulated_glue.validation import validate

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


def input_members() -> Iterator[tuple[str, str, Any]]:
    for operation in OPERATIONS:
        for name, shape in MODEL.operation_model(operation).input_shape.members.items():
            yield operation, name, shape


REQUIRED = [
    (operation, name)
    for operation in OPERATIONS
    for name in MODEL.operation_model(operation).input_shape.required_members
]


@pytest.mark.parametrize(("operation", "name"), REQUIRED)
def test_a_required_member_is_required(client: Any, operation: str, name: str) -> None:
    parameters = {key: value for key, value in VALID[operation].items() if key != name}
    assert refusal(client, operation, **parameters) == "InvalidInputException"


def outside(shape: Any) -> Iterator[Any]:
    """Yield values just outside of a member's constraints."""
    limits = shape.metadata
    if shape.type_name == "string":
        yield from ["x" * (limits["min"] - 1)] if limits.get("min") else []
        yield from ["x" * (limits["max"] + 1)] if "max" in limits else []
        yield from ["\0"] if "pattern" in limits else []
    else:
        yield from [limits["min"] - 1] if "min" in limits else []
        yield from [limits["max"] + 1] if "max" in limits else []


def just_inside(shape: Any) -> Iterator[Any]:
    """Yield values just inside of a member's limits."""
    for limit in ("min", "max"):
        if limit in shape.metadata:
            size = shape.metadata[limit]
            yield "x" * size if shape.type_name == "string" else size


OUTSIDE = [(op, name, value) for op, name, shape in input_members() for value in outside(shape)]
INSIDE = [(op, name, value) for op, name, shape in input_members() for value in just_inside(shape)]


@pytest.mark.parametrize(("operation", "name", "value"), OUTSIDE)
def test_a_value_outside_of_its_constraints_is_invalid_input(
    client: Any, operation: str, name: str, value: Any
) -> None:
    assert refusal(client, operation, **{**VALID[operation], name: value}) == "InvalidInputException"


@pytest.mark.parametrize(("operation", "name", "value"), INSIDE)
def test_a_value_at_its_limit_is_taken(client: Any, operation: str, name: str, value: Any) -> None:
    assert refusal(client, operation, **{**VALID[operation], name: value}) != "InvalidInputException"


def test_the_constraints_above_are_those_of_the_model() -> None:
    """The figures a reader knows from the API reference; the model may not lose them unseen."""
    assert (LIST, "MaxResults", 0) in OUTSIDE
    assert (LIST, "MaxResults", 1001) in OUTSIDE
    assert (START, "TableName", "x" * 256) in OUTSIDE
    assert (GET, "MaterializedViewRefreshTaskRunId") in REQUIRED


@pytest.mark.parametrize(
    "run_id",
    ["", "x", f"{uuid.UUID(int=1)}0", f" {uuid.UUID(int=1)}", f"{uuid.UUID(int=1)}\n", uuid.UUID(int=1).hex],
)
def test_a_run_id_fits_its_pattern_as_a_whole(client: Any, run_id: str) -> None:
    code = refusal(client, GET, CatalogId=ACCOUNT, MaterializedViewRefreshTaskRunId=run_id)
    assert code == "InvalidInputException"


def test_names_may_hold_any_character_that_the_pattern_allows(client: Any) -> None:
    """The pattern's surrogate pairs stand for the characters beyond the Basic Multilingual Plane."""
    parameters = {"CatalogId": ACCOUNT, "DatabaseName": "日本 🚀\t", "TableName": 'a"\\b'}
    assert call(client, LIST, **parameters)["MaterializedViewRefreshTaskRuns"] == []


@pytest.mark.parametrize(
    ("operation", "name", "value"),
    [
        (LIST, "MaxResults", "ten"),
        (LIST, "MaxResults", True),
        (GET, "CatalogId", 7),
        (START, "FullRefresh", "y"),
    ],
)
def test_a_wrong_json_type_cannot_be_read(client: Any, operation: str, name: str, value: Any) -> None:
    def send_json(request: Any, **_: Any) -> None:
        request.data = json.dumps({**VALID[operation], name: value}).encode()

    client.meta.events.register("request-created.glue", send_json)
    assert refusal(client, operation, **VALID[operation]) == "SerializationException"


def raise_errors(glue: SimulatedGlue, client: Any, operation: str) -> set[str | None]:
    """Bring about every error of an operation, one after the other; return their codes."""
    valid = VALID[operation]
    glue.add_table("sales", "plain")
    codes: set[str | None] = set()
    for fault in (faults.access_denied(), faults.operation_timeout()):
        glue.faults.add(fault, operation=operation, times=1)
        codes.add(refusal(client, operation, **valid))
    codes.add(refusal(client, operation, **{**valid, "CatalogId": ""}))
    if operation == GET:
        codes.add(refusal(client, GET, **valid))
    elif operation == START:
        codes.add(refusal(client, START, **{**valid, "TableName": "unknown"}))
        codes.add(refusal(client, START, **{**valid, "DatabaseName": "unknown"}))
        codes.add(refusal(client, START, **{**valid, "TableName": "plain"}))
        call(client, START, **valid)
        codes.add(refusal(client, START, **valid))
        glue.add_view("sales", "weekly")
        glue.runs().active_runs_limit = 1
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
    glue.add_view("sales", "daily")
    modelled = {shape.name for shape in MODEL.operation_model(operation).error_shapes}
    assert raise_errors(glue, client, operation) == modelled


def test_an_error_answer_names_its_type_and_message(client: Any) -> None:
    bodies: list[dict[str, Any]] = []
    client.meta.events.register(
        "before-parse.glue", lambda response_dict, **_: bodies.append(json.loads(response_dict["body"]))
    )
    with pytest.raises(client.exceptions.EntityNotFoundException) as caught:
        call(client, GET, **VALID[GET])
    assert bodies == [
        {
            "__type": "EntityNotFoundException",
            "Message": f"Materialized view refresh task run {uuid.UUID(int=1)} not found.",
        }
    ]
    assert caught.value.response["Error"]["Message"] == bodies[0]["Message"]


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


def unmodelled(shape: Any, value: Any, path: str = "") -> Iterator[str]:
    """Yield the members of a JSON value that the shape does not have."""
    if shape.type_name == "structure":
        for name, item in value.items():
            member = shape.members.get(name)
            if member is None:
                yield f"{path}.{name}"
            else:
                yield from unmodelled(member, item, f"{path}.{name}")
    elif shape.type_name == "list":
        for item in value:
            yield from unmodelled(shape.member, item, path)


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
        validate(shape, body)
        assert list(unmodelled(shape, body)) == []
        seen.setdefault(shape.name, set()).update(body)
        records = body.get(
            "MaterializedViewRefreshTaskRuns", [body.get("MaterializedViewRefreshTaskRun", {})]
        )
        for record in records:
            seen.setdefault("MaterializedViewRefreshTaskRun", set()).update(record)
            for name, found in values.items():
                found.update({record[name]} if name in record else set())

    shapes = [MODEL.operation_model(operation).output_shape for operation in OPERATIONS]
    record_shape = MODEL.shape_for("MaterializedViewRefreshTaskRun")
    assert seen == {shape.name: set(shape.members) for shape in [*shapes, record_shape]}
    assert values == {name: set(record_shape.members[name].enum) for name in values}


def test_the_statuses_of_the_scripts_are_those_of_the_model() -> None:
    assert set(RunStatus) == set(MODEL.shape_for("MaterializedViewRefreshState").enum)


def test_an_operation_that_glue_does_not_have_is_unknown(client: Any) -> None:
    def rename(request: Any, **_: Any) -> None:
        request.headers.replace_header("X-Amz-Target", "AWSGlue.BakeCake")

    client.meta.events.register("before-sign.glue", rename)
    assert refusal(client, LIST, **VIEW) == "UnknownOperationException"
