"""What the poller needs of Glue. The Glue client implements it; a test may hand in its own."""

from typing import Protocol

from exporter.model.run import Run, RunListing
from exporter.model.source import SourceTable
from exporter.model.view import DatabaseListing, TableListing, View


class CatalogReader(Protocol):
    """Reads one catalog in one region. Calls may come from several threads at once."""

    def until(self, deadline: float, *, first: bool = True) -> "CatalogReader":
        """Return a reader of the same catalog whose calls wait for the rate limit no longer.

        ``deadline`` is in monotonic seconds. With ``first`` its calls go before those of readers without it.
        """

    def catalog_id(self) -> str:
        """Return the catalog ID: the configured one, or the account's (STS is asked when it is first needed).

        Raises GlueError with reason ``credentials`` where the account cannot be found out.
        """

    def get_run(self, run_id: str) -> Run:
        """Fetch one run. Its ``run_id`` is spelled as Glue writes it.

        Raises GlueError (``not_found`` for an ID that Glue does not know), or PollInterrupted.
        """

    def list_runs(
        self,
        *,
        database: str | None = None,
        table: str | None = None,
        next_token: str | None = None,
        max_results: int = 1000,
    ) -> RunListing:
        """Fetch one page of the runs of the catalog, of one database or of one table; 1 to 1,000 a page.

        The order is not documented. A record that cannot be read is among the ``malformed``; a page that
        cannot be read raises. Raises GlueError or PollInterrupted, like all that follow.
        """

    def get_databases(self, *, next_token: str | None = None) -> DatabaseListing:
        """Fetch one page of the catalog's databases."""

    def get_tables(
        self, database: str, *, catalog_id: str | None = None, next_token: str | None = None
    ) -> TableListing:
        """Fetch one page of the database's tables: materialized views, and the others in a few words.

        ``catalog_id``: of another catalog in the same region, for the sources of a view; by default the
        target's own.
        """

    def get_table(self, database: str, table: str, *, catalog_id: str | None = None) -> View | SourceTable:
        """Fetch one table: a View if it is a materialized view. ``catalog_id`` as above.

        Raises GlueError ``not_found`` where there is no such table.
        """
