"""A run is fetched at every poll until it is settled, and then never again; its end is one log line."""

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain, pairwise
from statistics import median

import pytest

from tests.e2e.exposition import RUN, Exposition
from tests.e2e.program import Program, serve, target, wait_until
from tests.support.bare_glue import GET_RUN, BareGlue, Call
from tests.support.bare_records import sample_run, sample_run_id

pytestmark = pytest.mark.timeout(180)

COMPLETE, WITHOUT_DPU, OLD_WITHOUT_DPU, JUST_ENDED, ACTIVE, GOING = (
    sample_run_id(number) for number in range(1, 7)
)
ERROR = 'The definer role "x" lost access.\nGrant SELECT again = soon \\ \U0001f512'


@dataclass
class Story:
    """Two exporters of the same runs: the first settles at once and speaks logfmt, the second JSON."""

    glues: list[BareGlue]
    programs: list[Program]
    scraped: list[Exposition]
    quiet_from: list[str]
    quiet_to: list[str]
    reads_before_the_end: list[int]
    began: float
    """When a run of the second one had just ended, in seconds of ``time.monotonic``."""


def fill(glue: BareGlue, now: float) -> list[str]:
    old = sample_run(1)
    without_dpu = {name: value for name, value in old.items() if name != "DPUSeconds"}
    records = (
        old,
        {**without_dpu, "MaterializedViewRefreshTaskRunId": WITHOUT_DPU, "EndTime": now - 60},
        {**without_dpu, "MaterializedViewRefreshTaskRunId": OLD_WITHOUT_DPU},
        {**old, "MaterializedViewRefreshTaskRunId": JUST_ENDED, "EndTime": now, "LastUpdated": now},
        sample_run(5, status="RUNNING"),
        sample_run(6, status="RUNNING"),
    )
    return [glue.records.put_run(record) for record in records]


def await_reads(glues: list[BareGlue], number: int) -> None:
    """Wait until the run that goes on was read so often, and a moment more, for what else the poll does."""
    for glue in glues:
        glue.wait_for_calls(number, GET_RUN, run_id=GOING, seconds=90)
    time.sleep(0.5)


def end_at_its_next_read(glue: BareGlue) -> int:
    """Let a run end right before it is read the next time; return how often it was read before that."""
    reads: list[int] = []

    def end(call: Call) -> None:
        if call.run_id == ACTIVE and not reads:
            reads.append(glue.count(GET_RUN, run_id=ACTIVE) - 1)
            ended = time.time() - 30  # Glue's clock, as its last answer told it, is behind
            how = {"Status": "FAILED", "EndTime": ended, "LastUpdated": ended, "ErrorMessage": ERROR}
            glue.records.put_run({**glue.records.run(ACTIVE), **how})

    glue.judge = end
    wait_until(lambda: reads, 60, "it is read")
    return reads[0]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Let two exporters poll, end one run, and let them poll on."""
    with ExitStack() as stack:
        glues = [stack.enter_context(BareGlue()) for _ in range(2)]
        programs = []
        for glue, settle_period, log_format in zip(glues, ("0s", "12s"), ("logfmt", "json"), strict=True):
            began = time.monotonic()
            watched = target(glue.url, *fill(glue, time.time()), max_requests_per_second=50)
            config = {"poll_interval": "5s", "settle_period": settle_period, "targets": [watched]}
            folder = tmp_path_factory.mktemp(log_format)
            programs.append(stack.enter_context(serve(folder, config, f"--log.format={log_format}")))
        await_reads(glues, 2)
        quiet_from = [program.log for program in programs]
        await_reads(glues, 3)
        quiet_to = [program.log for program in programs]
        reads_before_the_end = [end_at_its_next_read(glue) for glue in glues]
        await_reads(glues, max(reads_before_the_end) + 4)
        scraped = [program.scrape() for program in programs]
        yield Story(glues, programs, scraped, quiet_from, quiet_to, reads_before_the_end, began)


def test_an_ended_run_is_fetched_once_and_never_again(story: Story) -> None:
    assert story.glues[0].count(run_id=COMPLETE) == 1
    assert story.scraped[0].status(COMPLETE) == "SUCCEEDED"
    assert story.scraped[0].value(f"{RUN}up", run_id=COMPLETE) == 1


def test_a_run_without_its_dpu_seconds_is_fetched_at_every_poll_for_an_hour(story: Story) -> None:
    for glue in story.glues:
        assert abs(glue.count(run_id=WITHOUT_DPU) - glue.count(run_id=GOING)) <= 1
        assert glue.count(run_id=WITHOUT_DPU) >= 5
        assert glue.count(run_id=OLD_WITHOUT_DPU) == 1


def test_a_run_is_read_until_its_settle_period_has_passed(story: Story) -> None:
    """Ended when the exporter started, settled 12 s later: read at every poll until then, and once more."""
    assert story.glues[0].count(run_id=JUST_ENDED) <= 2
    reads, polls = ([call.at for call in story.glues[1].calls(run_id=one)] for one in (JUST_ENDED, GOING))
    assert abs(len(reads) - sum(at <= reads[-1] for at in polls)) <= 1
    # Glue's clock is behind: the first of them may be too early by that.
    assert 1 <= sum(at > story.began + 12 for at in reads) <= 2
    assert len(reads) < len(polls)


def test_a_run_that_ends_is_read_once_more_and_settled(story: Story) -> None:
    assert story.glues[0].count(run_id=ACTIVE) == story.reads_before_the_end[0] + 1
    assert story.glues[0].count(run_id=GOING) >= story.reads_before_the_end[0] + 4
    for scraped in story.scraped:
        assert scraped.status(ACTIVE) == "FAILED"


def test_polls_are_a_poll_interval_apart(story: Story) -> None:
    """The second one may come earlier: then each target goes on at a time of its own."""
    all_times = [[call.at for call in glue.calls(GET_RUN, run_id=GOING)] for glue in story.glues]
    gaps = [[later - earlier for earlier, later in pairwise(times)] for times in all_times]
    assert min(first for first, *_ in gaps) < 7.5, gaps
    assert 3.5 < median(chain.from_iterable(others for _, *others in gaps)) < 7.5, gaps


def test_no_line_per_poll_nor_for_runs_that_had_ended_before(story: Story) -> None:
    """Else every start would look like a burst of refreshes."""
    assert story.quiet_from == story.quiet_to
    for program in story.programs:
        assert COMPLETE not in program.log


def test_logfmt_logs_hold_one_line_for_the_end_with_its_message(story: Story) -> None:
    lines = story.programs[0].log.splitlines()
    for line in lines:
        assert re.fullmatch(r'(\w[\w.]*=("(\\.|[^"\\])*"|[^\s"=]*)( |$))+', line), line
    ends = [line for line in lines if ACTIVE in line]
    assert len(ends) == 1, story.programs[0].log
    assert 'The definer role \\"x\\" lost access.\\nGrant SELECT' in ends[0]
