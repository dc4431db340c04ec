"""All catalogs, and who watches what in them."""

from collections.abc import Iterator, Mapping, Sequence

from exporter.model.settings import Target
from exporter.store.catalog import Catalog
from exporter.store.database import StateDatabase
from exporter.store.moment import Moment
from exporter.store.outcome import Lost
from exporter.store.pruning import KEPT_UNWATCHED, forget_abandoned
from exporter.store.target_state import TargetState

TIDY_EVERY = 86400.0
"""Seconds between two searches for what nobody has watched for long."""


class Catalogs:
    """Catalogs by region and ID. Used under the store's lock."""

    def __init__(self, database: StateDatabase, *, watched_since: float) -> None:
        self._database = database
        self._watched_since = watched_since
        self._catalogs: dict[tuple[str, str], Catalog] = {}
        self._next_tidying = 0.0
        """Unix time."""

    def __iter__(self) -> Iterator[Catalog]:
        return iter(self._catalogs.values())

    def of(self, state: TargetState) -> Catalog | None:
        """Return the target's catalog; None until it is known."""
        catalog_id = state.series.catalog_id
        return None if catalog_id is None else self._catalogs.get((state.region, catalog_id))

    def drop_unwatched(self) -> None:
        """Let go of the catalogs that no target watches any more; the tables remember them."""
        self._catalogs = {place: catalog for place, catalog in self._catalogs.items() if catalog.watched}

    def claim(
        self,
        states: Mapping[str, TargetState],
        polled: set[str],
        at: Moment,
        only: tuple[str, str] | None = None,
    ) -> list[Lost]:
        """Share out a catalog's runs and views anew among the targets, in the order of the file.

        ``polled``: the targets that have been polled, and so have series. ``only``: the catalog's region
        and ID; None: every catalog. Returns what targets asked for in vain.
        """
        wanted = {place: list[Target]() for place in self._remembered()}
        unknown = set()
        """Regions in which some target's catalog is still to be asked for."""
        for state in states.values():
            if state.series.catalog_id is None:
                unknown.add(state.region)
            else:
                wanted.setdefault((state.region, state.series.catalog_id), []).append(state.target)
        lost: list[Lost] = []
        for place, targets in wanted.items():
            if only not in (None, place):
                continue
            catalog = self._catalogs.get(place) or self._new(*place)
            lost += catalog.claim(targets, at, all_known=catalog.aws_region not in unknown)
            catalog.changes.summarise(polled, at.settings.runs_per_view)
        self._forget_abandoned(at)
        return lost

    def tidy(self, at: Moment) -> None:
        """Forget what nobody has watched for long, once in a while."""
        if at.now >= self._next_tidying:
            self._forget_abandoned(at)

    def _remembered(self) -> Sequence[tuple[str, str]]:
        """Return region and ID of every catalog that the state tells of, watched or not."""
        return self._database.connection.execute("SELECT aws_region, catalog_id FROM catalogs").fetchall()

    def _forget_abandoned(self, at: Moment) -> None:
        self._next_tidying = at.now + TIDY_EVERY
        watched = [catalog.row for catalog in self if catalog.watched]
        forget_abandoned(self._database.connection, watched, at.now - KEPT_UNWATCHED)

    def _new(self, aws_region: str, catalog_id: str) -> Catalog:
        connection = self._database.connection
        place = (aws_region, catalog_id)
        connection.execute("INSERT OR IGNORE INTO catalogs (aws_region, catalog_id) VALUES (?, ?)", place)
        query = "SELECT id FROM catalogs WHERE aws_region = ? AND catalog_id = ?"
        row = connection.execute(query, place).fetchone()[0]
        catalog = Catalog(self._database, row, aws_region, catalog_id, watched_since=self._watched_since)
        self._catalogs[place] = catalog
        return catalog
