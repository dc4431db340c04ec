"""What others read of the store: a poll what to look after, a page all that is known."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from exporter.model.run import Run
from exporter.model.settings import Target
from exporter.store.catalog import Catalog
from exporter.store.series import ExporterSeries
from exporter.store.target_state import TargetState


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What a poll of a target has to look after."""

    target: Target
    views: frozenset[tuple[str, str]]
    """(database, table) of the views that it watches."""
    without_baseline: bool
    """Whether for any of them no complete listing of its runs has been read yet."""
    unsettled: tuple[Run, ...]
    """Runs of these views that may still change, as last seen."""
    due: tuple[str, ...]
    """IDs of configured runs that should be read now, the longest unread first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreState:
    """What a page reads while nothing changes."""

    now: float
    """Unix time, like the next."""
    started: float
    exporter: ExporterSeries | None
    targets: Sequence[tuple[TargetState, Catalog | None]]
    """Copies, in the order of the file; the catalog is None until it is known."""
    connection: sqlite3.Connection
    """To be read only; tables in ``temp`` may be written."""
