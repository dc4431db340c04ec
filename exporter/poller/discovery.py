"""Reads when source tables were last changed: each once, however many views use it, in few calls.

The pages of a target's own databases are read anyway, for the views. The sources of any other database are
read by name, or with the pages of that database where these are fewer.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from exporter.errors import GlueError, Reason
from exporter.model.reader import CatalogReader
from exporter.model.view import SourceTable, TableListing, View, parse_source_arn
from exporter.poller.listing import pages

REFUSED: Final = frozenset({Reason.ACCESS_DENIED, Reason.NOT_FOUND, Reason.INVALID_INPUT})
"""Failures that asking again at once does not change."""

Answer = float | str
"""When a source was last changed, as Unix time; or why that is not known, in a word or two."""


class SourceDatabase(NamedTuple):
    """A database that holds sources."""

    catalog_id: str | None
    """None: the target's own catalog."""
    name: str


class SourceReader:
    """Of one target. A resync notes what it has listed, makes a plan, and then reads each database of it."""

    def __init__(self, aws_region: str | None) -> None:
        self._aws_region = aws_region
        self._listed: dict[str, dict[str, SourceTable]] = {}
        """The tables of the databases that the resync has read: by database and name."""
        self._wanted: dict[SourceDatabase, dict[str, str]] = {}
        """The ARNs of the sources to read, by name."""
        self._iceberg: Mapping[str, bool] = {}
        """Of each ARN, whether a view says that it is an Iceberg table."""
        self._pages: dict[SourceDatabase, int] = {}
        """How many pages held all of a database's sources the last time; or, where reading by name turned out
        to take fewer calls, how many sources it must have for pages to be tried again."""

    def note_listed(self, database: str, listing: Iterable[TableListing]) -> None:
        """Keep what all pages of one of the target's own databases say, until the next plan."""
        self._listed[database] = {table.table: table for page in listing for table in _tables(page)}

    def arns(self, database: SourceDatabase) -> Iterable[str]:
        """Return the sources of one database; none if the plan does not hold it any more."""
        return self._wanted.get(database, {}).values()

    def plan(
        self, sources: Mapping[str, bool], catalog_id: str
    ) -> tuple[dict[str, Answer], list[SourceDatabase]]:
        """Return the answers for which no call is needed, and the databases to read for the others.

        ``sources``: by ARN, whether a view says that it is an Iceberg table. ``catalog_id``: the target's.
        """
        self._iceberg, self._wanted = sources, {}
        answers: dict[str, Answer] = {}
        for arn in sources:
            key = parse_source_arn(arn)
            if key is None or key.aws_region != self._aws_region:
                answers[arn] = "not a table of this region" if key else "not the ARN of a table"
                continue
            own = key.catalog_id == catalog_id
            if own and key.database in self._listed:
                answers[arn] = self._answer(arn, self._listed[key.database].get(key.table))
            else:
                database = SourceDatabase(None if own else key.catalog_id, key.database)
                self._wanted.setdefault(database, {})[key.table] = arn
        self._listed = {}
        return answers, list(self._wanted)

    def read(self, reader: CatalogReader, database: SourceDatabase) -> dict[str, Answer]:
        """Read the sources of one database. Raises GlueError for a failure that says nothing of them."""
        wanted = self._wanted.get(database, {})
        answers: dict[str, Answer] = {}
        if self._pages.get(database, 1) < len(wanted):
            try:
                for arn, table in self._read_pages(reader, database, wanted):
                    answers[arn] = self._answer(arn, table)
            except GlueError as error:
                return dict.fromkeys(wanted.values(), _reason(error)) | answers
        for name, arn in wanted.items():
            if arn not in answers:
                try:
                    found = reader.get_table(database.name, name, catalog_id=database.catalog_id)
                except GlueError as error:
                    answers[arn] = _reason(error)
                else:
                    answers[arn] = self._answer(arn, found.as_source() if isinstance(found, View) else found)
        return answers

    def _read_pages(
        self, reader: CatalogReader, database: SourceDatabase, wanted: Mapping[str, str]
    ) -> Iterator[tuple[str, SourceTable | None]]:
        """Yield sources, until reading those that are left by name takes fewer calls.

        None for those that no page held, once all have been read.
        """
        left = dict(wanted)
        expected = self._pages.get(database, 0)
        listing = pages(
            lambda token: reader.get_tables(database.name, catalog_id=database.catalog_id, next_token=token),
            "GetTables",
        )
        for number, page in enumerate(listing, start=1):
            for table in _tables(page):
                if arn := left.pop(table.table, None):
                    yield arn, table
            if page.next_token is None:
                yield from ((arn, None) for arn in left.values())
                left = {}
            # Beyond what is known, about as many pages may follow as have been read without effect.
            pages_to_go = expected - number if number < expected else number - expected + 1
            if not left or pages_to_go >= len(left):
                self._pages[database] = 2 * len(wanted) if left else number
                return

    def _answer(self, arn: str, table: SourceTable | None) -> Answer:
        if table is None:
            return Reason.NOT_FOUND.value
        if not (table.iceberg or self._iceberg[arn]):
            return "not an Iceberg table"
        return "without UpdateTime" if table.update_time is None else table.update_time


def _tables(page: TableListing) -> Iterable[SourceTable]:
    """Yield all tables of a page: a view may be the source of another one."""
    yield from page.sources
    yield from (view.as_source() for view in page.views)


def _reason(error: GlueError) -> str:
    if error.reason not in REFUSED:
        raise error
    return error.reason.value
