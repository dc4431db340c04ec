"""What one value alone cannot tell: what contradicts, repeats or overlaps something else in the file."""

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any, Final

from exporter.config.kinds import quoted
from exporter.config.schema import ACCOUNT_ID, TARGET_KEYS
from exporter.config.targets import WHERE, Entry, entries
from exporter.config.yaml_lines import Document, Location
from exporter.model.patterns import ViewMatcher, is_literal
from exporter.model.settings import AssumeRole, ViewPattern

MOST_TARGETS: Final = 10_000
"""After multiplying out. Beyond it a list was surely multiplied by mistake."""
MOST_COMPARISONS: Final = 4_000_000
"""Of a view pattern with a glob, for a warning: some seconds."""
_STS_ENDPOINT: Final = frozenset({"AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL"})
"""Variables of the AWS SDK that say where STS is, so that the real one is not asked."""
_CATALOGS: Final = ("catalog_id", "catalog_ids")


def check(configuration: Mapping[str, Any], document: Document) -> None:
    """Report what is wrong between values; what is wrong in one has been reported. Then warn."""
    defaults: Mapping[str, Any] = configuration.get("defaults") or {}
    written = entries(configuration, document)
    groups: list[tuple[Entry, ...]] = []
    if sum(len(entry.regions) * len(entry.catalogs) for entry in written) > MOST_TARGETS:
        document.report(
            ("targets",),
            f"regions and catalogs multiply to more than {MOST_TARGETS:,} targets: use several processes",
        )
    else:
        # First of all: what is reported below would keep entries from being compared.
        _same_names([entry for entry in written if entry.names_are_known], document)
        groups = _of_one_catalog([entry for entry in written if entry.is_known(*WHERE)])
    for group in groups:
        _same_runs(group, document)
    for entry in written:
        _check_entry(entry, document)
        _pairs(entry.own, document, entry.at)
    _pairs(defaults, document, ("defaults",))
    if document.problems:
        return
    _doubtful(defaults, document, ("defaults",))
    watching = {entry.at: _Watching(entry) for entry in written}
    for entry in written:
        _doubtful(entry.own, document, entry.at)
        _repeated(entry.own, document, entry.at)
        _nothing_left(entry, watching[entry.at].matcher, document)
    for group in groups:
        _overlaps([watching[entry.at] for entry in group], document)


def _check_entry(entry: Entry, document: Document) -> None:
    at, values, wrong = entry.at, entry.values, document.wrong(entry.at)
    # An unknown key may be either of them misspelt.
    may_watch = wrong & {"runs", "views"} or not wrong <= TARGET_KEYS.keys()
    if not may_watch and not values.get("runs") and not values.get("views"):
        document.report(at, "a target with nothing to watch: give it runs or views")
    if not entry.is_known(*_CATALOGS) or None not in entry.catalogs:
        return
    if values.get("endpoint_url") and not _STS_ENDPOINT & os.environ.keys():
        document.report(
            (*at, "endpoint_url"),
            "set catalog_id (or AWS_ENDPOINT_URL_STS): with endpoint_url alone, the real STS would be asked"
            " for the account, with the emulator's credentials",
        )
    role: AssumeRole | None = values.get("assume_role")
    if role and ACCOUNT_ID in role.role_arn:
        document.report(
            (*at, "assume_role", "role_arn"),
            f"set catalog_id or catalog_ids: {ACCOUNT_ID} in role_arn stands for the account of the catalog",
        )


def _pairs(section: Mapping[str, Any], document: Document, at: Location) -> None:
    for one, several in (("aws_region", "aws_regions"), _CATALOGS):
        if {one, several} <= section.keys():
            line = document.line((*at, one))
            document.report((*at, several), f"write either {several} or {one} (line {line}), not both")


def _same_names(entries: Iterable[Entry], document: Document) -> None:
    first: dict[str, Location] = {}
    for entry in entries:
        for place in entry.places():
            there = first.setdefault(place.name, entry.at)
            if there != entry.at:
                line = document.line((*there, "name"))
                document.report(
                    (*entry.at, "name"), f"the target of line {line} has the name {place.name} already"
                )


def _of_one_catalog(entries: Iterable[Entry]) -> list[tuple[Entry, ...]]:
    """Return each group of entries that read one catalog in one region."""
    groups: defaultdict[object, dict[Location, Entry]] = defaultdict(dict)
    for entry in entries:
        for place in entry.places():
            groups[place.scope][entry.at] = entry
    by_index = {tuple(group): tuple(group.values()) for group in groups.values() if len(group) > 1}
    return list(by_index.values())


def _same_runs(group: Sequence[Entry], document: Document) -> None:
    first: dict[str, Location] = {}
    for entry in group:
        for index, run_id in enumerate(entry.values.get("runs") or ()):
            if run_id is None:
                continue
            here: Location = (*entry.at, "runs", index)
            there = first.setdefault(run_id.lower(), here)
            if there[:2] != entry.at:  # what an entry repeats itself is a warning
                document.report(
                    here, f"{document.place(there)} watches this run already, in the same region and catalog"
                )


_KNOWN_REGION: Final = re.compile(
    r"(af|ap|ca|cn|eu|eusc-[a-z]{2}|eu-isoe|il|me|mx|sa|us|us-gov|us-iso[a-z]?)"
    r"-(central|(north|south)?(east|west)?)-[0-9]+"
)
"""The regions of the partitions that the AWS SDK knows; a test compares."""
_DOUBTS: Final = (
    (re.compile(r"[{}]"), "braces are not wildcards: write a pattern for each name"),
    (re.compile(r"^\^|\$$"), "^ and $ are not anchors: a pattern always matches the whole name"),
    (re.compile(r"\[\^"), "[^…] does not negate: write [!…]"),
    (
        re.compile(r"\A(?:\[(?:!.|[^!])[^\]]*\]|[^\[])*\[(?!(?:!.|[^!])[^\]]*\])"),
        "the [ is never closed, and stands for itself",
    ),
    (re.compile(r"[\u2018-\u201f\u00ab\u00bb\u2039\u203a]"), "typographic quotes are part of the name"),
    (re.compile(r"\s"), "the blank is part of the name"),
    (re.compile(r"%"), "% is not a wildcard: write *"),
)
"""What looks like a wildcard elsewhere, and what it is here. Names hardly ever hold any of these."""


def _doubtful(section: Mapping[str, Any], document: Document, at: Location) -> None:
    regions = [(section.get("aws_region"), (*at, "aws_region"))]
    regions += [
        (one, (*at, "aws_regions", index)) for index, one in enumerate(section.get("aws_regions", ()))
    ]
    for region, where in regions:
        if region and not _KNOWN_REGION.fullmatch(region):
            document.warn(where, f"{quoted(region)} is not a region that the AWS SDK knows: is it misspelt?")
    for key in ("views", "exclude_views"):
        for index, view in enumerate(section.get(key, ())):
            for text in (view.database, view.table):
                for doubt, meaning in _DOUBTS:
                    if doubt.search(text):
                        document.warn(
                            (*at, key, index), f"{quoted(text)} may not mean what it says: {meaning}"
                        )


def _repeated(section: Mapping[str, Any], document: Document, at: Location) -> None:
    for key in ("views", "exclude_views", "runs", "aws_regions", "catalog_ids"):
        seen: dict[object, int] = {}
        for index, value in enumerate(section.get(key, ())):
            same = (value.database, value.table) if isinstance(value, ViewPattern) else value.lower()
            first = seen.setdefault(same, index)
            if first != index:
                line = document.line((*at, key, first))
                document.warn((*at, key, index), f"the same as on line {line}: keep one of them")


def _nothing_left(entry: Entry, matcher: ViewMatcher, document: Document) -> None:
    target = matcher.target
    # A glob's text is matched like a name: where an excluded glob has stars alone, they take its wildcards.
    stars = [out for out in target.exclude_views if not re.search(r"[?\[]", out.database + out.table)]
    excluding = ViewMatcher(replace(target, views=(), exclude_views=tuple(stars)))
    globs = [view for view in target.views if not is_literal(view)]
    if (
        target.views
        and not matcher.literals
        and all(excluding.excludes(one.database, one.table) for one in globs)
    ):
        document.warn((*entry.at, "views"), "exclude_views excludes everything that these match")


class _Watching:
    """The view patterns of one entry."""

    def __init__(self, entry: Entry) -> None:
        self.matcher = ViewMatcher(next(entry.targets()))
        self.places: dict[tuple[str, str], Location] = {}
        """Where each database and table stands first."""
        for index, view in enumerate(entry.values.get("views", ())):
            self.places.setdefault((view.database, view.table), (*entry.at, "views", index))


def _overlaps(group: Sequence[_Watching], document: Document) -> None:
    """Warn of each pattern that meets one of an earlier entry, which reads the same catalog.

    The usual overlaps are found: equal patterns, and patterns of which one matches the other's text.
    """
    patterns = sum(len(one.matcher.target.views) for one in group)
    globs = sum(not is_literal(view) for one in group for view in one.matcher.target.views)
    if patterns * (globs + len(group)) > MOST_COMPARISONS:
        document.warn(("targets",), "too many view patterns to check all of them for overlaps")
        return
    met: dict[Location, Location] = {}
    for earlier, later in combinations(group, 2):
        for here, there in _matched(later, earlier):
            met.setdefault(here, there)
        for there, here in _matched(earlier, later):
            met.setdefault(here, there)
    for here, there in met.items():
        document.warn(
            here,
            f"overlaps {document.place(there)}, in the same region and catalog: "
            "that target, the first in the file, owns the views that both match",
        )


def _matched(narrow: _Watching, wide: _Watching) -> Iterator[tuple[Location, Location]]:
    """Yield the place of each pattern of one entry with that of each of the other's that matches its text."""
    for name, place in narrow.places.items():
        matching = [(view.database, view.table) for view in wide.matcher.matching(*name)]
        if name in wide.places and not wide.matcher.excludes(*name):
            matching = [name]  # brackets do not match themselves
        if matching and not narrow.matcher.excludes(*name):
            yield from ((place, wide.places[other]) for other in matching)
