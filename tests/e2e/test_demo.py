"""The demo needs no account and no network, and shows every status within a minute."""

from pathlib import Path

from tests.e2e.exposition import RUN, STATUSES
from tests.e2e.program import Program


def test_all_five_statuses_are_seen_within_a_minute(tmp_path: Path) -> None:
    seen: set[str] = set()
    databases: set[str] = set()
    with Program(tmp_path, ("demo",)) as program:

        def all_seen() -> bool:
            for labels, value in program.scrape().series(f"{RUN}status"):
                databases.add(labels["database"])
                if value == 1:
                    seen.add(labels["status"])
            return seen == set(STATUSES)

        program.scrape_until(lambda _: all_seen(), 60, "all five statuses")
        assert len(databases) > 1
        assert program.get("/").status == 200
