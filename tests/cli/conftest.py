import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.logging_state import logging_as_before


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    with logging_as_before():
        yield


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """Leave nothing of this machine's AWS configuration but made-up keys, in an empty working folder."""
    for variable in [name for name in os.environ if name.startswith(("AWS_", "GLUE_MV_EXPORTER_"))]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATESTTESTTESTTEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "do-not-print")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.chdir(tmp_path)
    return monkeypatch
