"""What a scrape says, read by the reference parsers and by promtool."""

import re
import subprocess
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

STATUSES = ("STARTING", "RUNNING", "SUCCEEDED", "FAILED", "STOPPED")
RUN = "glue_mv_refresh_run_"
VIEW = "glue_mv_refresh_view_"
EXPORTER = "glue_mv_exporter_"
_CHECKED: set[int] = set()
"""Hashes of what promtool has had nothing to say about, without its values."""


@dataclass(frozen=True)
class Exposition:
    """One answer of ``/metrics``."""

    text: str
    openmetrics: bool = False

    @cached_property
    def _families(self) -> Sequence[Metric]:
        return list((parse_openmetrics if self.openmetrics else parse_text)(self.text))

    @cached_property
    def _samples(self) -> Mapping[str, Sequence[tuple[Mapping[str, str], float]]]:
        found: dict[str, list[tuple[Mapping[str, str], float]]] = {}
        seen: set[tuple[str, frozenset[tuple[str, str]]]] = set()
        for family in self._families:
            for sample in family.samples:
                identity = (sample.name, frozenset(sample.labels.items()))
                assert identity not in seen, f"a duplicate series: {identity}"
                assert sample.timestamp is None, f"a sample timestamp: {identity}"
                assert not sample.name.endswith("_created"), f"a _created series: {identity}"
                seen.add(identity)
                found.setdefault(sample.name, []).append((sample.labels, sample.value))
        return found

    @property
    def types(self) -> Mapping[str, str]:
        return {family.name: family.type for family in self._families}

    def series(self, name: str, **labels: str) -> Sequence[tuple[Mapping[str, str], float]]:
        """Return the series of this name that have these labels, and maybe more."""
        return [
            (found, value) for found, value in self._samples.get(name, ()) if labels.items() <= found.items()
        ]

    def value(self, name: str, **labels: str) -> float | None:
        """Return the value of the one series; None where there is none."""
        found = self.series(name, **labels)
        assert len(found) <= 1, f"{name}{labels}: {found}"
        return found[0][1] if found else None

    def names(self) -> Collection[str]:
        """Return the names of all samples."""
        return self._samples.keys()

    def status(self, run_id: str) -> str | None:
        """Return the status that is 1, having checked that all others are 0."""
        found = {labels["status"]: value for labels, value in self.series(f"{RUN}status", run_id=run_id)}
        if not found:
            return None
        assert found.keys() - {"UNKNOWN"} == set(STATUSES), found
        assert found.get("UNKNOWN", 1) == 1, found
        (current,) = (status for status, value in found.items() if value == 1)
        assert sum(found.values()) == 1, found
        return current

    def up(self, target: str = "test") -> float | None:
        """Return whether a target is up; None before its first poll has ended."""
        return self.value(f"{EXPORTER}target_up", target=target)

    def last_poll(self, target: str = "test") -> float:
        """Return when a target's last poll ended; 0 before that."""
        return self.value(f"{EXPORTER}target_last_poll_timestamp_seconds", target=target) or 0.0

    @property
    def views_up(self) -> int:
        return sum(value == 1 for _, value in self.series(f"{VIEW}up"))

    @property
    def counted(self) -> Counter[str]:
        """The ended runs of all views that were counted, by status."""
        totals: Counter[str] = Counter()
        for labels, value in self.series(f"{VIEW}runs_total"):
            totals[labels["status"]] += int(value)
        return +totals

    def failures(self, target: str, operation: str | None = None) -> Counter[str]:
        """Return how often each reason was counted for a target, as far as it was."""
        more = {} if operation is None else {"operation": operation}
        counts: Counter[str] = Counter()
        for labels, value in self.series(f"{EXPORTER}api_request_failures_total", target=target, **more):
            counts[labels["reason"]] += int(value)
        return +counts


def check_with_promtool(text: str) -> None:
    """Fail where ``promtool check metrics`` has anything to say. Of the values, it has not."""
    series = hash(re.sub(r" \S+$", "", text, flags=re.MULTILINE))
    if series in _CHECKED:
        return
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=text.encode(), capture_output=True, check=False, timeout=60
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b""), checked
    _CHECKED.add(series)
