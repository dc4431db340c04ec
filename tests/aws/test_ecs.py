"""The example of a task definition: ECS's own model takes it, and it runs the image locked down."""

import json
from typing import Any

import botocore.session
from botocore.validate import validate_parameters

from tests.aws.conftest import ROOT

TASK: dict[str, Any] = json.loads((ROOT / "deploy" / "aws" / "ecs-task-definition.json").read_text())
CONFIGURATION, EXPORTER = TASK["containerDefinitions"]


def test_it_is_a_task_definition() -> None:
    model = botocore.session.get_session().get_service_model("ecs")
    shape = model.operation_model("RegisterTaskDefinition").input_shape
    assert shape
    validate_parameters(TASK, shape)


def test_the_exporter_is_locked_down() -> None:
    assert EXPORTER["user"] == "65532"
    assert EXPORTER["readonlyRootFilesystem"]
    assert EXPORTER["linuxParameters"] == {"capabilities": {"drop": ["ALL"]}}
    assert all(mount["readOnly"] for mount in EXPORTER["mountPoints"])


def test_its_health_check_is_that_of_the_image() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert f"CMD {json.dumps(EXPORTER['healthCheck']['command'][1:])}" in dockerfile
    assert EXPORTER["portMappings"][0]["containerPort"] == 10079


def test_the_configuration_is_where_the_image_looks_for_it() -> None:
    assert (
        "GLUE_MV_EXPORTER_CONFIG_FILE=/etc/glue-mv-exporter/config.yaml" in (ROOT / "Dockerfile").read_text()
    )
    assert "/etc/glue-mv-exporter/config.yaml" in CONFIGURATION["command"][0]
    compile(CONFIGURATION["command"][0], "command", "exec")
