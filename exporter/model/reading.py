"""What the poller needs of Glue. The Glue client implements it; a test may hand in its own."""

from typing import Protocol

from exporter.model.run import Run


class CatalogReader(Protocol):
    """Reads one catalog in one region. Calls may come from several threads at once."""

    def begin_poll(self, deadline: float) -> None:
        """Let calls of this poll wait (for the rate limit, say) until ``deadline``, in monotonic seconds."""

    def catalog_id(self) -> str:
        """Return the catalog ID: the configured one, or the account's (asked of STS once it is needed).

        Raises GlueError with reason ``credentials`` where the account cannot be found out.
        """

    def get_run(self, run_id: str) -> Run:
        """Fetch one run.

        Raises GlueError (``not_found`` for an ID that Glue does not know), or PollInterrupted.
        """
