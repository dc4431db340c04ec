"""Glue hangs, throttles, breaks off or answers rubbish: the last good values stay, and the metrics tell.

One exporter has a target per fault, each with a Glue of its own, and goes through three phases: all is
well; every Glue but one is faulty; all is well again.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median

import pytest

from exporter.glue import Timeouts
from tests.e2e.exposition import EXPORTER, RUN, Exposition
from tests.e2e.program import serve, target
from tests.support import bare_faults
from tests.support.bare_faults import Fault
from tests.support.bare_glue import BareGlue
from tests.support.bare_records import sample_run, sample_run_id
from tests.support.ports import free_port

pytestmark = pytest.mark.timeout(240)

FAULTS: Mapping[str, tuple[Fault, set[str]]] = {
    "hang": (bare_faults.HANG, {"timeout"}),
    "operation_timeout": (bare_faults.OPERATION_TIMEOUT, {"timeout"}),
    "throttled": (bare_faults.THROTTLED, {"throttled"}),
    "unavailable": (bare_faults.UNAVAILABLE, {"unavailable"}),
    "internal": (bare_faults.INTERNAL, {"unavailable"}),
    "cut_connection": (bare_faults.CUT_CONNECTION, {"unavailable"}),
    "reset_connection": (bare_faults.RESET_CONNECTION, {"unavailable"}),
    # Whether the connection or the answer is at fault is a matter of taste.
    "cut_body": (bare_faults.CUT_BODY, {"unexpected", "unavailable"}),
    "cut_text": (bare_faults.CUT_TEXT, {"unexpected"}),
    "access_denied": (bare_faults.ACCESS_DENIED, {"access_denied"}),
    "expired_token": (bare_faults.EXPIRED_TOKEN, {"credentials"}),
    "unrecognized_client": (bare_faults.error("UnrecognizedClientException"), {"credentials"}),
    "invalid_input": (bare_faults.INVALID_INPUT, {"invalid_input"}),
    "unheard_of": (bare_faults.error("NeverHeardOfException"), {"unexpected"}),
    "html": (bare_faults.HTML, {"unexpected"}),
    "empty": (bare_faults.EMPTY, {"unexpected"}),
    "empty_object": (bare_faults.EMPTY_OBJECT, {"unexpected"}),
    "null": (bare_faults.NULL, {"unexpected"}),
    "list": (bare_faults.LIST, {"unexpected"}),
    "string": (bare_faults.STRING, {"unexpected"}),
    "binary": (bare_faults.BINARY, {"unexpected"}),
    "deep_json": (bare_faults.DEEP_JSON, {"unexpected"}),
    "nan": (bare_faults.NAN, {"unexpected"}),
    "infinite": (bare_faults.INFINITE, {"unexpected"}),
    "text_as_number": (bare_faults.TEXT_AS_NUMBER, {"unexpected"}),
    "text_as_time": (bare_faults.TEXT_AS_TIME, {"unexpected"}),
    "huge_time": (bare_faults.HUGE_TIME, {"unexpected"}),
    "number_as_text": (bare_faults.NUMBER_AS_TEXT, {"unexpected"}),
    "record_as_list": (bare_faults.RECORD_AS_LIST, {"unexpected"}),
    "record_as_null": (bare_faults.RECORD_AS_NULL, {"unexpected"}),
}
ALL = {**FAULTS, "healthy": (Fault(), set[str]())}
GET = "GetMaterializedViewRefreshTaskRun"


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


def run_of(name: str) -> str:
    return sample_run_id(list(ALL).index(name))


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Go through the three phases."""
    with ExitStack() as stack:
        glues = {name: stack.enter_context(BareGlue()) for name in ALL}
        for name, glue in glues.items():
            number = list(ALL).index(name)
            glue.records.put_run(sample_run(number, status="RUNNING"))
        targets = [target(glue.url, run_of(name), name=name) for name, glue in glues.items()]
        nowhere = f"http://127.0.0.1:{free_port()}"
        targets.append(target(nowhere, sample_run_id(999), name="nowhere"))
        config = {"poll_interval": "5s", "targets": targets}
        folder = tmp_path_factory.mktemp("faults")
        program = stack.enter_context(serve(folder, config, "--log.format=json"))

        def up(scraped: Exposition, value: int) -> bool:
            return all(scraped.value(f"{EXPORTER}target_up", target=name) == value for name in FAULTS)

        well = program.scrape_until(
            lambda e: up(e, 1) and e.value(f"{EXPORTER}target_up", target="nowhere") == 0,
            30,
            "all targets are up at first",
        )
        log_before = program.log
        for name, (fault, _) in FAULTS.items():
            glues[name].misbehave(fault)
        scrapes: list[float] = []
        deadline = time.monotonic() + 60
        while True:
            reply = program.get("/metrics")
            scrapes.append(reply.seconds)
            assert reply.status == 200
            faulty = Exposition(reply.text)
            if up(faulty, 0):
                break
            still = [n for n in FAULTS if faulty.value(f"{EXPORTER}target_up", target=n)]
            assert time.monotonic() < deadline, f"still up: {still}\n{program.log}"
            time.sleep(0.1)
        healthy_calls = glues["healthy"].count()
        faulty = program.scrape()
        glues["healthy"].wait_for_calls(healthy_calls + 1, seconds=10)
        log_of_faults = program.log.removeprefix(log_before)
        for glue in glues.values():
            glue.behave()
        recovered = program.scrape_until(lambda e: up(e, 1), 30, "all targets recover")
        yield Story(well, faulty, recovered, scrapes, log_before, log_of_faults)


@pytest.mark.parametrize("name", FAULTS)
def test_the_last_good_values_stay_and_up_tells(story: Story, name: str) -> None:
    assert story.faulty.value(f"{EXPORTER}target_up", target=name) == 0
    assert story.faulty.value(f"{RUN}up", run_id=run_of(name)) == 0
    assert story.faulty.status(run_of(name)) == "RUNNING"
    for value in ("dpu_seconds", "processed_bytes", "creation_timestamp_seconds", "info"):
        before = story.well.series(RUN + value, run_id=run_of(name))
        assert len(before) == 1
        assert story.faulty.series(RUN + value, run_id=run_of(name)) == before


@pytest.mark.parametrize("name", FAULTS)
def test_the_reason_is_counted(story: Story, name: str) -> None:
    assert story.faulty.failures(name, GET).keys() <= FAULTS[name][1]
    assert story.faulty.failures(name, GET)


@pytest.mark.parametrize("name", FAULTS)
def test_the_next_poll_recovers(story: Story, name: str) -> None:
    assert story.recovered.value(f"{EXPORTER}target_up", target=name) == 1
    assert story.recovered.value(f"{RUN}up", run_id=run_of(name)) == 1
    success = f"{EXPORTER}target_last_success_timestamp_seconds"
    well, faulty, recovered = (
        e.value(success, target=name) or 0 for e in (story.well, story.faulty, story.recovered)
    )
    assert well <= faulty < recovered


def test_other_targets_are_unharmed(story: Story) -> None:
    for phase in (story.well, story.faulty, story.recovered):
        assert phase.value(f"{EXPORTER}target_up", target="healthy") == 1
        assert phase.failures("healthy") == {}
    success = f"{EXPORTER}target_last_success_timestamp_seconds"
    before, after = (e.value(success, target="healthy") or 0 for e in (story.well, story.faulty))
    assert after > before


def test_a_target_that_was_never_reached_is_down_and_has_no_values(story: Story) -> None:
    assert story.recovered.value(f"{EXPORTER}target_up", target="nowhere") == 0
    assert story.recovered.value(f"{RUN}up", run_id=sample_run_id(999)) == 0
    assert story.recovered.status(sample_run_id(999)) is None
    assert story.recovered.series(f"{RUN}info", run_id=sample_run_id(999)) == []
    assert story.recovered.failures("nowhere").keys() == {"unavailable"}
    assert story.recovered.value(f"{EXPORTER}target_last_success_timestamp_seconds", target="nowhere") is None


def test_no_scrape_waits_for_the_glue_that_hangs(story: Story) -> None:
    """One that did would take as long as a call's timeout. On an idle machine it takes milliseconds."""
    assert max(story.scrapes) < Timeouts().read
    assert median(story.scrapes) < 1


def test_every_log_line_is_json_without_traceback(story: Story) -> None:
    lines = (story.log_before + story.log_of_faults).splitlines()
    assert lines
    for line in lines:
        assert isinstance(json.loads(line), dict), line


def test_the_log_names_each_faulty_target(story: Story) -> None:
    for name in FAULTS:
        assert f'"{name}"' in story.log_of_faults, name
