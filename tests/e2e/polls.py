"""Waiting for polls, and what tests of defects ask of a scrape."""

from tests.e2e.exposition import EXPORTER, Exposition
from tests.e2e.program import Program
from tests.support.bare_glue import Call

VIEW = "glue_mv_refresh_view_"
LAST_POLL = f"{EXPORTER}target_last_poll_timestamp_seconds"
TARGET_UP = f"{EXPORTER}target_up"


def await_up(program: Program, seconds: float = 30, target: str = "test") -> Exposition:
    """Wait until a target is up."""
    return program.scrape_until(
        lambda now: now.value(TARGET_UP, target=target) == 1, seconds, f"{target} is up"
    )


def await_polls(program: Program, number: int = 1, target: str = "test", seconds: float = 40) -> Exposition:
    """Wait until so many more polls have ended. The second of them began after this was called."""
    scraped = program.scrape()
    for _ in range(number):
        before = scraped.value(LAST_POLL, target=target) or 0.0
        scraped = program.scrape_until(
            lambda now, before=before: (now.value(LAST_POLL, target=target) or 0.0) > before,  # type: ignore[misc]  # binds it now
            seconds,
            "the next poll has ended",
        )
    return scraped


def await_view(program: Program, table: str, seconds: float = 30) -> Exposition:
    """Wait until a view is up."""
    return program.scrape_until(
        lambda now: now.value(f"{VIEW}up", table=table) == 1, seconds, f"{table} is up"
    )


def offset(call: Call) -> int:
    """Return how many records come before the page that is asked for."""
    return int(str(call.parameters.get("NextToken", "0")).partition(".")[0])
