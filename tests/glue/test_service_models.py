"""What clients are made from is read once, and can be read beforehand."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from botocore.exceptions import DataNotFoundError, UnknownServiceError
from botocore.loaders import Loader

from exporter.glue.service_models import service_models

MAKE_A_CLIENT = """
import sys
import boto3
from exporter.clock import SystemClock
from exporter.glue import Timeouts, load_service_models
from exporter.glue.identity import Identity, sdk_session
from exporter.model.settings import Access

opened = []
sys.addaudithook(lambda event, told: opened.append(str(told[0])) if event == "open" else None)
identity = lambda: Identity(
    Access(aws_region="eu-west-1"), session_factory=sdk_session, timeouts=Timeouts(), clock=SystemClock()
)
for step in (load_service_models, lambda: identity().client("glue"), lambda: identity().client("glue")):
    opened.clear()
    step()
    models = [file for file in opened if "/botocore/data/" in file]
    print(*sorted({file.rpartition("/")[2].partition(".")[0] for file in models}), sep=",")
"""


def test_the_large_models_are_read_before_the_first_client_is_made() -> None:
    """Megabytes of JSON, while a large state is being opened; and nothing is read twice."""
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "do-not-print"}
    done = subprocess.run(
        [sys.executable, "-c", MAKE_A_CLIENT],
        env={**os.environ, **keys}, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    beforehand, first, second = (set(line.split(",")) for line in done.stdout.splitlines())
    assert beforehand == {"endpoints", "service-2"}
    assert not first & beforehand
    assert second == {""}


@pytest.mark.parametrize("name", ["glue", "sts"])
@pytest.mark.parametrize("kind", ["service-2", "endpoint-rule-set-1", "paginators-1"])
def test_a_model_is_the_one_that_the_sdk_itself_would_have_read(name: str, kind: str) -> None:
    """Those that are compressed, those that are not, and those with additions in a file of their own."""
    theirs = Loader().load_service_model(name, kind)
    ours = service_models(None).load_service_model(name, kind)
    assert ours == theirs
    assert list(ours) == list(theirs)


def test_more_models_are_found_where_the_sdk_is_told_to_look(tmp_path: Path) -> None:
    """As for an API that is newer than the SDK: AWS_DATA_PATH."""
    folder = tmp_path / "glue" / "2999-01-01"
    folder.mkdir(parents=True)
    (folder / "service-2.json").write_text('{"metadata": {"serviceId": "Glue"}}')
    newest = service_models(str(tmp_path)).load_service_model("glue", "service-2")
    assert newest == {"metadata": {"serviceId": "Glue"}}


def test_a_model_that_is_not_there_is_the_sdks_own_error(tmp_path: Path) -> None:
    models = service_models(str(tmp_path))
    with pytest.raises(UnknownServiceError):
        models.load_service_model("glu", "service-2")
    with pytest.raises(DataNotFoundError):
        models.load_service_model("glue", "service-3")
    with pytest.raises(DataNotFoundError):
        models.load_data("nothing")
