"""The exporter's own health: whether it reads its targets, what AWS answers, and what resources it uses."""

from tools.dashboards.dashboard import EXPORTER_UID, dashboard, label_values, releases
from tools.dashboards.panels import PAGE_COLUMN, Column, series, stat, table, timeline, url_column
from tools.dashboards.promql import RELEASE, RELEASES, TARGET, with_page
from tools.dashboards.style import GOOD_AT_ZERO, REASONS, Json, in_colours, thresholds, yes_no

TARGETS = f'{RELEASES}, target=~"$target"'
_INSTANCE = f"{RELEASE}, instance"
_PROCESS = f"on ({_INSTANCE}) glue_mv_exporter_build_info{{{RELEASES}}}"
"""Processes differ by the labels of their scrape; only their panels use instances."""
_READ = yes_no("read", "not read")
_TARGET_LEGEND = "{{target}} {{namespace}}"


def of_targets(name: str, more: str = "", keep: str = "") -> str:
    """Return a gauge of each chosen target."""
    where = ", ".join(filter(None, (TARGETS, more)))
    return f"max by ({TARGET}{', ' * bool(keep)}{keep}) (glue_mv_exporter_{name}{{{where}}})"


def since(name: str) -> str:
    """Return the seconds since a timestamp of each chosen target."""
    return f"clamp_min(time() - {of_targets(name)}, 0)"


def rate(name: str, by: str) -> str:
    """Return the rate of a counter of the chosen targets."""
    return f"sum by ({by}) (rate(glue_mv_exporter_{name}{{{TARGETS}}}[$__rate_interval]))"


def exporter() -> Json:
    """Return the dashboard."""
    info = "glue_mv_exporter_target_info"
    return dashboard(
        EXPORTER_UID,
        "Glue materialized views / Exporter",
        "Whether glue-mv-exporter reads its targets, what AWS answers, what resources it uses.",
        variables=[*releases(info), label_values("target", "Target", f"{info}{{{RELEASES}}}")],
        time_range="now-6h",
        rows={
            "Now": [*_tiles(), _targets()],
            "Polls": _polls(),
            "Requests to AWS": _requests(),
            "The process": [*_process(), _versions()],
        },
    )


def _tiles() -> list[Json]:
    failures = f"sum(increase(glue_mv_exporter_api_request_failures_total{{{TARGETS}}}[$__range]))"
    requests = f"sum(increase(glue_mv_exporter_api_requests_total{{{TARGETS}}}[$__range]))"
    return [
        stat(
            "Targets down",
            "Targets whose last poll could not read everything. The log line 'target is down' says why.",
            f"sum(1 - {of_targets('target_up')})",
            thresholds=GOOD_AT_ZERO, width=4,
        ),
        stat(
            "Oldest success",
            "When the target that is furthest behind was last read completely.",
            f"max({since('target_last_success_timestamp_seconds')})",
            unit="s", decimals=0, thresholds=thresholds("green", (300, "orange"), (1800, "red")),
            no_value="never", width=4,
        ),
        stat(
            "Failed requests",
            "The share of failed requests to AWS in this time range, including retries.",
            f"{failures} / {requests}",
            unit="percentunit", decimals=1, thresholds=thresholds("green", (0.01, "orange"), (0.1, "red")),
            history=False, no_value="no requests", width=4,
        ),
        stat(
            "Configuration",
            "Whether the configuration was valid when it was last read. If not, the previous one is in use.",
            f"min(glue_mv_exporter_config_last_reload_successful{{{RELEASES}}})",
            mappings=yes_no("valid", "invalid"), history=False, width=4,
        ),
        stat(
            "State on disk",
            "Whether the state could be written to --storage.path. If not, counters do not change until it "
            "can.",
            f"min(glue_mv_exporter_storage_last_write_successful{{{RELEASES}}})",
            mappings=yes_no("written", "failing"), history=False, no_value="in memory", width=4,
        ),
        stat(
            "Exporters scraped",
            "Processes that Prometheus scrapes. Fewer than yesterday: see the panel 'Scrapes' below.",
            f"count(glue_mv_exporter_build_info{{{RELEASES}}})",
            no_value="none", width=4,
        ),
    ]  # fmt: skip


def _targets() -> Json:
    info = f"glue_mv_exporter_target_info{{{TARGETS}}}"
    poll = since("target_last_poll_timestamp_seconds")
    success = since("target_last_success_timestamp_seconds")
    duration, skew = of_targets("target_last_poll_duration_seconds"), of_targets("target_clock_skew_seconds")
    return table(
        "Targets",
        "Each target with its last poll. Its page shows the error.",
        [
            Column("Target", label="target"),
            Column("Region", label="aws_region", width=120),
            Column("Catalog", label="catalog_id", width=150),
            Column("State", query=of_targets("target_up"), mappings=_READ, coloured=True, width=110),
            Column("Last success", query=success, unit="s", decimals=0, width=130),
            Column("Last poll", query=poll, unit="s", decimals=0, width=120),
            Column("Took", query=duration, unit="s", decimals=2, width=110),
            Column("Views", query=of_targets("target_views"), width=90),
            Column("Active runs", query=of_targets("target_runs", 'state="active"'), width=110),
            Column("Clock skew", query=skew, unit="s", decimals=1, width=110),
            PAGE_COLUMN,
        ],
        extra=[with_page(info, f"{TARGET}, aws_region, catalog_id", ("target",), "target=$2")],
        hidden=["cluster", "namespace", "job"],
        sort="Last success",
        height=6,
    )


def _polls() -> list[Json]:
    unsettled = of_targets("target_runs", 'state!="settled"', "state")
    return [
        timeline(
            "Could each target be read?",
            "Gaps are times without scrapes; red means that a poll did not read everything.",
            {_TARGET_LEGEND: of_targets("target_up")},
            width=12, mappings=_READ,
        ),
        series(
            "Duration of polls",
            "If longer than poll_interval (30 seconds by default), raise max_requests_per_second, or "
            "poll_interval.",
            {_TARGET_LEGEND: of_targets("target_last_poll_duration_seconds")},
            width=12, unit="s", legend=["mean", "max"],
        ),
        series(
            "Runs that are still read",
            "Every poll reads them. Active: not ended; settling: ended recently; unfetched: not read yet, or "
            "unknown to Glue.",
            {"{{state}}": f"sum by (state) ({unsettled})"},
            width=8, stacked=True, legend=["lastNotNull"],
            overrides=in_colours({"active": "blue", "settling": "light-blue", "unfetched": "orange"}),
        ),
        series(
            "Views by target",
            "A drop means a dropped database, a narrower pattern, or a revoked grant in Lake Formation.",
            {_TARGET_LEGEND: of_targets("target_views")},
            width=8, stacked=True, steps=True, legend=["lastNotNull", "max"],
        ),
        series(
            "Clock skew",
            "How far Glue's clock is ahead of the exporter's. After some minutes AWS rejects its signatures.",
            {_TARGET_LEGEND: of_targets("target_clock_skew_seconds")},
            width=8, unit="s", legend=["lastNotNull"], signed=True,
        ),
    ]  # fmt: skip


def _requests() -> list[Json]:
    bucket = rate("api_request_duration_seconds_bucket", "le")
    quantiles = {"median": 0.5, "90 %": 0.9, "99 %": 0.99}
    return [
        series(
            "Requests by operation",
            "HTTP requests per second, including botocore's retries. Your jobs share the account's quota.",
            {"{{operation}}": f"{rate('api_requests_total', 'operation')} > 0"},
            width=8, unit="reqps", stacked=True, legend=["mean", "max"],
        ),
        series(
            "Failed requests by reason",
            "Including failures that a retry resolved. access_denied and credentials need a fix; throttled "
            "needs a lower max_requests_per_second.",
            {"{{reason}}": f"{rate('api_request_failures_total', 'reason')} > 0"},
            width=8, unit="reqps", stacked=True, legend=["max"],
            overrides=in_colours(REASONS), no_value="no failures",
        ),
        series(
            "Latency of requests",
            "How long AWS takes to answer each attempt.",
            {name: f"histogram_quantile({quantile}, {bucket})" for name, quantile in quantiles.items()},
            width=8, unit="s", legend=["lastNotNull", "max"],
            overrides=in_colours({"median": "green", "90 %": "orange", "99 %": "red"}),
        ),
    ]  # fmt: skip


def _process() -> list[Json]:
    figures = (
        ("Memory", "Resident memory of each process.", "process_resident_memory_bytes", "bytes"),
        (
            "Processor time", "Cores that each process uses.",
            "rate(process_cpu_seconds_total[$__rate_interval])", "none",
        ),
        (
            "Scrapes",
            "How long Prometheus takes to read each process. A gap is a process that it cannot scrape.",
            "scrape_duration_seconds", "s",
        ),
        (
            "Scraped series", "Samples of each scrape: views times up to 54, runs times 13.",
            "scrape_samples_scraped", "short",
        ),
    )  # fmt: skip
    return [
        series(title, description, {"{{instance}}": f"{figure} and {_PROCESS}"}, width=6, unit=unit)
        for title, description, figure, unit in figures
    ]


def _versions() -> Json:
    def of_process(figure: str, more: str = "") -> str:
        return f"max by ({_INSTANCE}{more}) ({figure})"

    started = of_process(f"process_start_time_seconds and {_PROCESS}")
    read = of_process(f"glue_mv_exporter_config_last_reload_success_timestamp_seconds{{{RELEASES}}}")
    failures = of_process(f"glue_mv_exporter_storage_write_failures_total{{{RELEASES}}}")
    build = f"glue_mv_exporter_build_info{{{RELEASES}}}"
    page = f"glue_mv_exporter_web_info{{{RELEASES}}}"
    return table(
        "Versions",
        "The versions that are running.",
        [
            Column("Instance", label="instance"),
            Column("Version", label="version", width=160),
            Column("Python", label="python_version", width=160),
            Column("boto3", label="boto3_version", width=160),
            Column("Up for", query=f"clamp_min(time() - {started}, 0)", unit="s", decimals=0, width=160),
            Column(
                "Configuration read", query=f"clamp_min(time() - {read}, 0)", unit="s", decimals=0, width=180,
            ),
            Column(
                "Failed writes", query=failures, width=140, coloured=True,
                thresholds=thresholds("text", (1, "red")),
            ),
            url_column("Page", "external_url", "Status page"),
        ],
        extra=[
            of_process(build, ", version, python_version, boto3_version"), of_process(page, ", external_url"),
        ],
        hidden=["cluster", "namespace", "job"],
        sort="Up for",
        height=5,
    )  # fmt: skip
