"""What happens at each moment, and what must hold after every step, whatever goes wrong.

Functions return what does not hold, in sentences.
"""

import time
from collections.abc import Callable, Iterator, Mapping

from tests.e2e.exposition import EXPORTER, RUN, Exposition
from tests.faults.house import CONFIGURED, NEIGHBOUR, WATCHED, House, catalog_of
from tests.faults.table import Cell, Moment
from tests.support.bare_records import sample_run_id

VIEW = "glue_mv_refresh_view_"
MOVING = {f"{RUN}duration_seconds", f"{RUN}up", f"{VIEW}up"}
"""Series that change by themselves, or tell whether the others are fresh."""
Values = frozenset[tuple[str, frozenset[tuple[str, str]], float]]


def values(scraped: Exposition, catalog_id: str) -> Values:
    return frozenset(
        (name, frozenset(labels.items()), value)
        for name in scraped.names()
        if name.startswith((RUN, VIEW)) and name not in MOVING
        for labels, value in scraped.series(name, catalog_id=catalog_id)
    )


def fails_as_expected(cell: Cell, scraped: Exposition) -> Iterator[str]:
    """Find the operation's own failure counted alone, with the right reason, and the target's state."""
    counted = scraped.failures(cell.target, cell.operation)
    expected = {str(cell.reason)} if cell.reason else set()
    if counted.keys() != expected:
        yield f"{cell}: counted {dict(counted)} instead of {expected}"
    everything = scraped.failures(cell.target)
    if everything != counted:
        yield f"{cell}: failures of other operations: {everything}"
    up = scraped.value(f"{EXPORTER}target_up", target=cell.target)
    if up != int(cell.harmless):
        yield f"{cell}: target_up is {up}"


def has_nothing_wrong(cell: Cell, scraped: Exposition, truth: Values) -> Iterator[str]:
    """Find nothing shown that never was good. That a schedule is not known yet is true, too."""
    for name, labels, value in values(scraped, catalog_of(cell)) - truth:
        if ("refresh_mode", "unknown") not in labels:
            yield f"{cell}: {name}{dict(labels)} {value} was never true"


def keeps_last_good_values(cell: Cell, before: Exposition, after: Exposition) -> Iterator[str]:
    """Find nothing lost: what was known stays, value for value."""
    for name, labels, value in values(before, catalog_of(cell)) - values(after, catalog_of(cell)):
        yield f"{cell}: {name}{dict(labels)} {value} is lost"


def has_recovered(cell: Cell, scraped: Exposition) -> Iterator[str]:
    """Find everything, after good polls, as if nothing had been."""
    catalog_id = catalog_of(cell)
    ups = {
        "target_up": scraped.value(f"{EXPORTER}target_up", target=cell.target),
        "run_up": scraped.value(f"{RUN}up", catalog_id=catalog_id),
        "view_up": scraped.value(f"{VIEW}up", catalog_id=catalog_id),
    }
    if set(ups.values()) != {1}:
        yield f"{cell}: after good polls {ups}"


def is_unharmed(before: Exposition | None, after: Exposition) -> Iterator[str]:
    """Find the neighbour up, polled again, and without a failure."""
    if after.value(f"{EXPORTER}target_up", target=NEIGHBOUR) != 1 or after.failures(NEIGHBOUR):
        yield f"the neighbour is down: {after.failures(NEIGHBOUR)}"
    name = f"{EXPORTER}target_last_success_timestamp_seconds"
    earlier = before.value(name, target=NEIGHBOUR) or 0.0 if before else 0.0
    if (after.value(name, target=NEIGHBOUR) or 0.0) <= earlier:
        yield "the neighbour was not polled"
    catalog_id = catalog_of(None)
    if not after.series(f"{RUN}info", catalog_id=catalog_id, run_id=sample_run_id(CONFIGURED)):
        yield "the neighbour lost its run"


Story = Callable[[House], Iterator[str]]


def faulty_poll(house: House, before: Exposition | None) -> tuple[Exposition, list[str]]:
    """Poll with the faults in force, and judge it."""
    house.faulty = True
    after = house.poll(resync=True)
    house.faulty = False
    problems = list(is_unharmed(before, after))
    for cell in house.cells:
        problems += fails_as_expected(cell, after)
        if before:
            problems += keeps_last_good_values(cell, before, after)
    return after, problems


def recovery(house: House, before: Exposition) -> tuple[Exposition, list[str]]:
    """Poll twice more, with all as it should be, and judge: the second reads what the resync finds."""
    house.poll()
    after = house.poll()
    problems = list(is_unharmed(before, after))
    if answered := [cell.target for cell in house.cells if cell.is_answer]:
        after = house.poll(answered, resync=True)
    for cell in house.cells:
        problems += has_recovered(cell, after)
        problems += has_nothing_wrong(cell, before, values(after, catalog_of(cell)))
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
        yield from has_recovered(cell, good)
    faulty, problems = faulty_poll(house, good)
    yield from problems
    recovered, problems = recovery(house, faulty)
    yield from problems
    for cell in house.cells:
        yield from has_nothing_wrong(cell, recovered, values(good, catalog_of(cell)))


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
    yield from is_unharmed(ended, faulty)
    for cell in house.cells:
        yield from fails_as_expected(cell, faulty)
    recovered, problems = recovery(house, ended)
    del problems  # what was known when it ended is no longer true
    for cell in house.cells:
        yield from has_recovered(cell, recovered)
        yield from counts(recovered, catalog_of(cell), runs=1, dpu_seconds=42)


def counts(scraped: Exposition, catalog_id: str, *, runs: int, dpu_seconds: float) -> Iterator[str]:
    """Return what is counted otherwise of the catalog's view."""
    for name, expected in (("runs_total", runs), ("dpu_seconds_total", dpu_seconds)):
        found = sum(value for _, value in scraped.series(VIEW + name, catalog_id=catalog_id))
        if found != expected:
            yield f"catalog {catalog_id}: {name} is {found} instead of {expected}"


STORIES: Mapping[Moment, Story] = {
    Moment.FIRST_POLL: at_the_first_poll,
    Moment.STEADY: after_good_polls,
    Moment.MID_LISTING: after_good_polls,
    Moment.SETTLING: while_a_run_settles,
}


def tell(house: House) -> list[str]:
    """Go through the story of the house's moment; return all that went otherwise than it must."""
    return list(STORIES[house.moment](house))
