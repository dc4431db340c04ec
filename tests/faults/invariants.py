"""What must hold after every step, whatever goes wrong. Each function returns what does not, in sentences."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from tests.e2e.exposition import EXPORTER, RUN, Exposition
from tests.faults.house import CONFIGURED, NEIGHBOUR, RATE, House, catalog_of
from tests.faults.table import STS, Cell
from tests.support.bare_glue import Call
from tests.support.bare_records import sample_run_id

VIEW = "glue_mv_refresh_view_"
MOVING = {f"{RUN}duration_seconds", f"{RUN}up", f"{VIEW}up"}
"""Series that change by themselves, or tell whether the others are fresh."""
QUICKLY = 3.0
"""Seconds for a scrape, in a process that polls dozens of targets at once on a busy machine."""

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


def scrapes_are_quick(house: House) -> Iterator[str]:
    """Find no scrape that waited for Glue."""
    if (slowest := max(house.seconds_of_scrapes)) > QUICKLY:
        yield f"a scrape took {slowest:.1f} s"


def the_limit_is_kept(calls: Sequence[Call]) -> Iterator[str]:
    """Find no target that asks Glue more often than it may, however long one looks; retries count.

    One second's worth is allowed for besides: requests reach a busy server late, and then all at once.
    """
    times: dict[str, list[float]] = defaultdict(list)
    for call in calls:
        if call.operation not in {str(operation) for operation in STS}:
            times[call.access_key].append(call.at)
    for key, at in times.items():
        for seconds in (1.0, 3.0, 10.0):
            most = max(sum(start <= one < start + seconds for one in at) for start in at)
            if most > RATE * (seconds + 1):
                yield f"{key}: {most} requests in {seconds} s"
