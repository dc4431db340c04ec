"""A view, and the text of its series."""

import re
from dataclasses import replace
from typing import Any

import pytest

from exporter.metrics.exposition import Exposition
from exporter.metrics.view_families import VIEW_FAMILIES, view_labels
from exporter.model.view import ViewKey
from exporter.store.counters import ViewCounters
from exporter.store.series import SeriesChanges, ViewFacts, ViewSeries
from tests.support.clock import ManualClock
from tests.support.run_series import ACCOUNT, FULL_RUN, REGION

KEY = ViewKey(REGION, ACCOUNT, "sales", "daily_orders")
VIEW = 'aws_region="eu-west-1",catalog_id="123456789012",database="sales",table="daily_orders"'

LAST_RUN = FULL_RUN._replace(
    run_id="7c9e6679-7425-40de-944b-e07fc1f90ae7",
    status="FAILED",
    refresh_type="FULL",
    creation_time=1700003600.5,
    error_message="Access Denied",
)

NO_RUNS = ViewFacts(
    refresh_mode="scheduled",
    creation_time=1690000000.0,
    expected_interval=3600.0,
    last_run=None,
    last_success=None,
    last_success_time=None,
    last_failure_time=None,
    consecutive_failures=0,
    counters=ViewCounters(),
)
EVERYTHING = replace(
    NO_RUNS,
    owner="team-sales",
    last_run=LAST_RUN,
    last_success=FULL_RUN,
    last_success_time=1700000070.25,
    last_failure_time=1700003670.25,
    last_failure=LAST_RUN,
    managed=True,
    data_time=1700000080.5,
    source_updated_time=1700003000.25,
    stale_since=1700002000.25,
    consecutive_failures=2,
    counters=ViewCounters(
        runs=ViewCounters().runs | {("SUCCEEDED", "INCREMENTAL"): 4, ("FAILED", "FULL"): 2},
        dpu_seconds=ViewCounters().dpu_seconds | {"INCREMENTAL": 482.0, "FULL": 30.25},
        processed_bytes=ViewCounters().processed_bytes | {"INCREMENTAL": 16384},
        durations=(0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 1),
        duration_sum=40180.25,
    ),
)


def view_series(facts: ViewFacts | None = EVERYTHING, *, up: bool = True, **members: Any) -> ViewSeries:
    """Return the series of a view with some facts changed."""
    return ViewSeries(KEY, "prod", up, None if facts is None else replace(facts, **members))


def samples(series: ViewSeries) -> list[str]:
    exposition = Exposition(ManualClock(), process_metrics=False)
    exposition.apply(SeriesChanges(views={series.key: series}))
    body = exposition.scrape().body().decode()
    return [line for line in body.splitlines() if not line.startswith("#")]


def values_of(name: str, series: ViewSeries) -> list[str]:
    return [line.rpartition(" ")[2] for line in samples(series) if line.startswith(f"{name}{{")]


def test_a_view_with_everything_has_all_series() -> None:
    """Golden: this is what users query."""
    owner = 'managed="true",owner="team-sales"'
    run_id = 'run_id="7c9e6679-7425-40de-944b-e07fc1f90ae7"'
    assert samples(view_series()) == [
        f"glue_mv_refresh_view_up{{{VIEW}}} 1",
        f'glue_mv_refresh_view_info{{{VIEW},target="prod",refresh_mode="scheduled",{owner}}} 1',
        f"glue_mv_refresh_view_creation_timestamp_seconds{{{VIEW}}} 1690000000.0",
        f"glue_mv_refresh_view_expected_interval_seconds{{{VIEW}}} 3600.0",
        f"glue_mv_refresh_view_data_timestamp_seconds{{{VIEW}}} 1700000080.5",
        f"glue_mv_refresh_view_source_updated_timestamp_seconds{{{VIEW}}} 1700003000.25",
        f"glue_mv_refresh_view_stale_since_timestamp_seconds{{{VIEW}}} 1700002000.25",
        f'glue_mv_refresh_view_last_run_status{{{VIEW},status="STARTING"}} 0',
        f'glue_mv_refresh_view_last_run_status{{{VIEW},status="RUNNING"}} 0',
        f'glue_mv_refresh_view_last_run_status{{{VIEW},status="SUCCEEDED"}} 0',
        f'glue_mv_refresh_view_last_run_status{{{VIEW},status="FAILED"}} 1',
        f'glue_mv_refresh_view_last_run_status{{{VIEW},status="STOPPED"}} 0',
        f'glue_mv_refresh_view_last_run_info{{{VIEW},{run_id},refresh_type="FULL"}} 1',
        f"glue_mv_refresh_view_last_run_creation_timestamp_seconds{{{VIEW}}} 1700003600.5",
        f"glue_mv_refresh_view_last_success_timestamp_seconds{{{VIEW}}} 1700000070.25",
        f"glue_mv_refresh_view_last_success_duration_seconds{{{VIEW}}} 60.25",
        f"glue_mv_refresh_view_last_success_dpu_seconds{{{VIEW}}} 120.5",
        f"glue_mv_refresh_view_last_success_processed_bytes{{{VIEW}}} 4096",
        f"glue_mv_refresh_view_last_failure_timestamp_seconds{{{VIEW}}} 1700003670.25",
        f'glue_mv_refresh_view_last_failure_info{{{VIEW},{run_id},cause="access_denied"}} 1',
        f"glue_mv_refresh_view_consecutive_failures{{{VIEW}}} 2",
        *(
            f'glue_mv_refresh_view_runs_total{{{VIEW},status="{status}",refresh_type="{kind}"}} {count}'
            for status, counts in {
                "SUCCEEDED": (0, 4, 0),
                "FAILED": (2, 0, 0),
                "STOPPED": (0, 0, 0),
                "UNKNOWN": (0, 0, 0),
            }.items()
            for kind, count in zip(("FULL", "INCREMENTAL", "UNKNOWN"), counts, strict=True)
        ),
        f'glue_mv_refresh_view_dpu_seconds_total{{{VIEW},refresh_type="FULL"}} 30.25',
        f'glue_mv_refresh_view_dpu_seconds_total{{{VIEW},refresh_type="INCREMENTAL"}} 482.0',
        f'glue_mv_refresh_view_dpu_seconds_total{{{VIEW},refresh_type="UNKNOWN"}} 0.0',
        f'glue_mv_refresh_view_processed_bytes_total{{{VIEW},refresh_type="FULL"}} 0',
        f'glue_mv_refresh_view_processed_bytes_total{{{VIEW},refresh_type="INCREMENTAL"}} 16384',
        f'glue_mv_refresh_view_processed_bytes_total{{{VIEW},refresh_type="UNKNOWN"}} 0',
        *(
            f'glue_mv_refresh_view_run_duration_seconds_bucket{{{VIEW},le="{bound}"}} {count}'
            for bounds, count in (
                ("10.0 30.0", 0),
                ("60.0", 1),
                ("120.0 300.0 600.0 1200.0 2400.0 3600.0 7200.0 14400.0 28800.0", 3),
                ("+Inf", 4),
            )
            for bound in bounds.split()
        ),
        f"glue_mv_refresh_view_run_duration_seconds_count{{{VIEW}}} 4",
        f"glue_mv_refresh_view_run_duration_seconds_sum{{{VIEW}}} 40180.25",
    ]


def test_a_view_without_runs_has_what_is_known_of_the_view_and_no_time_of_any_run() -> None:
    """No failures in a row are a known 0; a last success is not known, so it is absent."""
    gauges = [line for line in samples(view_series(NO_RUNS)) if "_total{" not in line]
    assert [line for line in gauges if "_run_duration_seconds_" not in line] == [
        f"glue_mv_refresh_view_up{{{VIEW}}} 1",
        f'glue_mv_refresh_view_info{{{VIEW},target="prod",refresh_mode="scheduled",managed="",owner=""}} 1',
        f"glue_mv_refresh_view_creation_timestamp_seconds{{{VIEW}}} 1690000000.0",
        f"glue_mv_refresh_view_expected_interval_seconds{{{VIEW}}} 3600.0",
        f"glue_mv_refresh_view_consecutive_failures{{{VIEW}}} 0",
    ]


def test_counters_and_the_histogram_begin_at_zero_for_every_combination() -> None:
    """A rate needs the 0 before the first 1."""

    def counted(series: ViewSeries) -> list[tuple[str, float]]:
        lines = [line.rpartition(" ") for line in samples(series)]
        counters = re.compile(r"\w+(_total|_run_duration_seconds_\w+){")
        return [(name, float(value)) for name, _, value in lines if counters.match(name)]

    assert counted(view_series(NO_RUNS)) == [(name, 0.0) for name, _ in counted(view_series())]


def test_a_view_that_glue_does_not_know_has_view_up_alone() -> None:
    assert samples(view_series(None, up=False)) == [f"glue_mv_refresh_view_up{{{VIEW}}} 0"]


def test_a_view_that_could_not_be_read_keeps_its_last_good_values() -> None:
    assert samples(view_series(up=False)) == [
        f"glue_mv_refresh_view_up{{{VIEW}}} 0",
        *samples(view_series())[1:],
    ]


def of_run(**members: Any) -> ViewSeries:
    """Return the series of a view with another last run and last success."""
    return view_series(
        last_run=LAST_RUN._replace(**members),
        last_success=FULL_RUN._replace(**members),
    )


@pytest.mark.parametrize(
    ("make", "member", "family"),
    [
        (view_series, "creation_time", "creation_timestamp_seconds"),
        (view_series, "expected_interval", "expected_interval_seconds"),
        (view_series, "last_success_time", "last_success_timestamp_seconds"),
        (view_series, "last_failure_time", "last_failure_timestamp_seconds"),
        (view_series, "data_time", "data_timestamp_seconds"),
        (view_series, "source_updated_time", "source_updated_timestamp_seconds"),
        (view_series, "stale_since", "stale_since_timestamp_seconds"),
        (view_series, "consecutive_failures", "consecutive_failures"),
        (of_run, "creation_time", "last_run_creation_timestamp_seconds"),
        (of_run, "dpu_seconds", "last_success_dpu_seconds"),
        (of_run, "processed_bytes", "last_success_processed_bytes"),
    ],
)
def test_what_is_not_known_is_absent_and_zero_is_zero(make: Any, member: str, family: str) -> None:
    assert values_of(f"glue_mv_refresh_view_{family}", make(**{member: None})) == []
    assert values_of(f"glue_mv_refresh_view_{family}", make(**{member: 0})) == ["0"]


@pytest.mark.parametrize("family", VIEW_FAMILIES, ids=lambda family: family.name)
def test_every_sample_has_the_labels_that_its_family_promises(family: Any) -> None:
    series = view_series()
    written = [sample.labels for sample in family.samples(series, view_labels(series))]
    names = [tuple(name for name in re.findall(r'(\w+)="', text) if name != "le") for text in written]
    assert set(names) == {family.labels}
