"""The demo needs no account and no network, and shows every status within a minute."""

from pathlib import Path

from tests.e2e.exposition import RUN, STATUSES
from tests.e2e.program import Program, wait_until


def test_all_five_statuses_are_seen_within_a_minute(tmp_path: Path) -> None:
    seen: set[str] = set()
    with Program(tmp_path, ("demo",)) as program:

        def all_seen() -> bool:
            current = program.scrape().series(f"{RUN}status")
            seen.update(labels["status"] for labels, value in current if value == 1)
            return seen == set(STATUSES)

        wait_until(all_seen, 60, "all five statuses")
