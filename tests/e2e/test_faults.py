"""Glue hangs, throttles, breaks off or answers rubbish: the last good values stay, and the metrics tell.

One exporter has a target per fault, each with a Glue of its own, and goes through three phases: all is
well; every Glue but one is faulty; all is well again.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median

import pytest

from exporter.errors import Reason
from exporter.glue import Timeouts
from tests.e2e.exposition import EXPORTER, RUN, Exposition
from tests.e2e.program import serve, target, wait_until
from tests.faults.table import ROWS, Operation, Row
from tests.support.bare_glue import GET_RUN, BareGlue
from tests.support.bare_records import sample_run, sample_run_id
from tests.support.ports import free_port

pytestmark = pytest.mark.timeout(240)

FAULTS: Mapping[str, Row] = {
    name: row
    for name, row in ROWS.items()
    if Operation.GET_RUN in row.operations and row.reason not in {None, Reason.NOT_FOUND}
}
RUN_IDS = {name: sample_run_id(number) for number, name in enumerate([*FAULTS, "healthy", "nowhere"])}
SUCCESS = f"{EXPORTER}target_last_success_timestamp_seconds"


@dataclass
class Story:
    """What was scraped in each phase."""

    well: Exposition
    faulty: Exposition
    recovered: Exposition
    scrapes: Sequence[float]
    """Seconds of each while Glue was faulty."""
    log_before: str
    log_of_faults: str


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Go through the three phases."""
    with ExitStack() as stack:
        glues = {name: stack.enter_context(BareGlue()) for name in (*FAULTS, "healthy")}
        for number, glue in enumerate(glues.values()):
            glue.records.put_run(sample_run(number, status="RUNNING"))
        urls = {name: glue.url for name, glue in glues.items()}
        urls["nowhere"] = f"http://127.0.0.1:{free_port()}"
        targets = [target(url, RUN_IDS[name], name=name) for name, url in urls.items()]
        config = {"poll_interval": "5s", "targets": targets}
        program = stack.enter_context(serve(tmp_path_factory.mktemp("faults"), config, "--log.format=json"))

        def all_are(value: int, scraped: Exposition) -> bool:
            return all(scraped.up(name) == value for name in FAULTS)

        well = program.scrape_until(
            lambda now: all_are(1, now) and now.up("nowhere") == 0, 30, "all targets are up at first"
        )
        log_before = program.log
        for name, row in FAULTS.items():
            glues[name].misbehave(row.fault)
        scrapes: list[float] = []

        def all_are_down() -> bool:
            reply = program.get("/metrics")
            scrapes.append(reply.seconds)
            return all_are(0, Exposition(reply.text))

        wait_until(all_are_down, 60, "all are down")
        assert program.get("/-/healthy").status == program.get("/-/ready").status == 200, "all the same"
        healthy_calls = glues["healthy"].count()
        faulty = program.scrape()
        glues["healthy"].wait_for_calls(healthy_calls + 1, seconds=10)
        log_of_faults = program.log.removeprefix(log_before)
        for glue in glues.values():
            glue.behave()
        recovered = program.scrape_until(lambda now: all_are(1, now), 30, "all targets recover")
        yield Story(well, faulty, recovered, scrapes, log_before, log_of_faults)


@pytest.mark.parametrize("name", FAULTS)
def test_the_last_good_values_stay_the_reason_is_counted_and_the_next_poll_recovers(
    story: Story, name: str
) -> None:
    run_id = RUN_IDS[name]
    assert story.faulty.up(name) == 0
    assert story.faulty.value(f"{RUN}up", run_id=run_id) == 0
    assert story.faulty.status(run_id) == "RUNNING"
    for value in ("dpu_seconds", "processed_bytes", "creation_timestamp_seconds", "info"):
        before = story.well.series(RUN + value, run_id=run_id)
        assert len(before) == 1
        assert story.faulty.series(RUN + value, run_id=run_id) == before
    assert story.faulty.failures(name, GET_RUN).keys() == {FAULTS[name].reason}
    assert f'"{name}"' in story.log_of_faults
    assert story.recovered.up(name) == 1
    assert story.recovered.value(f"{RUN}up", run_id=run_id) == 1
    well, faulty, recovered = (
        phase.value(SUCCESS, target=name) or 0 for phase in (story.well, story.faulty, story.recovered)
    )
    assert well <= faulty < recovered


def test_other_targets_are_unharmed(story: Story) -> None:
    for phase in (story.well, story.faulty, story.recovered):
        assert phase.up("healthy") == 1
        assert phase.failures("healthy") == {}
    before, after = (phase.value(SUCCESS, target="healthy") or 0 for phase in (story.well, story.faulty))
    assert after > before


def test_a_target_that_was_never_reached_is_down_and_has_no_values(story: Story) -> None:
    run_id = RUN_IDS["nowhere"]
    assert story.recovered.up("nowhere") == 0
    assert story.recovered.value(f"{RUN}up", run_id=run_id) == 0
    assert story.recovered.status(run_id) is None
    assert story.recovered.series(f"{RUN}info", run_id=run_id) == []
    assert story.recovered.failures("nowhere").keys() == {"unavailable"}
    assert story.recovered.value(SUCCESS, target="nowhere") is None


def test_no_scrape_waits_for_the_glue_that_hangs(story: Story) -> None:
    """One that did would take as long as a call's timeout. On an idle machine it takes milliseconds."""
    assert max(story.scrapes) < Timeouts().read
    assert median(story.scrapes) < 1


def test_every_log_line_is_json_without_traceback(story: Story) -> None:
    lines = (story.log_before + story.log_of_faults).splitlines()
    assert lines
    for line in lines:
        assert isinstance(json.loads(line), dict), line
