"""What one value alone cannot tell: what contradicts, repeats or overlaps something else in the file."""

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from exporter.config.durations import format_duration, quoted
from exporter.config.overlaps import Excluded, warn_of_overlaps
from exporter.config.schema import ACCOUNT_ID, AssumeRole, Configuration, Defaults
from exporter.config.targets import Entry, Scope, entries
from exporter.config.yaml_lines import Document, Location
from exporter.model.settings import ViewPattern

MOST_TARGETS: Final = 10_000
"""After multiplying out. Beyond it a list was surely multiplied by mistake."""
_STS_ENDPOINT: Final = frozenset({"AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL"})
"""Variables of the AWS SDK that say where STS is, so that the real one is not asked."""
_NAMING: Final = ("name", "aws_regions", "catalog_ids")
"""The keys that decide the names of the targets of a named entry."""
_READING: Final = ("aws_region", "aws_regions", "catalog_id", "catalog_ids", "profile", "assume_role")
"""The keys that decide which catalog an entry reads, and the names of its targets if it has none."""


def check(configuration: Configuration, document: Document) -> None:
    """Report and warn of what is wrong between values; what is wrong in one has been reported."""
    resync, poll = configuration.resync_interval, configuration.poll_interval
    intervals = {"poll_interval", "resync_interval"}
    if "resync_interval" in configuration.written and not configuration.wrong & intervals and resync < poll:
        document.report(
            ("resync_interval",),
            f"{format_duration(resync)} is shorter than poll_interval, {format_duration(poll)}",
        )
    _pairs(configuration.defaults, document, ("defaults",))
    _regions(configuration.defaults, document, ("defaults",))
    _doubtful_patterns(configuration.defaults.exclude_views, document, ("defaults", "exclude_views"))
    written = entries(configuration)
    for entry in written:
        _check_entry(entry, document)
    if sum(entry.size for entry in written) > MOST_TARGETS:
        document.report(
            ("targets",),
            f"regions and catalogs multiply to more than {MOST_TARGETS:,} targets: use several processes",
        )
        return
    readable = [entry for entry in written if entry.is_known(*_READING)]
    named = [
        entry for entry in written if entry.is_known(*(_NAMING if entry.own.name else ("name", *_READING)))
    ]
    _same_names(named, document)
    _same_runs(readable, document)
    warn_of_overlaps(_of_one_catalog(readable), document)


def _check_entry(entry: Entry, document: Document) -> None:
    own, at = entry.own, entry.at
    _pairs(own, document, at)
    _regions(own, document, at)
    # An unknown key may be either of them misspelt.
    may_watch = own.wrong & {"runs", "views"} or not own.wrong <= own.known().keys()
    if not may_watch and not own.runs and not own.views:
        document.report(at, "a target with nothing to watch: give it runs or views")
    known = entry.is_known("catalog_id", "catalog_ids")
    if (
        entry.value("endpoint_url")
        and known
        and None in entry.catalogs
        and not _STS_ENDPOINT & os.environ.keys()
    ):
        document.report(
            (*at, "endpoint_url") if own.endpoint_url else at,
            "set catalog_id (or AWS_ENDPOINT_URL_STS): with endpoint_url alone, the real STS would be asked"
            " for the account, with the emulator's credentials",
        )
    _accounts_of_roles(entry, document)
    _different_patterns(entry, document)
    for key, again in (("views", "used once"), ("exclude_views", "used once"), ("runs", "watched once"),
                       ("aws_regions", "used once"), ("catalog_ids", "used once")):  # fmt: skip
        _repeated(getattr(own, key) or (), document, (*at, key), again)
    if own.runs and entry.size > 1:
        document.warn(
            (*at, "runs"),
            "a run exists in one region and one catalog, and is not found in the others of this entry: "
            "give runs a target of their own",
        )
    _doubtful_patterns(own.views, document, (*at, "views"))
    _doubtful_patterns(own.exclude_views, document, (*at, "exclude_views"))
    excluded = Excluded(entry.value("exclude_views"))
    if own.views and all(view is not None and excluded.covers(view) for view in own.views):
        document.warn(
            entry.at_key("exclude_views"),
            f"excludes everything that {document.place((*at, 'views'))} matches",
        )


def _pairs(section: Defaults, document: Document, at: Location) -> None:
    for one, several in (("aws_region", "aws_regions"), ("catalog_id", "catalog_ids")):
        if {one, several} <= section.written:
            line = document.line((*at, one))
            document.report((*at, several), f"write either {several} or {one} (line {line}), not both")


_KNOWN_REGION: Final = re.compile(
    r"(af|ap|ca|cn|eu|eusc-[a-z]{2}|eu-isoe|il|me|mx|sa|us|us-gov|us-iso[a-z]?)"
    r"-(central|(north|south)?(east|west)?)-[0-9]+"
)
"""The regions of the partitions that the AWS SDK knows; a test compares."""


def _regions(section: Defaults, document: Document, at: Location) -> None:
    regions: list[tuple[str | None, Location]] = [(section.aws_region, (*at, "aws_region"))]
    regions += [
        (region, (*at, "aws_regions", index)) for index, region in enumerate(section.aws_regions or ())
    ]
    for region, where in regions:
        if region and not _KNOWN_REGION.fullmatch(region):
            document.warn(where, f"{quoted(region)} is not a region that the AWS SDK knows: is it misspelt?")


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


def _doubtful_patterns(views: Iterable[ViewPattern | None], document: Document, at: Location) -> None:
    for index, view in enumerate(views):
        for text in (view.database, view.table) if view else ():
            for doubt, meaning in _DOUBTS:
                if doubt.search(text):
                    document.warn((*at, index), f"{quoted(text)} may not mean what it says: {meaning}")


def _accounts_of_roles(entry: Entry, document: Document) -> None:
    role: AssumeRole | None = entry.value("assume_role")
    known = entry.is_known("catalog_id", "catalog_ids")
    if role and ACCOUNT_ID in role.role_arn and known and None in entry.catalogs:
        document.report(
            (*entry.at, "assume_role", "role_arn") if entry.own.assume_role else entry.at,
            f"set catalog_id or catalog_ids: {ACCOUNT_ID} in role_arn stands for the account of the catalog",
        )


def _different_patterns(entry: Entry, document: Document) -> None:
    """Report a pattern that stands there again and says something else of its views."""
    seen: dict[tuple[str, str], tuple[int, ViewPattern]] = {}
    at = (*entry.at, "views")
    for index, view in enumerate(entry.own.views):
        if view is None:
            continue
        first, before = seen.setdefault((view.database, view.table), (index, view))
        for key in ("expected_interval", "owner"):
            if getattr(view, key) != getattr(before, key):
                document.report(
                    (*at, index),
                    f"the pattern of line {document.line((*at, first))} again, "
                    f"with another {key}: keep one of them",
                )


def _repeated(values: Sequence[object], document: Document, at: Location, consequence: str) -> None:
    seen: dict[object, int] = {}
    for index, value in enumerate(values):
        first = seen.setdefault(value.lower() if isinstance(value, str) else value, index)
        if first != index and value is not None:
            line = document.line((*at, first))
            document.warn((*at, index), f"the same as on line {line}: {consequence}")


def _same_names(entries: Iterable[Entry], document: Document) -> None:
    first: dict[str, Entry] = {}
    for entry in entries:
        for place in entry.places():
            owner = first.setdefault(place.name, entry)
            if owner is not entry:
                line = document.line((*owner.at, "name"))
                taken = f"the target of line {line} has the name {place.name} already"
                if entry.own.name is None:
                    document.report(entry.at, f"{taken}: give this one a name")
                else:
                    document.report((*entry.at, "name"), taken)


def _of_one_catalog(entries: Iterable[Entry]) -> Iterator[tuple[Entry, ...]]:
    """Return each group of entries that read one catalog in one region."""
    groups: defaultdict[Scope, dict[int, Entry]] = defaultdict(dict)
    for entry in entries:
        for place in entry.places():
            groups[place.scope][entry.index] = entry
    by_index = {tuple(group): tuple(group.values()) for group in groups.values() if len(group) > 1}
    yield from by_index.values()


def _same_runs(entries: Iterable[Entry], document: Document) -> None:
    for group in _of_one_catalog(entries):
        first: dict[str, Location] = {}
        for entry in group:
            for index, run_id in enumerate(entry.own.runs):
                if run_id is None:
                    continue
                here: Location = (*entry.at, "runs", index)
                there = first.setdefault(run_id.lower(), here)
                if there[1] != entry.index:  # what an entry repeats itself is a warning
                    document.report(
                        here,
                        f"{document.place(there)} watches this run already, in the same region and catalog",
                    )
