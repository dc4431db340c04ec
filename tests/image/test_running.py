"""The image runs as it is meant to: locked down as far as an engine can."""

import json
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.exposition import Exposition
from tests.e2e.program import target, wait_until
from tests.image.engine import LOCKED_DOWN, Container, Engine
from tests.support.bare_glue import BareGlue
from tests.support.bare_records import sample_run

LIMIT = 128 << 20


@pytest.fixture(scope="module")
def glue() -> Iterator[BareGlue]:
    with BareGlue() as glue:
        for number in range(3):
            glue.records.put_run(sample_run(number + 1))
        yield glue


def mounted(folder: Path, config: Mapping[str, Any]) -> str:
    """Write a configuration and return the option that puts it where the image looks for it."""
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
    (folder / "config.yaml").write_text(yaml.safe_dump(dict(config)))
    return f"--volume={folder}:/etc/glue-mv-exporter:ro"


@pytest.fixture
def configuration(tmp_path: Path, glue: BareGlue) -> str:
    runs = [run["MaterializedViewRefreshTaskRunId"] for run in (sample_run(number) for number in (1, 2, 3))]
    return mounted(tmp_path / "config", {"targets": [target(glue.url, *runs)]})


def scrape(container: Container) -> Exposition:
    with urllib.request.urlopen(f"http://127.0.0.1:{container.port}/metrics", timeout=60) as answer:
        return Exposition(answer.read().decode())


def up(container: Container) -> bool:
    return 'glue_mv_exporter_target_up{target="test"} 1' in scrape(container).text


def test_it_is_scraped_with_nothing_to_write_to_no_capability_no_shell_and_128_mb(
    engine: Engine, image: str, configuration: str
) -> None:
    with engine.container(image, options=[*LOCKED_DOWN, configuration]) as container:
        container.wait_for("msg=listening")
        wait_until(lambda: up(container), 90, "the target is up")
        assert scrape(container).text.count("glue_mv_refresh_run_up{") == 3

        process = container.status_of_process()
        assert process["Uid"].split() == ["65532"] * 4
        assert process["Gid"].split() == ["65532"] * 4 or process["Gid"].split() == ["0"] * 4
        assert {process[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
        assert process["NoNewPrivs"] == "1"
        assert container.memory("memory.limit_in_bytes", "memory.max") == LIMIT

        checked = container.healthcheck()
        assert (checked.returncode, checked.stdout.strip()) == (0, "")
        assert container.stop() == 0
        assert not container.state()["OOMKilled"]
        assert "msg=stopped" in container.log


def test_it_writes_nothing_even_where_it_could(engine: Engine, image: str, configuration: str) -> None:
    """As root, and with a layer to write to."""
    with engine.container(image, options=["--user=0", configuration]) as container:
        container.wait_for('msg="target is up"')
        assert container.healthcheck().returncode == 0
        written = json.loads(engine.podman("diff", "--format=json", container.name).stdout).get("added", [])
    # Where things are mounted is the engine's.
    assert [path for path in written if not path.startswith(("/etc", "/run", "/dev", "/proc", "/sys"))] == []


def test_its_state_is_written_to_a_volume_and_found_again(
    engine: Engine, image: str, configuration: str
) -> None:
    """A new volume belongs to the image's user, as the folder it is mounted on does."""
    options = [
        *LOCKED_DOWN, configuration, "--volume=state:/var/lib/glue-mv-exporter",
        "--env=GLUE_MV_EXPORTER_STORAGE_PATH=/var/lib/glue-mv-exporter",
    ]  # fmt: skip
    for _ in range(2):
        with engine.container(image, options=options) as container:
            container.wait_for('msg="target is up"')
            assert "glue_mv_exporter_storage_last_write_successful 1" in scrape(container).text
            assert container.stop() == 0
    place = engine.podman("volume", "inspect", "--format={{.Mountpoint}}", "state").stdout.strip()
    files = list(Path(place).iterdir())
    assert files
    assert {file.stat().st_uid for file in files} == {65532}


def test_its_health_check_fails_where_no_exporter_serves(engine: Engine, image: str) -> None:
    sleeping = "import time; time.sleep(60)"
    options = [*LOCKED_DOWN, "--entrypoint=/opt/glue-mv-exporter/bin/python3"]
    with engine.container(image, "-c", sleeping, options=options) as container:
        assert container.healthcheck().returncode == 1


def test_an_invalid_configuration_ends_it_with_2(engine: Engine, image: str, tmp_path: Path) -> None:
    option = mounted(tmp_path / "config", {"targets": []})
    ended = engine.run(image, options=[option])
    assert ended.returncode == 2
    assert "/etc/glue-mv-exporter/config.yaml:1: targets:" in ended.stderr


def test_the_demo_runs_locked_down_too(engine: Engine, demo_image: str) -> None:
    """It brings a whole simulated AWS, and so needs twice the memory."""
    options = [*LOCKED_DOWN, "--memory=256m", "--memory-swap=256m"]
    with engine.container(demo_image, options=options) as container:
        container.wait_for('msg="target is up"')
        assert scrape(container).text.count("glue_mv_refresh_view_up{") == 15
        assert container.healthcheck().returncode == 0
        assert container.stop() == 0
