"""What is asked of a catalog's tables: where a target's views are, and when their sources changed.

Source tables are read each once, however many views use them. The pages of a target's own databases are read
anyway, for the views. The sources of any other database are read by name, or with its pages where these are
fewer.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import partial
from typing import Final, NamedTuple, TypeVar

from exporter.errors import GlueError, Reason
from exporter.model.patterns import ViewMatcher
from exporter.model.reader import CatalogReader
from exporter.model.run import Page
from exporter.model.view import SourceTable, View, parse_source_arn

T = TypeVar("T")

FEW_NAMES = 3
"""The most views of a database that are asked for by name; where more are named, its tables are listed."""


class Part(NamedTuple):
    """What is asked for at once: an operation, and the database and table that it is about."""

    operation: str
    database: str = ""
    table: str = ""
    catalog_id: str | None = None
    """Of a database with source tables; None: the target's own."""

    @property
    def finds_views(self) -> bool:
        """Whether it is about the target's databases and tables."""
        return self.operation in {"GetDatabases", "GetTables", "GetTable"}


DATABASES = Part("GetDatabases")
SOURCES = Part("SourceTables")
"""Finds the databases of the views' source tables, which become parts of this operation."""
RUNS = Part("ListMaterializedViewRefreshTaskRuns")


def first_parts(matcher: ViewMatcher) -> list[Part]:
    """Return what to read of the tables first: all databases, where a pattern asks for these by a glob."""
    return [DATABASES] if matcher.glob_databases() is None else table_parts(matcher, None)


def table_parts(matcher: ViewMatcher, databases: Iterable[str] | None) -> list[Part]:
    """Return what finds a target's views in these databases; None: in those that its patterns name."""
    whole = dict.fromkeys(
        matcher.named_databases() if databases is None else filter(matcher.database_matches, databases)
    )
    names = [name for name in matcher.literals if name[0] not in whole]
    named = Counter(database for database, _ in names)
    whole |= dict.fromkeys(database for database, number in named.items() if number > FEW_NAMES)
    one_by_one = [Part("GetTable", *name) for name in names if named[name[0]] <= FEW_NAMES]
    return [*(Part("GetTables", database) for database in whole), *one_by_one]


def pages(ask: Callable[..., Page[T]], operation: str) -> Iterator[Page[T]]:
    """Yield what ``ask(next_token=…)`` returns. Raises GlueError where the pages go round in a circle."""
    token: str | None = None
    tokens: set[str] = set()
    while True:
        page = ask(next_token=token)
        token = page.next_token
        if token in tokens:
            raise GlueError(Reason.UNEXPECTED, "a paging token came twice", operation=operation)
        yield page
        if token is None:
            return
        tokens.add(token)


class Found(NamedTuple):
    """What a part holds."""

    databases: tuple[str, ...] = ()
    tables: tuple[View | SourceTable, ...] = ()
    malformed: tuple[str, ...] = ()
    """One line for each record that could not be read."""


def read_part(reader: CatalogReader, part: Part) -> Found:
    """Read a part that finds views. Raises GlueError: half a listing is none.

    A table or database that Glue does not know is not a failure.
    """
    if part == DATABASES:
        listed = list(pages(reader.get_databases, part.operation))
        names = tuple(name for page in listed for name in page.items)
        return Found(databases=names, malformed=tuple(r.message for page in listed for r in page.malformed))
    try:
        if part.table:
            return Found(tables=(reader.get_table(part.database, part.table),))
        listing = list(pages(partial(reader.get_tables, part.database), part.operation))
    except GlueError as error:
        if error.reason is Reason.NOT_FOUND:
            return Found()
        raise
    tables = tuple(table for page in listing for table in page.items)
    lines = tuple(
        f"table {part.database}.{record.name}: {record.message}" if record.name else record.message
        for page in listing
        for record in page.malformed
    )
    return Found(tables=tables, malformed=lines)


REFUSED: Final = frozenset({Reason.ACCESS_DENIED, Reason.NOT_FOUND, Reason.INVALID_INPUT})
"""Failures of reading a source that asking again at once does not change."""

Answer = float | str
"""When a source was last changed, as Unix time; or why that is not known, in a word or two."""


class SourceReader:
    """Of one target. A resync notes what it has listed, makes a plan, and then reads each part of it."""

    def __init__(self, aws_region: str | None) -> None:
        self._aws_region = aws_region
        self._listed: dict[str, dict[str, View | SourceTable]] = {}
        """The tables of the databases that the resync has read: by database and name."""
        self._wanted: dict[Part, dict[str, str]] = {}
        """The ARNs of the sources to read, by name."""
        self._iceberg: Mapping[str, bool] = {}
        """Of each ARN, whether a view says that it is an Iceberg table."""
        self._too_few: dict[Part, int] = {}
        """Up to how many sources of a database its pages are not read: as many as there were pages down to
        the last source, or twice as many as turned out to take fewer calls by name."""

    def note_listed(self, database: str, tables: Iterable[View | SourceTable]) -> None:
        """Keep all tables of one of the target's own databases until the next plan."""
        self._listed[database] = {table.table: table for table in tables}

    def arns(self, part: Part) -> Collection[str]:
        """Return the sources of one database; none if the plan does not hold it any more."""
        return self._wanted.get(part, {}).values()

    def plan(self, sources: Mapping[str, bool], catalog_id: str) -> tuple[dict[str, Answer], list[Part]]:
        """Return the answers for which no call is needed, and what to read for the others.

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
                part = Part(SOURCES.operation, key.database, catalog_id=None if own else key.catalog_id)
                self._wanted.setdefault(part, {})[key.table] = arn
        self._listed = {}
        return answers, list(self._wanted)

    def read(self, reader: CatalogReader, part: Part) -> dict[str, Answer]:
        """Read the sources of one database. Raises GlueError for a failure that says nothing of them."""
        wanted = self._wanted.get(part, {})
        answers: dict[str, Answer] = {}
        if len(wanted) > self._too_few.get(part, 1):
            try:
                answers.update(self._read_pages(reader, part, wanted))
            except GlueError as error:
                return dict.fromkeys(wanted.values(), _reason(error)) | answers
        for name, arn in wanted.items():
            if arn not in answers:
                try:
                    table = reader.get_table(part.database, name, catalog_id=part.catalog_id)
                    answers[arn] = self._answer(arn, table)
                except GlueError as error:
                    answers[arn] = _reason(error)
        return answers

    def _read_pages(
        self, reader: CatalogReader, part: Part, wanted: Mapping[str, str]
    ) -> Iterator[tuple[str, Answer]]:
        """Yield answers, until reading the sources that are left by name takes fewer calls."""
        left = dict(wanted)
        listing = pages(partial(reader.get_tables, part.database, catalog_id=part.catalog_id), "GetTables")
        for number, page in enumerate(listing, start=1):
            for table in page.items:
                if arn := left.pop(table.table, None):
                    yield arn, self._answer(arn, table)
            if page.next_token is None:
                yield from ((arn, self._answer(arn, None)) for arn in left.values())
                left = {}
            # About as many pages may follow as have been read.
            if not left or number >= len(left):
                self._too_few[part] = 2 * len(wanted) if left else number
                return

    def _answer(self, arn: str, table: View | SourceTable | None) -> Answer:
        if table is None:
            return Reason.NOT_FOUND.value
        if not (table.iceberg or self._iceberg[arn]):
            return "not an Iceberg table"
        return "without UpdateTime" if table.update_time is None else table.update_time


def _reason(error: GlueError) -> str:
    if error.reason not in REFUSED:
        raise error
    return error.reason.value
