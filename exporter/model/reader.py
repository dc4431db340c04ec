"""What the poller needs of Glue. The Glue client implements it; a test may hand in its own."""

from typing import Protocol

from exporter.model.run import Page, Run
from exporter.model.view import SourceTable, View


class CatalogReader(Protocol):
    """Reads one catalog in one region. Calls may come from several threads at once.

    They raise GlueError, with reason ``not_found`` for what Glue does not know, or PollInterrupted. A record
    of a page that cannot be read is among its ``malformed``; a page that cannot be read raises.
    """

    def until(self, deadline: float, *, first: bool = True) -> "CatalogReader":
        """Return a reader of the same catalog whose calls wait for the rate limit until ``deadline`` at most.

        In monotonic seconds. With ``first`` its calls go before those of readers without it.
        """

    def catalog_id(self) -> str:
        """Return the catalog ID: the configured one, or the account's (from STS once it is needed)."""

    def get_run(self, run_id: str) -> Run:
        """Fetch one run. Its ``run_id`` is spelled as Glue writes it, which may differ in case."""

    def list_runs(
        self,
        *,
        database: str | None = None,
        table: str | None = None,
        next_token: str | None = None,
        max_results: int = 1000,
    ) -> Page[Run]:
        """Fetch one page of the runs of the catalog, of one database or of one table, in an unknown order.

        ``max_results``: from 1 to 1,000.
        """

    def get_databases(self, *, next_token: str | None = None) -> Page[str]:
        """Fetch one page of the catalog's databases."""

    def get_tables(
        self, database: str, *, catalog_id: str | None = None, next_token: str | None = None
    ) -> Page[View | SourceTable]:
        """Fetch one page of a database's tables; ``catalog_id``: of another catalog than the target's."""

    def get_table(self, database: str, table: str, *, catalog_id: str | None = None) -> View | SourceTable:
        """Fetch one table: a View if it is a materialized view."""
