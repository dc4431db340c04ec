"""A view, and the text of its series."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from exporter.metrics import Exposition
from exporter.metrics.view_families import VIEW_FAMILIES, ViewFigures
from exporter.model.run import Run
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
    """Return the lines of a view's series, without the metadata."""
    exposition = Exposition(ManualClock(), process_metrics=False)
    exposition.apply(SeriesChanges(views={series.key: series}))
    body = exposition.scrape().body().decode()
    return [line for line in body.splitlines() if not line.startswith("#")]


def values_of(name: str, series: ViewSeries) -> list[str]:
    """Return the values of one family's samples."""
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
        f'glue_mv_refresh_view_runs_total{{{VIEW},status="SUCCEEDED",refresh_type="FULL"}} 0',
        f'glue_mv_refresh_view_runs_total{{{VIEW},status="SUCCEEDED",refresh_type="INCREMENTAL"}} 4',
        f'glue_mv_refresh_view_runs_total{{{VIEW},status="SUCCEEDED",refresh_type="UNKNOWN"}} 0',
        f'glue_mv_refresh_view_runs_total{{{VIEW},status="FAILED",refresh_type="FULL"}} 2',
        f'glue_mv_refresh_view_runs_total{{{VIEW},status="FAILED",refresh_type="INCREMENTAL"}} 0',
        f'glue_mv_refresh_view_runs_total{{{VIEW},status="FAILED",refresh_type="UNKNOWN"}} 0',
        f'glue_mv_refresh_view_runs_total{{{VIEW},status="STOPPED",refresh_type="FULL"}} 0',
        f'glue_mv_refresh_view_runs_total{{{VIEW},status="STOPPED",refresh_type="INCREMENTAL"}} 0',
        f'glue_mv_refresh_view_runs_total{{{VIEW},status="STOPPED",refresh_type="UNKNOWN"}} 0',
        f'glue_mv_refresh_view_runs_total{{{VIEW},status="UNKNOWN",refresh_type="FULL"}} 0',
        f'glue_mv_refresh_view_runs_total{{{VIEW},status="UNKNOWN",refresh_type="INCREMENTAL"}} 0',
        f'glue_mv_refresh_view_runs_total{{{VIEW},status="UNKNOWN",refresh_type="UNKNOWN"}} 0',
        f'glue_mv_refresh_view_dpu_seconds_total{{{VIEW},refresh_type="FULL"}} 30.25',
        f'glue_mv_refresh_view_dpu_seconds_total{{{VIEW},refresh_type="INCREMENTAL"}} 482.0',
        f'glue_mv_refresh_view_dpu_seconds_total{{{VIEW},refresh_type="UNKNOWN"}} 0.0',
        f'glue_mv_refresh_view_processed_bytes_total{{{VIEW},refresh_type="FULL"}} 0',
        f'glue_mv_refresh_view_processed_bytes_total{{{VIEW},refresh_type="INCREMENTAL"}} 16384',
        f'glue_mv_refresh_view_processed_bytes_total{{{VIEW},refresh_type="UNKNOWN"}} 0',
        f'glue_mv_refresh_view_run_duration_seconds_bucket{{{VIEW},le="10.0"}} 0',
        f'glue_mv_refresh_view_run_duration_seconds_bucket{{{VIEW},le="30.0"}} 0',
        f'glue_mv_refresh_view_run_duration_seconds_bucket{{{VIEW},le="60.0"}} 1',
        f'glue_mv_refresh_view_run_duration_seconds_bucket{{{VIEW},le="120.0"}} 3',
        f'glue_mv_refresh_view_run_duration_seconds_bucket{{{VIEW},le="300.0"}} 3',
        f'glue_mv_refresh_view_run_duration_seconds_bucket{{{VIEW},le="600.0"}} 3',
        f'glue_mv_refresh_view_run_duration_seconds_bucket{{{VIEW},le="1200.0"}} 3',
        f'glue_mv_refresh_view_run_duration_seconds_bucket{{{VIEW},le="2400.0"}} 3',
        f'glue_mv_refresh_view_run_duration_seconds_bucket{{{VIEW},le="3600.0"}} 3',
        f'glue_mv_refresh_view_run_duration_seconds_bucket{{{VIEW},le="7200.0"}} 3',
        f'glue_mv_refresh_view_run_duration_seconds_bucket{{{VIEW},le="14400.0"}} 3',
        f'glue_mv_refresh_view_run_duration_seconds_bucket{{{VIEW},le="28800.0"}} 3',
        f'glue_mv_refresh_view_run_duration_seconds_bucket{{{VIEW},le="+Inf"}} 4',
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
    """A view named literally is never silently missing."""
    assert samples(view_series(None, up=False)) == [f"glue_mv_refresh_view_up{{{VIEW}}} 0"]


def test_a_view_that_could_not_be_read_keeps_its_last_good_values() -> None:
    """Only ``view_up`` shows it."""
    assert samples(view_series(up=False)) == [
        f"glue_mv_refresh_view_up{{{VIEW}}} 0",
        *samples(view_series())[1:],
    ]


@pytest.mark.parametrize("mode", ["manual", "unknown"])
def test_without_a_schedule_the_refresh_mode_shows_it_and_no_interval_is_expected(mode: str) -> None:
    series = view_series(NO_RUNS, refresh_mode=mode, expected_interval=None)
    labels = f'target="prod",refresh_mode="{mode}",managed="",owner=""'
    assert f"glue_mv_refresh_view_info{{{VIEW},{labels}}} 1" in samples(series)
    assert values_of("glue_mv_refresh_view_expected_interval_seconds", series) == []


def test_an_unlisted_status_of_the_last_run_adds_a_series_unknown() -> None:
    """The five listed ones are 0 then."""
    series = view_series(last_run=LAST_RUN._replace(status="PAUSED"))
    lines = [line for line in samples(series) if "_last_run_status{" in line]
    assert [line.rpartition(" ")[2] for line in lines] == ["0", "0", "0", "0", "0", "1"]
    assert 'status="UNKNOWN"} 1' in lines[-1]


def test_a_last_run_without_a_status_has_no_status_series() -> None:
    """The run is there all the same."""
    series = view_series(last_run=LAST_RUN._replace(status=None))
    assert values_of("glue_mv_refresh_view_last_run_status", series) == []
    assert values_of("glue_mv_refresh_view_last_run_info", series) == ["1"]


@pytest.mark.parametrize("reported", [None, "PARTIAL"])
def test_a_refresh_type_that_is_not_reported_or_unlisted_is_unknown(reported: str | None) -> None:
    (line,) = (
        line
        for line in samples(view_series(last_run=LAST_RUN._replace(refresh_type=reported)))
        if "_last_run_info{" in line
    )
    assert line.endswith('refresh_type="UNKNOWN"} 1')


@pytest.mark.parametrize(
    ("member", "family"),
    [
        ("creation_time", "glue_mv_refresh_view_creation_timestamp_seconds"),
        ("expected_interval", "glue_mv_refresh_view_expected_interval_seconds"),
        ("last_success_time", "glue_mv_refresh_view_last_success_timestamp_seconds"),
        ("last_failure_time", "glue_mv_refresh_view_last_failure_timestamp_seconds"),
        ("data_time", "glue_mv_refresh_view_data_timestamp_seconds"),
        ("source_updated_time", "glue_mv_refresh_view_source_updated_timestamp_seconds"),
        ("stale_since", "glue_mv_refresh_view_stale_since_timestamp_seconds"),
        ("consecutive_failures", "glue_mv_refresh_view_consecutive_failures"),
    ],
)
def test_a_fact_that_is_not_known_is_absent_and_zero_is_zero(member: str, family: str) -> None:
    """Never a 0 for the unknown, nor the other way round."""
    nothing: dict[str, Any] = {member: None}
    zero: dict[str, Any] = {member: 0}
    assert values_of(family, view_series(**nothing)) == []
    assert values_of(family, view_series(**zero)) == ["0"]


def _last_run(**members: Any) -> ViewSeries:
    return view_series(last_run=LAST_RUN._replace(**members))


def _last_success(**members: Any) -> ViewSeries:
    return view_series(last_success=FULL_RUN._replace(**members))


@pytest.mark.parametrize(
    ("make", "member", "family"),
    [
        (_last_run, "creation_time", "glue_mv_refresh_view_last_run_creation_timestamp_seconds"),
        (_last_success, "dpu_seconds", "glue_mv_refresh_view_last_success_dpu_seconds"),
        (_last_success, "processed_bytes", "glue_mv_refresh_view_last_success_processed_bytes"),
    ],
)
def test_what_a_run_does_not_report_is_absent_and_zero_is_zero(
    make: Callable[..., ViewSeries], member: str, family: str
) -> None:
    assert values_of(family, make(**{member: None})) == []
    assert values_of(family, make(**{member: 0})) == ["0"]


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (FULL_RUN._replace(start_time=None), []),
        (FULL_RUN._replace(end_time=None), []),
        (FULL_RUN._replace(start_time=1700000080.0), ["0.0"]),
        (FULL_RUN, ["60.25"]),
    ],
)
def test_the_last_success_lasted_from_its_start_to_its_end(run: Run, expected: list[str]) -> None:
    """Absent where one of them is missing, never negative."""
    series = view_series(last_success=run)
    assert values_of("glue_mv_refresh_view_last_success_duration_seconds", series) == expected


@pytest.mark.parametrize("family", VIEW_FAMILIES, ids=lambda family: family.name)
def test_every_sample_has_the_labels_that_its_family_promises(family: Any) -> None:
    """The reference page is made from them."""
    written = [sample.labels for sample in family.samples(ViewFigures.of(view_series()))]
    names = [tuple(name for name in re.findall(r'(\w+)="', text) if name != "le") for text in written]
    assert set(names) == {family.labels}
