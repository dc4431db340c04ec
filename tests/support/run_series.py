"""Runs as Glue would report them, and the reference parsers, for tests about series."""

from typing import Any

from prometheus_client import Metric
from prometheus_client import parser as text_parser
from prometheus_client.openmetrics import parser as openmetrics_parser

from exporter.model.run import Run, RunKey
from exporter.store.series import RunSeries

REGION = "eu-west-1"
ACCOUNT = "123456789012"

FULL_RUN = Run(
    run_id="0f8fad5b-d9cb-469f-a165-70867728950e",
    database="sales",
    table="daily_orders",
    status="SUCCEEDED",
    refresh_type="INCREMENTAL",
    role="arn:aws:iam::123456789012:role/glue",
    customer_id=ACCOUNT,
    creation_time=1700000000.5,
    start_time=1700000010.0,
    end_time=1700000070.25,
    last_updated=1700000071.0,
    dpu_seconds=120.5,
    processed_bytes=4096,
)
"""A run of which Glue has reported everything."""


def run_series(*, up: bool | None = True, **members: Any) -> RunSeries:
    run = FULL_RUN._replace(**members)
    return RunSeries(RunKey(REGION, ACCOUNT, run.run_id), run, up)


def numbered_run(number: int, **members: Any) -> RunSeries:
    return run_series(
        run_id=f"00000000-0000-4000-8000-{number:012x}",
        **{"table": f"orders_{number % 7}", "dpu_seconds": number / 4, **members},
    )


def read_text(text: str) -> list[Metric]:
    return list(text_parser.text_string_to_metric_families(text))


def read_openmetrics(text: str) -> list[Metric]:
    """Read OpenMetrics with the reference parser, which ships no types."""
    return list(openmetrics_parser.text_string_to_metric_families(text))  # type: ignore[no-untyped-call]  # it ships no types
