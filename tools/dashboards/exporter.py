"""The exporter's own health: whether it reads its targets, what AWS answers, and what resources it uses."""

from tools.dashboards import exporter_process, links, promql, variables
from tools.dashboards.exporter_process import TARGETS
from tools.dashboards.panels import Dashboard, Panel, Query, Row
from tools.dashboards.promql import RELEASES, TARGET
from tools.dashboards.shapes import series, stat, timeline
from tools.dashboards.style import (
    BLUE,
    GREEN,
    LIGHT_BLUE,
    ORANGE,
    RED,
    YES_NO,
    colour_of_series,
    thresholds,
    words,
)
from tools.dashboards.tables import URL_WORDS, Column, table

_READ = words({"not read": YES_NO["no"], "read": YES_NO["yes"]})
UNSETTLED = 'state!="settled"'
_STATES = {"active": BLUE, "settling": LIGHT_BLUE, "unfetched": ORANGE}


def of_targets(name: str, more: str = "", keep: str = "") -> str:
    """Return a gauge of each chosen target."""
    where = ", ".join(filter(None, (TARGETS, more)))
    return f"max by ({TARGET}{', ' * bool(keep)}{keep}) (glue_mv_exporter_{name}{{{where}}})"


def exporter() -> Dashboard:
    """Return the dashboard."""
    return Dashboard(
        uid=links.EXPORTER,
        title="Glue materialized views / Exporter",
        description="Whether glue-mv-exporter reads its targets, what AWS answers, what resources it uses.",
        variables=[
            *variables.releases("glue_mv_exporter_target_info"),
            variables.label_values(
                "target", "Target", f"glue_mv_exporter_target_info{{{RELEASES}}}", many=True
            ),
        ],
        links=[links.siblings()],
        time_range="now-6h",
        rows=[
            Row(title="Now", panels=[*_tiles(), _targets()]),
            Row(title="Polls", panels=_reading()),
            Row(title="Requests to AWS", panels=exporter_process.requests()),
            Row(title="The process", panels=exporter_process.process()),
        ],
    )


def _tiles() -> list[Panel]:
    failures = f"sum(increase(glue_mv_exporter_api_request_failures_total{{{TARGETS}}}[$__range]))"
    requests = f"sum(increase(glue_mv_exporter_api_requests_total{{{TARGETS}}}[$__range]))"
    return [
        stat(
            "Targets down",
            "Targets whose last poll could not read everything. The log line 'target is down' says why.",
            f"sum(1 - {of_targets('target_up')})",
            thresholds=thresholds(GREEN, (1, RED)),
            width=4,
        ),
        stat(
            "Oldest success",
            "When the target that is furthest behind was last read completely.",
            f"max(clamp_min(time() - {of_targets('target_last_success_timestamp_seconds')}, 0))",
            unit="s",
            decimals=0,
            thresholds=thresholds(GREEN, (300, ORANGE), (1800, RED)),
            no_value="never",
            width=4,
        ),
        stat(
            "Failed requests",
            "The share of failed requests to AWS in this time range, including retries.",
            f"{failures} / {requests}",
            unit="percentunit",
            decimals=1,
            thresholds=thresholds(GREEN, (0.01, ORANGE), (0.1, RED)),
            history=False,
            no_value="no requests",
            width=4,
        ),
        stat(
            "Configuration",
            "Whether the configuration was valid when it was last read. If not, the previous one is in use.",
            f"min(glue_mv_exporter_config_last_reload_successful{{{RELEASES}}})",
            mappings=words({"invalid": YES_NO["no"], "valid": YES_NO["yes"]}),
            history=False,
            width=4,
        ),
        stat(
            "State on disk",
            "Whether the state could be written to --storage.path. If not, counters do not change until it "
            "can.",
            f"min(glue_mv_exporter_storage_last_write_successful{{{RELEASES}}})",
            mappings=words({"failing": YES_NO["no"], "written": YES_NO["yes"]}),
            history=False,
            no_value="in memory",
            width=4,
        ),
        stat(
            "Exporters scraped",
            "Processes that Prometheus scrapes. Fewer than yesterday: see the panel 'Scrapes' below.",
            f"count(glue_mv_exporter_build_info{{{RELEASES}}})",
            width=4,
            no_value="none",
        ),
    ]


def _targets() -> Panel:
    info = f"glue_mv_exporter_target_info{{{TARGETS}}}"
    return table(
        "Targets",
        "Each target with its last poll. Its page shows the error.",
        [
            Column(title="Target", label="target"),
            Column(title="Region", label="aws_region", width=120),
            Column(title="Catalog", label="catalog_id", width=150),
            Column(title="State", query=of_targets("target_up"), mappings=_READ, coloured=True, width=110),
            Column(
                title="Last success", unit="s", decimals=0, width=130,
                query=f"clamp_min(time() - {of_targets('target_last_success_timestamp_seconds')}, 0)",
            ),
            Column(
                title="Last poll", unit="s", decimals=0, width=120,
                query=f"clamp_min(time() - {of_targets('target_last_poll_timestamp_seconds')}, 0)",
            ),
            Column(
                title="Took", query=of_targets("target_last_poll_duration_seconds"), unit="s", decimals=2,
                width=110,
            ),
            Column(title="Views", query=of_targets("target_views"), width=90),
            Column(
                title="Active runs", query=of_targets("target_runs", 'state="active"'),
                width=110,
            ),
            Column(
                title="Clock skew", query=of_targets("target_clock_skew_seconds"), unit="s", decimals=1,
                width=110,
            ),
            Column(title="Page", label="page", width=80, mappings=URL_WORDS, links=[links.to_page()]),
        ],
        extra=[promql.with_page(info, f"{TARGET}, aws_region, catalog_id", ("target",), "target=$2")],
        hidden=["cluster", "namespace", "job"],
        sort="Last success",
        height=6,
        no_value="\u2013",
    )  # fmt: skip


def _reading() -> list[Panel]:
    return [
        timeline(
            "Could each target be read?",
            "Gaps are times without scrapes; red means that a poll did not read everything.",
            [Query(expr=of_targets("target_up"), legend="{{target}} {{namespace}}")],
            width=12,
            height=8,
            mappings=_READ,
        ),
        series(
            "Duration of polls",
            "If longer than poll_interval (30 seconds by default), raise max_requests_per_second, or "
            "poll_interval.",
            [Query(expr=of_targets("target_last_poll_duration_seconds"), legend="{{target}} {{namespace}}")],
            width=12,
            unit="s",
            legend=["mean", "max"],
        ),
        series(
            "Runs that are still read",
            "Every poll reads them. Active: not ended; settling: ended recently; unfetched: not read yet, or "
            "unknown to Glue.",
            [
                Query(
                    expr=f"sum by (state) ({of_targets('target_runs', UNSETTLED, 'state')})",
                    legend="{{state}}",
                )
            ],
            width=8,
            stacked=True,
            legend=["lastNotNull"],
            overrides=colour_of_series(_STATES),
        ),
        series(
            "Views by target",
            "A drop means a dropped database, a narrower pattern, or a revoked grant in Lake Formation.",
            [Query(expr=of_targets("target_views"), legend="{{target}} {{namespace}}")],
            width=8,
            stacked=True,
            steps=True,
            legend=["lastNotNull", "max"],
        ),
        series(
            "Clock skew",
            "How far Glue's clock is ahead of the exporter's. After some minutes AWS rejects its signatures.",
            [Query(expr=of_targets("target_clock_skew_seconds"), legend="{{target}} {{namespace}}")],
            width=8,
            unit="s",
            legend=["lastNotNull"],
            signed=True,
        ),
    ]
