"""From the file's entries to targets: defaults filled in, regions and catalogs multiplied out."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any, Final, NamedTuple

from exporter.config.schema import ACCOUNT_ID, AssumeRole, Configuration, Defaults, TargetEntry
from exporter.config.yaml_lines import Location
from exporter.model import settings
from exporter.model.run import run_key

_PAIRS: Final = {
    "aws_region": "aws_regions",
    "aws_regions": "aws_region",
    "catalog_id": "catalog_ids",
    "catalog_ids": "catalog_id",
}
_WHERE: Final = {*_PAIRS, "profile", "assume_role"}
"""The keys that decide which catalog an entry reads, and the names of its targets if it has none."""


class Place(NamedTuple):
    """A region and a catalog of an entry, where it is one target."""

    name: str
    region: str | None
    catalog: str | None
    scope: tuple[object, ...]
    """Equal for targets that read the same catalog in the same region, as far as the file says."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of ``targets`` with the defaults filled in."""

    index: int
    own: TargetEntry
    defaults: Defaults

    @property
    def at(self) -> Location:
        """Where it is in the file."""
        return ("targets", self.index)

    def value(self, key: str) -> Any:
        """Return the own value of a key, else the default one; of a pair of keys, one hides the other."""
        is_own = {key, _PAIRS.get(key)} & self.own.written
        return getattr(self.own if is_own else self.defaults, key)

    def is_known(self, *keys: str) -> bool:
        """Return whether nothing is wrong in the values of these keys, so that they can be compared."""
        return self.own.wrong.isdisjoint(keys) and self.defaults.wrong.isdisjoint(keys)

    @property
    def catalog_is_known(self) -> bool:
        """Whether nothing is wrong in what decides the catalog that it reads."""
        return self.is_known(*_WHERE)

    @property
    def names_are_known(self) -> bool:
        """Whether nothing is wrong in what decides the names of its targets."""
        return self.is_known("name", *({"aws_regions", "catalog_ids"} if self.own.name else _WHERE))

    @property
    def regions(self) -> tuple[str | None, ...]:
        """The regions to multiply by."""
        return tuple(dict.fromkeys(self.value("aws_regions") or [self.value("aws_region")]))

    @property
    def catalogs(self) -> tuple[str | None, ...]:
        """The catalogs to multiply by."""
        return tuple(dict.fromkeys(self.value("catalog_ids") or [self.value("catalog_id")]))

    @property
    def size(self) -> int:
        """How many targets it becomes."""
        return len(self.regions) * len(self.catalogs)

    def places(self) -> Iterator[Place]:
        """Return each region with each catalog."""
        profile: str | None = self.value("profile")
        role: AssumeRole | None = self.value("assume_role")
        for region, catalog in product(self.regions, self.catalogs):
            # Without a region the profile decides; without a catalog the role's account, else the profile.
            account = catalog or (role.role_arn.split(":")[4] if role else None)
            of_profile = profile if region is None or account is None else None
            yield Place(self._name(region, catalog), region, catalog, (region, account, of_profile))

    def _name(self, region: str | None, catalog: str | None) -> str:
        if self.own.name is None:
            return "/".join(part for part in (region, catalog) if part) or "default"
        parts = [self.own.name]
        if self.value("aws_regions"):
            parts.append(str(region))
        if self.value("catalog_ids"):
            parts.append(str(catalog))
        return "/".join(parts)

    def targets(self) -> Iterator[settings.Target]:
        """Return its targets, where nothing is wrong in it."""
        runs: dict[str, str] = {}
        for run_id in map(sys.intern, filter(None, self.own.runs)):  # as Glue's: one string for both
            runs.setdefault(run_key(run_id), run_id)
        views = tuple(dict.fromkeys(filter(None, self.own.views)))
        exclude_views = tuple(dict.fromkeys(filter(None, self.value("exclude_views"))))
        for place in self.places():
            yield settings.Target(
                name=place.name,
                access=settings.Access(
                    aws_region=place.region,
                    profile=self.value("profile"),
                    assume_role=self._role(place.catalog),
                    endpoint_url=self.value("endpoint_url"),
                ),
                catalog_id=place.catalog,
                run_ids=tuple(runs.values()),
                views=views,
                exclude_views=exclude_views,
                owner=self.value("owner"),
                source_tables=self.value("source_tables"),
                max_requests_per_second=self.value("max_requests_per_second"),
            )

    def _role(self, catalog: str | None) -> settings.AssumeRole | None:
        """Return the role to assume for a catalog, whose ID begins with its account."""
        role: AssumeRole | None = self.value("assume_role")
        if role is None:
            return None
        account, _, _ = (catalog or "").partition(":")
        return settings.AssumeRole(
            role_arn=role.role_arn.replace(ACCOUNT_ID, account),
            external_id=role.external_id,
            session_name=role.session_name,
        )


def entries(configuration: Configuration) -> tuple[Entry, ...]:
    """Return the file's entries with the defaults filled in, as far as they could be read."""
    return tuple(
        Entry(index, own, configuration.defaults)
        for index, own in enumerate(configuration.targets)
        if own is not None
    )


def to_settings(configuration: Configuration) -> settings.Settings:
    """Return the plain values that the rest of the program works with."""
    return settings.Settings(
        targets=tuple(target for entry in entries(configuration) for target in entry.targets()),
        poll_interval=configuration.poll_interval,
        settle_period=configuration.settle_period,
        resync_interval=max(configuration.resync_interval, configuration.poll_interval),
        runs_per_view=configuration.runs_per_view,
    )
