"""From the file's entries to targets: defaults filled in, regions and catalogs multiplied out."""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Final, NamedTuple

from exporter.config.schema import ACCOUNT_ID
from exporter.config.yaml_lines import Document, Location
from exporter.model.run import run_key
from exporter.model.settings import Access, AssumeRole, Settings, Target

_PAIRS: Final = {
    "aws_region": "aws_regions",
    "aws_regions": "aws_region",
    "catalog_id": "catalog_ids",
    "catalog_ids": "catalog_id",
}
"""Of two such keys, an own one hides a default one."""
WHERE: Final = {*_PAIRS, "profile", "assume_role"}
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
    """One entry of ``targets``. A value is None where something is wrong in it."""

    at: Location
    """Where it is in the file."""
    own: Mapping[str, Any]
    """What it says itself."""
    values: Mapping[str, Any]
    """With the defaults filled in."""
    document: Document

    def is_known(self, *keys: str) -> bool:
        """Return whether nothing is wrong in the values of these keys, so that they can be compared."""
        return not any(self.document.wrong(at) & set(keys) for at in (self.at, ("defaults",)))

    @property
    def names_are_known(self) -> bool:
        """Whether nothing is wrong in what decides the names of its targets."""
        return self.is_known("name", *({"aws_regions", "catalog_ids"} if self.own.get("name") else WHERE))

    @property
    def regions(self) -> tuple[str | None, ...]:
        """The regions to multiply by."""
        return tuple(dict.fromkeys(self.values.get("aws_regions") or [self.values.get("aws_region")]))

    @property
    def catalogs(self) -> tuple[str | None, ...]:
        """The catalogs to multiply by."""
        return tuple(dict.fromkeys(self.values.get("catalog_ids") or [self.values.get("catalog_id")]))

    def places(self) -> Iterator[Place]:
        """Return each region with each catalog."""
        role: AssumeRole | None = self.values.get("assume_role")
        for region, catalog in product(self.regions, self.catalogs):
            # Without a region the profile decides; without a catalog the role's account, else the profile.
            account = catalog or (role.role_arn.split(":")[4] if role else None)
            of_profile = self.values.get("profile") if region is None or account is None else None
            yield Place(self._name(region, catalog), region, catalog, (region, account, of_profile))

    def _name(self, region: str | None, catalog: str | None) -> str:
        name: str | None = self.own.get("name")
        if name is None:
            return "/".join(part for part in (region, catalog) if part) or "default"
        if self.values.get("aws_regions"):
            name += f"/{region}"
        if self.values.get("catalog_ids"):
            name += f"/{catalog}"
        return name

    def targets(self) -> Iterator[Target]:
        """Return its targets, where nothing is wrong in it."""
        values = self.values
        runs: dict[str, str] = {}
        for run_id in map(sys.intern, values.get("runs", ())):  # as Glue's: one string for both
            runs.setdefault(run_key(run_id), run_id)
        more = {key: values[key] for key in ("source_tables", "max_requests_per_second") if key in values}
        for place in self.places():
            role: AssumeRole | None = values.get("assume_role")
            if role:  # the ID of a catalog begins with its account
                account = (place.catalog or "").partition(":")[0]
                role = replace(role, role_arn=role.role_arn.replace(ACCOUNT_ID, account))
            yield Target(
                name=place.name,
                access=Access(
                    aws_region=place.region,
                    profile=values.get("profile"),
                    assume_role=role,
                    endpoint_url=values.get("endpoint_url"),
                ),
                catalog_id=place.catalog,
                run_ids=tuple(runs.values()),
                views=tuple(dict.fromkeys(values.get("views", ()))),
                exclude_views=tuple(dict.fromkeys(values.get("exclude_views", ()))),
                owner=values.get("owner"),
                **more,
            )


def entries(configuration: Mapping[str, Any], document: Document) -> list[Entry]:
    """Return the file's entries with the defaults filled in, as far as they could be read."""
    defaults: Mapping[str, Any] = configuration.get("defaults") or {}
    found = []
    for index, own in enumerate(configuration["targets"]):
        if own is not None:
            inherited = {key: one for key, one in defaults.items() if _PAIRS.get(key) not in own}
            found.append(Entry(("targets", index), own, inherited | own, document))
    return found


def to_settings(configuration: Mapping[str, Any], document: Document) -> Settings:
    """Return the plain values that the rest of the program works with."""
    keys = ("poll_interval", "settle_period", "resync_interval", "runs_per_view")
    settings = Settings(
        targets=tuple(target for entry in entries(configuration, document) for target in entry.targets()),
        **{key: configuration[key] for key in keys if key in configuration},
    )
    return replace(settings, resync_interval=max(settings.resync_interval, settings.poll_interval))
