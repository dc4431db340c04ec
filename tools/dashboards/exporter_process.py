"""What the exporter asks of AWS, and what it takes of its machine."""

from tools.dashboards import links
from tools.dashboards.panels import Panel, Query
from tools.dashboards.promql import RELEASE, RELEASES
from tools.dashboards.shapes import series
from tools.dashboards.style import (
    GREEN,
    ORANGE,
    REASONS,
    RED,
    colour_of_series,
    thresholds,
)
from tools.dashboards.tables import URL_WORDS, Column, table

TARGETS = f'{RELEASES}, target=~"$target"'
_INSTANCE = f"{RELEASE}, instance"
_PROCESS = f"on ({_INSTANCE}) glue_mv_exporter_build_info{{{RELEASES}}}"
"""Processes differ by the labels of their scrape; only their panels use instances."""


def rate(name: str, by: str) -> str:
    """Return the rate of a counter of the chosen targets."""
    return f"sum by ({by}) (rate(glue_mv_exporter_{name}{{{TARGETS}}}[$__rate_interval]))"


def requests() -> list[Panel]:
    """Return what is asked of AWS, and what it answers."""
    bucket = rate("api_request_duration_seconds_bucket", "le")
    return [
        series(
            "Requests by operation",
            "HTTP requests per second, including botocore's retries. Your jobs share the account's quota.",
            [Query(expr=f"{rate('api_requests_total', 'operation')} > 0", legend="{{operation}}")],
            width=8,
            unit="reqps",
            stacked=True,
            legend=["mean", "max"],
        ),
        series(
            "Failed requests by reason",
            "Including failures that a retry resolved. access_denied and credentials need a fix; throttled "
            "needs a lower max_requests_per_second.",
            [
                Query(
                    expr=f"{rate('api_request_failures_total', 'reason')} > 0",
                    legend="{{reason}}",
                )
            ],
            width=8,
            unit="reqps",
            stacked=True,
            legend=["max"],
            overrides=colour_of_series(REASONS),
            no_value="no failures",
        ),
        series(
            "Latency of requests",
            "How long AWS takes to answer each attempt.",
            [
                Query(expr=f"histogram_quantile({quantile}, {bucket})", legend=name)
                for quantile, name in ((0.5, "median"), (0.9, "90 %"), (0.99, "99 %"))
            ],
            width=8,
            unit="s",
            legend=["lastNotNull", "max"],
            overrides=colour_of_series({"median": GREEN, "90 %": ORANGE, "99 %": RED}),
        ),
    ]


def _of_each_process(title: str, description: str, figure: str, unit: str) -> Panel:
    query = Query(expr=f"{figure} and {_PROCESS}", legend="{{instance}}")
    return series(title, description, [query], width=6, unit=unit)


def process() -> list[Panel]:
    """Return what each process takes."""
    versions = "version, python_version, boto3_version"
    return [
        _of_each_process(
            "Memory", "Resident memory of each process.", "process_resident_memory_bytes", "bytes"
        ),
        _of_each_process(
            "Processor time",
            "Cores that each process uses.",
            "rate(process_cpu_seconds_total[$__rate_interval])",
            "none",
        ),
        _of_each_process(
            "Scrapes",
            "How long Prometheus takes to read each process. A gap is a process that it cannot scrape.",
            "scrape_duration_seconds",
            "s",
        ),
        _of_each_process(
            "Scraped series",
            "Samples of each scrape: views times up to 54, runs times 13.",
            "scrape_samples_scraped",
            "short",
        ),
        table(
            "Versions",
            "The versions that are running.",
            [
                Column(title="Instance", label="instance"),
                Column(title="Version", label="version", width=160),
                Column(title="Python", label="python_version", width=160),
                Column(title="boto3", label="boto3_version", width=160),
                Column(
                    title="Up for", unit="s", decimals=0, width=160,
                    query=f"clamp_min(time() - max by ({_INSTANCE}) "
                    f"(process_start_time_seconds and {_PROCESS}), 0)",
                ),
                Column(
                    title="Configuration read", unit="s", decimals=0, width=180,
                    query=f"clamp_min(time() - max by ({_INSTANCE}) "
                    f"(glue_mv_exporter_config_last_reload_success_timestamp_seconds{{{RELEASES}}}), 0)",
                ),
                Column(
                    title="Failed writes", width=140, coloured=True, thresholds=thresholds("text", (1, RED)),
                    query=f"max by ({_INSTANCE})"
                    f" (glue_mv_exporter_storage_write_failures_total{{{RELEASES}}})",
                ),
                Column(
                    title="Page", label="external_url", width=80, mappings=URL_WORDS,
                    links=[links.to_url("Status page")],
                ),
            ],
            extra=[
                f"max by ({_INSTANCE}, {versions}) (glue_mv_exporter_build_info{{{RELEASES}}})",
                f"max by ({_INSTANCE}, external_url) (glue_mv_exporter_web_info{{{RELEASES}}})",
            ],
            hidden=["cluster", "namespace", "job"],
            sort="Up for",
            height=5,
            no_value="\u2013",
        ),
    ]  # fmt: skip
