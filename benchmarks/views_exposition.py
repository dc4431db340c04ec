"""What the exporter exposes of many views, well or in trouble, without an exporter."""

import time
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

from benchmarks.lifelike import ACCOUNT, REGION, views
from exporter.metrics.exporter_families import EXPORTER_FAMILIES, TARGET_FAMILIES
from exporter.metrics.text import NO_LABELS, Family, Format, Labels, labels, metadata, render
from exporter.metrics.view_families import VIEW_FAMILIES, view_labels
from exporter.model.run import Run
from exporter.model.view import ViewKey
from exporter.store.counters import ViewCounters
from exporter.store.series import ExporterSeries, RequestStats, TargetSeries, ViewFacts, ViewSeries

TARGETS = 5
OWNERS = 50
_HOUR = 3600.0
_URL = "https://glue-mv-exporter.example.org"


def exposition(count: int, *, troubled_every: int | None) -> bytes:
    """Return the text of so many hourly views of five targets.

    Every so manieth view has failed three times and is overdue; none for None.
    """
    now = time.time()
    parts = [
        *_text(EXPORTER_FAMILIES, [(_exporter(now), NO_LABELS)]),
        *_text(TARGET_FAMILIES, [_target(number, count, now) for number in range(TARGETS)]),
        *_text(VIEW_FAMILIES, [(view, view_labels(view)) for view in _views(count, troubled_every, now)]),
    ]
    return b"".join(parts)


def view_keys(count: int) -> Iterator[ViewKey]:
    """Yield what tells each view from every other."""
    for database, table in views(count):
        yield ViewKey(REGION, ACCOUNT, database, table)


def _text(families: Sequence[Family[Any]], items: Sequence[tuple[Any, Labels]]) -> Iterator[bytes]:
    lines = [render(families, *item).lines for item in items]
    for place, family in enumerate(families):
        yield metadata(family, Format.TEXT)
        yield from (of_item[place] for of_item in lines)


def _target_name(number: int, count: int) -> str:
    return f"target-{number * TARGETS // count}"


def _owner(number: int) -> str:
    return f"team-{number % OWNERS}"


def _exporter(now: float) -> ExporterSeries:
    return ExporterSeries(
        version="1.0.0",
        python_version="3.13.0",
        boto3_version="1.44.0",
        external_url=_URL,
        poll_interval=30.0,
        last_reload_successful=True,
        last_reload_success_time=now - 30 * _HOUR,
        storage_last_write_successful=True,
        storage_write_failures=0,
    )


def _target(number: int, count: int, now: float) -> tuple[TargetSeries, Labels]:
    series = TargetSeries(
        target=f"target-{number}",
        aws_region=REGION,
        requests=RequestStats(),
        catalog_id=ACCOUNT,
        up=True,
        last_poll_time=now,
        last_success_time=now,
        last_poll_duration=0.5,
        views=count // TARGETS,
        runs={"settled": count // TARGETS},
        source_tables={"read": count, "unreadable": 0},
    )
    return series, labels(target=series.target)


def _views(count: int, troubled_every: int | None, now: float) -> Iterator[ViewSeries]:
    for number, key in enumerate(view_keys(count)):
        troubled = troubled_every is not None and number % troubled_every == 0
        facts = _troubled(number, now) if troubled else _well(number, now)
        yield ViewSeries(key, _target_name(number, count), True, facts)


def _well(number: int, now: float) -> ViewFacts:
    run = _run(number, "SUCCEEDED", now - 1800)
    return _facts(number, now, last_run=run, last_success=run, last_failure=None, consecutive_failures=0)


def _troubled(number: int, now: float) -> ViewFacts:
    failure = _run(number, "FAILED", now - 600)
    success = _run(number, "SUCCEEDED", now - 4 * _HOUR)
    return _facts(
        number,
        now,
        last_run=failure,
        last_success=success,
        last_failure=failure,
        stale_since=now - 3 * _HOUR,
        consecutive_failures=3,
    )


def _facts(
    number: int,
    now: float,
    *,
    last_run: Run,
    last_success: Run,
    last_failure: Run | None,
    consecutive_failures: int,
    stale_since: float | None = None,
) -> ViewFacts:
    return ViewFacts(
        refresh_mode="scheduled",
        managed=True,
        owner=_owner(number),
        creation_time=now - 1000 * _HOUR,
        expected_interval=_HOUR,
        last_run=last_run,
        last_success=last_success,
        last_success_time=last_success.end_time,
        last_failure=last_failure,
        last_failure_time=last_failure.end_time if last_failure else None,
        data_time=last_success.end_time,
        source_updated_time=now - 3 * _HOUR,
        stale_since=stale_since,
        consecutive_failures=consecutive_failures,
        counters=ViewCounters(),
    )


def _run(number: int, status: str, ended: float) -> Run:
    return Run(
        run_id=str(uuid.UUID(int=number, version=4)),
        status=status,
        refresh_type="INCREMENTAL",
        error_message="Table sales.raw_orders not found" if status == "FAILED" else None,
        creation_time=ended - 320,
        start_time=ended - 300,
        end_time=ended,
        last_updated=ended,
        dpu_seconds=600.0,
        processed_bytes=2**30,
    )
