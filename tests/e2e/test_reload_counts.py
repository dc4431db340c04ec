"""A reload in the middle of a poll counts no old runs, and its rates hold from its first moment on."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.polls import VIEW, await_polls, await_up, await_view, offset
from tests.e2e.program import Program, serve, target, write_config
from tests.e2e.test_kill import counted
from tests.e2e.test_views import LIST_RUNS, view_run, watching
from tests.support.bare_faults import ACCESS_DENIED, Fault, slow
from tests.support.bare_glue import GET_RUN, BareGlue, Call
from tests.support.bare_records import sample_run

LIFECYCLE = "--web.enable-lifecycle"


@pytest.fixture
def glue() -> Iterator[BareGlue]:
    with BareGlue() as bare:
        yield bare


def reload(program: Program, config: dict[str, object]) -> None:
    """Hand the program another configuration."""
    write_config(program.folder, config)
    reply = program.get("/-/reload", method="POST")
    assert reply.status == 200, reply.text


def test_a_view_added_during_a_long_listing_counts_none_of_its_old_runs(
    glue: BareGlue, tmp_path: Path
) -> None:
    """Its baseline is a listing that was read for it from the first page to the last."""

    def slow_from_the_sixth_page_on(call: Call) -> Fault | None:
        return slow(3.0) if call.operation == LIST_RUNS and offset(call) >= 5_000 else None

    now = time.time()
    for database, table in (("sales", "orders"), ("finance", "ledger"), ("hr", "people")):
        glue.records.put_view(database, table, refresh_seconds=3600, CreateTime=now - 30 * 86_400)
    for number in range(200):
        record = view_run(number, "hr", "people", now=now)
        glue.records.put_run({**record, "CreationTime": record["CreationTime"] + 3600})
    for number in range(200, 7_000):
        glue.records.put_run(view_run(number, ("sales", "finance")[number % 2], "orders", now=now))
    glue.judge = slow_from_the_sixth_page_on
    with serve(tmp_path, watching(glue, "sales.*", "finance.*"), LIFECYCLE) as program:
        glue.wait_for_calls(6, LIST_RUNS)
        reload(program, watching(glue, "sales.*", "finance.*", "hr.people"))
        await_view(program, "people", 60)
        scraped = await_polls(program, 2)
        assert counted(scraped) == {}
        success = scraped.value(f"{VIEW}last_success_timestamp_seconds", table="people")
        assert success is not None, "its runs are known all the same"


def many_runs(glue: BareGlue, number: int) -> list[str]:
    """Put runs that only single calls can read, and each poll asks for."""
    glue.misbehave(ACCESS_DENIED, operation=LIST_RUNS)
    return [glue.records.put_run(sample_run(place, status="RUNNING")) for place in range(number)]


def seconds_for(glue: BareGlue, calls: int, among: set[str]) -> float:
    """Wait for so many calls for these runs; return what passed between the first and the last."""
    glue.wait_for_calls(calls, GET_RUN, seconds=60)
    while len(made := [call.at for call in glue.calls(GET_RUN) if call.run_id in among]) < calls:
        glue.wait_for_calls(glue.count(GET_RUN) + 1, GET_RUN, seconds=60)
    return made[calls - 1] - made[0]


def test_a_lower_rate_holds_as_soon_as_it_is_loaded(glue: BareGlue, tmp_path: Path) -> None:
    """Also for the many calls of four targets that were waiting for their turn at the old rate."""
    runs = many_runs(glue, 200)

    def sharing(rate: int) -> dict[str, object]:
        return {
            "targets": [
                target(glue.url, *runs[part::4], name=f"part-{part}", max_requests_per_second=rate)
                for part in range(4)
            ]
        }

    with serve(tmp_path, sharing(10), LIFECYCLE) as program:
        glue.wait_for_calls(20, GET_RUN)
        reload(program, sharing(1))
        glue.forget_calls()
        assert seconds_for(glue, 12, set(runs)) >= 6


def test_a_new_target_is_polled_at_the_new_rate_from_its_first_request_on(
    glue: BareGlue, tmp_path: Path
) -> None:
    """Targets with the same access share the lowest of their rates."""
    first, *others = many_runs(glue, 60)
    fast = target(glue.url, first, max_requests_per_second=500)
    slower = [
        target(glue.url, run_id, name=f"new-{number}", max_requests_per_second=1)
        for number, run_id in enumerate(others)
    ]
    with serve(tmp_path, {"targets": [fast]}, LIFECYCLE) as program:
        await_up(program)
        reload(program, {"targets": [fast, *slower]})
        assert seconds_for(glue, 8, set(others)) >= 4
