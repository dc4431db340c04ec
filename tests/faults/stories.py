"""What happens at each moment: good polls, the fault, what is expected then, and the recovery."""

import time
from collections.abc import Callable, Iterator, Mapping

from tests.e2e.exposition import Exposition
from tests.faults import invariants as check
from tests.faults.house import WATCHED, House, catalog_of
from tests.faults.table import Moment, Operation

Story = Callable[[House], Iterator[str]]
STOPS_WITHIN = 3.0
"""Seconds until the last poll has ended; the program itself waits for two, and leaves the rest behind."""


def faulty_poll(house: House, before: Exposition | None) -> tuple[Exposition, list[str]]:
    """Poll with the faults in force, and judge it."""
    house.faulty = True
    after = house.poll(resync=True)
    house.faulty = False
    problems = list(check.is_unharmed(before, after))
    for cell in house.cells:
        problems += check.fails_as_expected(cell, after)
        if before:
            problems += check.keeps_last_good_values(cell, before, after)
    return after, problems


def recovery(house: House, before: Exposition) -> tuple[Exposition, list[str]]:
    """Poll twice more, with all as it should be, and judge: the second reads what the resync finds."""
    house.poll()
    after = house.poll()
    problems = list(check.is_unharmed(before, after))
    if answered := [cell.target for cell in house.cells if cell.is_answer]:
        after = house.poll(answered, resync=True)
    for cell in house.cells:
        problems += check.has_recovered(cell, after)
        problems += check.has_nothing_wrong(cell, before, check.values(after, catalog_of(cell)))
    return after, problems


def at_the_first_poll(house: House) -> Iterator[str]:
    """Nothing is known yet."""
    faulty, problems = faulty_poll(house, None)
    yield from problems
    yield from recovery(house, faulty)[1]


def after_good_polls(house: House) -> Iterator[str]:
    """All is known, and stays."""
    good = house.poll()
    for cell in house.cells:
        yield from check.has_recovered(cell, good)
    faulty, problems = faulty_poll(house, good)
    yield from problems
    recovered, problems = recovery(house, faulty)
    yield from problems
    for cell in house.cells:
        yield from check.has_nothing_wrong(cell, recovered, check.values(good, catalog_of(cell)))


def while_a_run_settles(house: House) -> Iterator[str]:
    """Count the run once; what Glue tells of it later is added once, however often it is read."""
    house.poll()
    house.change_run(WATCHED, Status="SUCCEEDED", EndTime=round(time.time()), DPUSeconds=None)
    ended = house.poll()
    for cell in house.cells:
        yield from counts(ended, catalog_of(cell), runs=1, dpu_seconds=0)
    house.change_run(WATCHED, DPUSeconds=42.0)
    house.faulty = True
    faulty = house.poll(resync=True)
    house.faulty = False
    yield from check.is_unharmed(ended, faulty)
    for cell in house.cells:
        yield from check.fails_as_expected(cell, faulty)
    recovered, problems = recovery(house, ended)
    del problems  # what was known when it ended is no longer true
    for cell in house.cells:
        yield from check.has_recovered(cell, recovered)
        yield from counts(recovered, catalog_of(cell), runs=1, dpu_seconds=42)


def counts(scraped: Exposition, catalog_id: str, *, runs: int, dpu_seconds: float) -> Iterator[str]:
    """Return what is counted otherwise of the catalog's view."""
    for name, expected in (("runs_total", runs), ("dpu_seconds_total", dpu_seconds)):
        found = sum(value for _, value in scraped.series(check.VIEW + name, catalog_id=catalog_id))
        if found != expected:
            yield f"catalog {catalog_id}: {name} is {found} instead of {expected}"


def while_the_exporter_stops(house: House) -> Iterator[str]:
    """End polls at once, whatever their calls do, and take nothing in any more."""
    known = [cell for cell in house.cells if cell.operation is not Operation.GET_CALLER_IDENTITY]
    good = house.poll([cell.target for cell in known])
    house.clock.advance(1000.0)
    house.faulty = True
    house.glue.forget_calls()
    threads = house.begin_polls([cell.target for cell in house.cells])
    house.glue.wait_for_calls(10)
    began = time.monotonic()
    house.end_polls()
    for thread in threads:
        thread.join(10)
    if (seconds := time.monotonic() - began) > STOPS_WITHIN:
        yield f"polls ended {seconds:.1f} s after they should"
    after = Exposition(house.scrape())
    for cell in known:
        yield from check.keeps_last_good_values(cell, good, after)


STORIES: Mapping[Moment, Story] = {
    Moment.FIRST_POLL: at_the_first_poll,
    Moment.STEADY: after_good_polls,
    Moment.MID_LISTING: after_good_polls,
    Moment.SETTLING: while_a_run_settles,
    Moment.SHUTDOWN: while_the_exporter_stops,
}


def tell(house: House) -> list[str]:
    """Go through the story of the house's moment; return all that went otherwise than it must."""
    problems = list(STORIES[house.moment](house))
    problems += check.scrapes_are_quick(house)
    problems += check.the_limit_is_kept(house.glue.calls())
    return problems
