"""The whole exposition beside what client_python writes of the same samples."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from exporter.metrics.exporter_families import EXPORTER_FAMILIES, TARGET_FAMILIES
from exporter.metrics.exposition import Exposition
from exporter.metrics.run_families import RUN_FAMILIES, run_labels
from exporter.metrics.text import NO_LABELS, Elapsed, Family, Format, Labels, labels
from exporter.metrics.view_families import VIEW_FAMILIES, view_labels
from exporter.store.series import ExporterSeries, RequestStats, SeriesChanges, TargetSeries
from tests.metrics.test_view_families import view_series
from tests.support.clock import ManualClock
from tests.support.run_series import numbered_run

NOW = 1700000500.0
ENDED = [numbered_run(number) for number in range(5)]
ACTIVE = [numbered_run(number, status="RUNNING", end_time=None) for number in range(5, 8)]
VIEW = view_series()
TARGETS = [
    TargetSeries(target=name, aws_region="eu-west-1", requests=RequestStats(), up=True)
    for name in ("prod", "lake")
]
TABLES: Sequence[tuple[Sequence[Family[Any]], Sequence[tuple[Any, Labels]]]] = (
    (VIEW_FAMILIES, [(VIEW, view_labels(VIEW))]),
    # Blocks are made of four ended runs; the text of what is in no block comes before them.
    (RUN_FAMILIES, [(series, run_labels(series)) for series in (ENDED[4], *ENDED[:4], *ACTIVE)]),
    (EXPORTER_FAMILIES, [(ExporterSeries(), NO_LABELS)]),
    (TARGET_FAMILIES, [(target, labels(target=target.target)) for target in TARGETS]),
)


class Reference(Collector):
    """Hands the same samples to client_python."""

    def collect(self) -> Iterator[Metric]:
        """Yield every family that has a sample."""
        for families, items in TABLES:
            for family in families:
                metric = Metric(family.name.removesuffix("_total"), family.help, family.type)
                for own, value, suffix in (sample for item in items for sample in family.samples(*item)):
                    pairs = dict(re.findall(r'(\w+)="([^"]*)"', own))
                    known = NOW - value.since if isinstance(value, Elapsed) else value
                    metric.add_sample(f"{family.name}{suffix}", pairs, known)
                if metric.samples:
                    yield metric


def lines(text: str) -> list[tuple[str, list[str], float]]:
    found = []
    for line in text.splitlines():
        series, _, value = ("", "", "") if line.startswith("#") else line.rpartition(" ")
        name, _, labels = series.partition("{")
        found.append((name or line, sorted(re.findall(r'\w+="[^"]*"', labels)), float(value or 0)))
    return found


@pytest.mark.parametrize("form", Format)
def test_it_writes_what_client_python_writes_of_the_same_samples(form: Format) -> None:
    """Line by line: families in one piece with their metadata, each sample once, ``le="60.0"``."""
    exposition = Exposition(ManualClock(NOW), process_metrics=False, block_items=4)
    exposition.apply(
        SeriesChanges(
            runs={series.key: series for series in (*ENDED, *ACTIVE)},
            views={VIEW.key: VIEW},
            targets={target.target: target for target in TARGETS},
            exporter=ExporterSeries(),
        )
    )
    registry = CollectorRegistry()
    registry.register(Reference())
    encode, _ = choose_encoder(form.value)
    ours, theirs = exposition.scrape(form.value).body().decode(), encode(registry).decode()
    assert sorted(lines(ours)) == sorted(lines(theirs))
    assert [one[0] for one in lines(ours)] == [one[0] for one in lines(theirs)]
