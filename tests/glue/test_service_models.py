"""What clients are made from is read once, and can be read beforehand."""

import os
import subprocess
import sys

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
