"""From the file's entries to targets: defaults filled in, regions and catalogs multiplied out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

from exporter.config.definition import AssumeRole, Configuration, Defaults, TargetEntry, ViewName, WatchedView
from exporter.model import settings

MOST_TARGETS: Final = 10_000
"""After multiplying out. Beyond it a list was surely multiplied by mistake."""
_PAIRS: Final = {
    "aws_region": "aws_regions",
    "aws_regions": "aws_region",
    "catalog_id": "catalog_ids",
    "catalog_ids": "catalog_id",
}


@dataclass(frozen=True, slots=True)
class Scope:
    """One catalog in one region as far as the file tells: equal for targets that read the same."""

    region: tuple[str, str | None]
    catalog: tuple[str, str | None]


@dataclass(frozen=True, slots=True)
class Expanded:
    """A target, with the entry that it comes from."""

    entry: int
    """Index in ``targets``."""
    scope: Scope
    target: settings.Target


class Entry:
    """One entry of ``targets`` with the defaults filled in."""

    def __init__(self, index: int, own: TargetEntry, defaults: Defaults) -> None:
        self.index = index
        self._own = own
        self._defaults = defaults

    def _value(self, key: str) -> Any:
        """Return the own value of a key, else the default's; of a pair of keys, one hides the other."""
        own = self._own.model_fields_set
        inherited = key not in own and _PAIRS.get(key) not in own
        return getattr(self._defaults if inherited else self._own, key)

    @property
    def regions(self) -> tuple[str | None, ...]:
        """The regions to multiply by."""
        return tuple(dict.fromkeys(self._value("aws_regions") or [self._value("aws_region")]))

    @property
    def catalogs(self) -> tuple[str | None, ...]:
        """The catalogs to multiply by."""
        return tuple(dict.fromkeys(self._value("catalog_ids") or [self._value("catalog_id")]))

    @property
    def size(self) -> int:
        """How many targets it becomes."""
        return len(self.regions) * len(self.catalogs)

    def expand(self) -> Iterator[Expanded]:
        """Return its targets."""
        profile: str | None = self._value("profile")
        role: AssumeRole | None = self._value("assume_role")
        assumed = settings.AssumeRole(**role.model_dump()) if role else None
        runs = _unique_runs(self._own.runs)
        views = tuple(dict.fromkeys(_watched(view) for view in self._own.views))
        excluded = tuple(dict.fromkeys(_pattern(view) for view in self._value("exclude_views")))
        for region, catalog in product(self.regions, self.catalogs):
            yield Expanded(
                self.index,
                _scope(region, catalog, profile, role),
                settings.Target(
                    name=self._name(region, catalog),
                    access=settings.Access(
                        aws_region=region,
                        profile=profile,
                        assume_role=assumed,
                        endpoint_url=self._value("endpoint_url"),
                    ),
                    catalog_id=catalog,
                    run_ids=runs,
                    views=views,
                    exclude_views=excluded,
                    max_requests_per_second=float(self._value("max_requests_per_second")),
                ),
            )

    def _name(self, region: str | None, catalog: str | None) -> str:
        if self._own.name is None:
            return "/".join(part for part in (region, catalog) if part) or "default"
        parts = [self._own.name]
        if self._value("aws_regions"):
            parts.append(str(region))
        if self._value("catalog_ids"):
            parts.append(str(catalog))
        return "/".join(parts)


def entries(configuration: Configuration) -> tuple[Entry, ...]:
    """Return the file's entries with the defaults filled in."""
    return tuple(Entry(index, own, configuration.defaults) for index, own in enumerate(configuration.targets))


def in_lower_case(run_ids: Sequence[str]) -> Sequence[str]:
    """Return run IDs to be compared: for Glue case does not matter."""
    whole = "".join(run_ids)
    # Most often they are written so, and there may be 100,000.
    return run_ids if whole == whole.lower() else [run_id.lower() for run_id in run_ids]


def _unique_runs(runs: Sequence[str]) -> tuple[str, ...]:
    """Return the runs, each once as it is first written."""
    same = in_lower_case(runs)
    if len(set(same)) == len(same):
        return tuple(runs)
    unique: dict[str, str] = {}
    for lower, run_id in zip(same, runs, strict=True):
        unique.setdefault(lower, run_id)
    return tuple(unique.values())


def translate(configuration: Configuration, expanded: tuple[Expanded, ...]) -> settings.Settings:
    """Return the plain values that the rest of the program works with."""
    poll, resync = configuration.poll_interval, configuration.resync_interval
    default = settings.Settings(targets=())
    return settings.Settings(
        targets=tuple(one.target for one in expanded),
        poll_interval=poll,
        settle_period=configuration.settle_period,
        resync_interval=max(default.resync_interval, poll) if resync is None else resync,
        runs_per_view=configuration.runs_per_view,
    )


def _scope(region: str | None, catalog: str | None, profile: str | None, role: AssumeRole | None) -> Scope:
    """Without a region the profile decides; without a catalog the role's account, else the profile."""
    account = catalog or (role.role_arn.split(":")[4] if role else None)
    return Scope(
        region=("region", region) if region else ("of profile", profile),
        catalog=("catalog", account) if account else ("of profile", profile),
    )


def _pattern(view: ViewName) -> settings.ViewPattern:
    return settings.ViewPattern(database=view.database, table=view.table)


def _watched(view: WatchedView) -> settings.ViewPattern:
    return settings.ViewPattern(
        database=view.database, table=view.table, expected_interval=view.expected_interval
    )
