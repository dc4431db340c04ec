"""What no value alone can tell: what contradicts, repeats or overlaps something else in the file."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from exporter.config.definition import Configuration, Defaults, TargetEntry, WatchedView
from exporter.config.document import Document, Items, Location, Section
from exporter.config.overlaps import overlaps
from exporter.config.targets import MOST_TARGETS, Expanded, Scope, entries, in_lower_case
from exporter.errors import Problem
from exporter.model.durations import format_duration

_NAMING = frozenset(("name", "aws_regions", "catalog_ids"))
"""The keys that decide how the targets of a named entry are called."""
_READING = frozenset(("aws_region", "aws_regions", "catalog_id", "catalog_ids", "profile", "assume_role"))
"""The keys that decide which catalog an entry reads, and how its targets are called if it has no name."""


@dataclass(slots=True)
class Findings:
    """What the checks found."""

    expanded: tuple[Expanded, ...] = ()
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)


def check(configuration: Configuration, document: Document, whole: Document) -> Findings:
    """Check a configuration whose single values are right.

    ``document`` holds what the configuration was made of; ``whole`` also what has been taken out because it
    is wrong, so that nothing is said twice.
    """
    findings = Findings()
    findings.problems += _intervals(configuration, document, whole)
    findings.problems += _pairs(configuration.defaults, document, ("defaults",))
    written = entries(configuration)
    for entry, own in zip(written, configuration.targets, strict=True):
        location: Location = ("targets", entry.index)
        findings.problems += _pairs(own, document, location)
        findings.problems += _nothing_to_watch(document, location, _original(document, whole, location))
        findings.problems += _different_intervals(own.views, document, (*location, "views"))
        findings.warnings += _repeated(own, document, location)
        if own.runs and entry.size > 1:
            findings.warnings.append(_runs_multiplied(document, location))
    if sum(entry.size for entry in written) > MOST_TARGETS:
        findings.problems.append(
            document.problem(
                ("targets",),
                f"regions and catalogs multiply to more than {MOST_TARGETS:,} targets: use several processes",
            )
        )
        return findings
    findings.expanded = tuple(one for entry in written for one in entry.expand())
    reading_known, naming_known = set(), set()
    for entry, own in zip(written, configuration.targets, strict=True):
        lost = _lost_keys(document, whole, entry.index)
        if _READING.isdisjoint(lost):
            reading_known.add(entry.index)
        if _NAMING.isdisjoint(lost) and (own.name is not None or entry.index in reading_known):
            naming_known.add(entry.index)
    findings.problems += _same_names(
        [one for one in findings.expanded if one.entry in naming_known], document
    )
    comparable = [one for one in findings.expanded if one.entry in reading_known]
    findings.problems += _same_runs(comparable, configuration, document)
    findings.warnings += overlaps(_same_catalog(comparable), configuration, document)
    findings.problems = list(dict.fromkeys(findings.problems))
    findings.warnings = sorted(dict.fromkeys(findings.warnings))
    return findings


def _intervals(configuration: Configuration, document: Document, whole: Document) -> Iterator[Problem]:
    resync, poll = configuration.resync_interval, configuration.poll_interval
    poll_is_known = "poll_interval" not in _keys(whole.root) - _keys(document.root)
    if poll_is_known and resync is not None and resync < poll:
        yield document.problem(
            ("resync_interval",), f"must not be shorter than poll_interval, {format_duration(poll)}"
        )


def _pairs(section: Defaults, document: Document, location: Location) -> Iterator[Problem]:
    for one, several in (("aws_region", "aws_regions"), ("catalog_id", "catalog_ids")):
        if {one, several} <= section.model_fields_set:
            other = document.line((*location, one))
            yield document.problem(
                (*location, several), f"write either {several} or {one} (line {other}), not both"
            )


def _nothing_to_watch(document: Document, location: Location, original: object) -> Iterator[Problem]:
    present = original if isinstance(original, dict) else {}
    if not any(key in present and present[key] != [] for key in ("runs", "views")):
        yield document.problem(location, "a target with nothing to watch: give it runs or views")


def _different_intervals(
    views: Iterable[WatchedView], document: Document, location: Location
) -> Iterator[Problem]:
    seen: dict[tuple[str, str], tuple[int, float | None]] = {}
    for index, view in enumerate(views):
        key = (view.database, view.table)
        first, interval = seen.setdefault(key, (index, view.expected_interval))
        if interval != view.expected_interval:
            yield document.problem(
                (*location, index),
                f"the pattern of line {document.line((*location, first))} again, "
                "with another expected_interval: keep one of them",
            )


def _repeated(own: TargetEntry, document: Document, location: Location) -> Iterator[Problem]:
    """Warn of what is written twice and taken once."""
    regions_and_catalogs = ("aws_regions", own.aws_regions or []), ("catalog_ids", own.catalog_ids or [])
    for key, values in (*regions_and_catalogs, ("runs", in_lower_case(own.runs))):
        for first, again in _doubles(values):
            line = document.line((*location, key, first))
            meaning = "watched once" if key == "runs" else "used once"
            yield document.problem((*location, key, again), f"the same as on line {line}: {meaning}")
    for key, views in (("views", own.views), ("exclude_views", own.exclude_views)):
        for first, again in _doubles(views):
            line = document.line((*location, key, first))
            yield document.problem((*location, key, again), f"the same as on line {line}: used once")


def _doubles(values: Sequence[object]) -> Iterator[tuple[int, int]]:
    """Return the first and the later index of every value that comes again."""
    if len(set(values)) == len(values):
        return  # as good as always, and there may be 100,000
    seen: dict[object, int] = {}
    for index, value in enumerate(values):
        first = seen.setdefault(value, index)
        if first != index:
            yield first, index


def _runs_multiplied(document: Document, location: Location) -> Problem:
    return document.problem(
        (*location, "runs"),
        "a run lives in one region and one catalog, and will be unknown in the others of this entry: "
        "give runs a target of their own",
    )


def _original(document: Document, whole: Document, location: Location) -> object:
    """Return what the file holds at the place where ``document``, after removals, has a target."""
    items = document.at(location[:1])
    position = items.positions[int(location[1])] if isinstance(items, Items) else 0
    return whole.at((location[0], position))


def _lost_keys(document: Document, whole: Document, entry: int) -> frozenset[str]:
    """Return the keys that were taken out of an entry, or of the defaults, because they are wrong.

    With a malformed region taken out, an entry would seem to read the default region and clash with others.
    """
    location: Location = ("targets", entry)
    defaults: Location = ("defaults",)
    return (_keys(_original(document, whole, location)) - _keys(document.at(location))) | (
        _keys(whole.at(defaults)) - _keys(document.at(defaults))
    )


def _keys(part: object) -> frozenset[str]:
    return frozenset(part) if isinstance(part, Section) else frozenset()


def _same_names(expanded: Iterable[Expanded], document: Document) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for one in expanded:
        owner = first.setdefault(one.target.name, one.entry)
        if owner == one.entry:
            continue
        location: Location = ("targets", one.entry)
        named = document.at((*location, "name")) is not None
        taken = f"the target of line {_line_of_name(document, owner)} has the name {one.target.name} already"
        yield document.problem(
            (*location, "name") if named else location, taken if named else f"{taken}: give this one a name"
        )


def _line_of_name(document: Document, entry: int) -> int:
    return document.line(("targets", entry, "name"))


def _same_catalog(expanded: Iterable[Expanded]) -> Iterator[tuple[int, ...]]:
    """Return each group of entries that read one catalog in one region."""
    groups: defaultdict[Scope, dict[int, None]] = defaultdict(dict)
    for one in expanded:
        groups[one.scope][one.entry] = None
    yield from dict.fromkeys(tuple(group) for group in groups.values() if len(group) > 1)


def _same_runs(
    expanded: Iterable[Expanded], configuration: Configuration, document: Document
) -> Iterator[Problem]:
    scopes: defaultdict[int, list[Scope]] = defaultdict(list)
    for one in expanded:
        scopes[one.entry].append(one.scope)
    several = [runs for entry in scopes if (runs := configuration.targets[entry].runs)]
    if len(several) < 2:  # noqa: PLR2004 (what one target names twice, _repeated tells of)
        return
    all_runs = in_lower_case([run_id for runs in several for run_id in runs])
    if len(set(all_runs)) == len(all_runs):
        return  # as good as always, and there may be 100,000
    places: defaultdict[str, dict[int, int]] = defaultdict(dict)
    for entry in scopes:
        for index, run_id in enumerate(configuration.targets[entry].runs):
            places[run_id.lower()].setdefault(entry, index)
    for indexes in places.values():
        first: dict[Scope, Location] = {}
        for entry, index in indexes.items() if len(indexes) > 1 else ():
            here: Location = ("targets", entry, "runs", index)
            for scope in scopes[entry]:
                there = first.setdefault(scope, here)
                if there != here:
                    yield document.problem(
                        here,
                        f"{document.key_path(there)} (line {document.line(there)}) watches this run already, "
                        "in the same region and catalog",
                    )
