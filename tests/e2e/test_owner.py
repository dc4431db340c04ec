"""Who is told when a view is in trouble: a label of the view, as it is configured."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.exposition import Exposition
from tests.e2e.program import serve, target, wait_until, write_config
from tests.support.bare_glue import BareGlue

INFO = "glue_mv_refresh_view_info"


def watching(glue: BareGlue, *views: Any, **more: Any) -> dict[str, Any]:
    """Return a configuration that watches these views."""
    watched = target(glue.url, views=list(views), **more)
    del watched["runs"]
    return {"poll_interval": "5s", "targets": [watched]}


def owners(scraped: Exposition) -> dict[str, str]:
    """Return the owner of each view."""
    return {f"{one['database']}.{one['table']}": one["owner"] for one, _ in scraped.series(INFO)}


@pytest.fixture
def glue() -> Iterator[BareGlue]:
    with BareGlue() as bare:
        for database, table in (("sales", "orders"), ("sales", "stock"), ("hr", "people")):
            bare.records.put_view(database, table, refresh_seconds=3600)
        yield bare


def test_a_pattern_names_the_owner_else_the_target_and_a_reload_changes_it(
    glue: BareGlue, tmp_path: Path
) -> None:
    stock = {"database": "sales", "table": "stock", "owner": "team-stock"}
    first = watching(glue, "*.*", stock, owner="team-data")
    with serve(tmp_path, first, "--web.enable-lifecycle") as program:
        wait_until(lambda: program.get("/-/ready").status == 200, 30, "ready")
        assert owners(program.scrape()) == {
            "sales.orders": "team-data",
            "sales.stock": "team-stock",
            "hr.people": "team-data",
        }
        write_config(tmp_path, watching(glue, "*.*", {**stock, "owner": "team-finance"}))
        assert program.get("/-/reload", method="POST").status == 200
        assert owners(program.scrape()) == {
            "sales.orders": "",
            "sales.stock": "team-finance",
            "hr.people": "",
        }
