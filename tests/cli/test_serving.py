"""What the daemon does besides polling and serving."""

import gc

from exporter.cli import serving
from exporter.cli.main import run


def test_garbage_is_collected_again_once_the_daemon_has_started() -> None:
    gc.disable()
    try:
        serving.collect_garbage()
        assert gc.isenabled()
        assert gc.get_freeze_count() > 0, "modules and models are not gone through again"
    finally:
        gc.unfreeze()
        gc.enable()


def test_a_command_that_has_ended_leaves_the_collector_on() -> None:
    assert run(["--version"]) == 0
    assert gc.isenabled()
