"""The queries that several panels share.

Everything is asked by view or by target, never by instance or pod: a restart or a rollout must not show.
Only view-level and target-level series are used, so that ``runs_per_view: 0`` changes nothing.

*Overdue* and *stuck* are what the recording rules say. Releases without rules are asked for the same from the
metrics themselves, with the rules' default thresholds; ``$recorded`` are the jobs that have rules.
"""

from tools.dashboards.style import PROBLEMS, REFRESH_TYPES, STATUSES, Meanings
from tools.render_rules import defaults

RELEASE = "cluster, namespace, job"
"""The labels that tell releases apart, where they exist."""
VIEW = f"{RELEASE}, aws_region, catalog_id, database, table"
VIEW_INFO = "glue_mv_refresh_view_info"
TARGET = f"{RELEASE}, target"
RELEASES = 'cluster=~"$cluster", namespace=~"$namespace", job=~"$job"'
UNRECORDED = 'job!~"$recorded"'
CONSOLES = {
    "": "console.aws.amazon.com",
    "cn-": "console.amazonaws.cn",
    "us-gov-": "console.amazonaws-us-gov.com",
}
"""The AWS console's hosts by how a region's name begins."""
NO_CONSOLE = "us-iso|eu-iso|eusc"
"""Prefixes of regions whose console has no public address: no link is better than a wrong one."""
_THRESHOLDS = defaults()


def gauge(name: str, where: str, more: str = "", keep: str = "") -> str:
    """Return a view's gauge, one series a view (and for each value of ``keep``)."""
    return f"max by ({VIEW}{', ' * bool(keep)}{keep}) ({metric(name, where, more)})"


def metric(name: str, where: str, more: str = "") -> str:
    """Return the selector of a view-level metric."""
    return f"glue_mv_refresh_view_{name}{{{', '.join(filter(None, (where, more)))}}}"


def increase(name: str, where: str, window: str, *, keep: str = "", offset: str = "") -> str:
    """Return by how much a view's counter grew in the window."""
    return f"sum by ({VIEW}{', ' * bool(keep)}{keep}) (increase({metric(name, where)}[{window}]{offset}))"


def age(name: str, where: str) -> str:
    """Return the seconds since a view's timestamp; 0 where Glue's clock is ahead of Prometheus'."""
    return f"clamp_min(time() - {gauge(f'{name}_timestamp_seconds', where)}, 0)"


def run_age(where: str) -> str:
    """Return the seconds since the creation of each run in progress: one in STARTING has no duration."""
    active = metric("last_run_status", where, 'status=~"STARTING|RUNNING"')
    return f"({age('last_run_creation', where)} and max by ({VIEW}) ({active} == 1))"


def failing(where: str) -> str:
    """Return the failed runs since the last success of each view that has some."""
    return f"max by ({VIEW}) ({metric('consecutive_failures', where)} > 0)"


def unread(where: str) -> str:
    """Return 0 for each view that the last poll could not read."""
    return f"({gauge('up', where)} == 0)"


def stuck(where: str) -> str:
    """Return the age of each run that is stuck."""
    return _recorded("view:glue_mv_stuck_seconds:max", VIEW, where, _stuck(f"{where}, {UNRECORDED}"))


def overdue(where: str) -> str:
    """Return the lag of each view that is overdue."""
    return _recorded("view:glue_mv_overdue_seconds:max", VIEW, where, _overdue(f"{where}, {UNRECORDED}"))


def fresh(where: str) -> str:
    """Return the share of each target's views with an interval that are not overdue."""
    info = metric("info", f"{where}, {UNRECORDED}")
    everywhere = f"{RELEASES}, {UNRECORDED}"
    interval = metric("expected_interval_seconds", everywhere)
    total = f"count by ({TARGET}) ({info} and on ({VIEW}) {interval})"
    late = f"count by ({TARGET}) ({info} and on ({VIEW}) ({_overdue(everywhere)}))"
    return _recorded("target:glue_mv_fresh:ratio", TARGET, where, f"1 - ({late} or 0 * {total}) / {total}")


def _recorded(name: str, by: str, where: str, raw: str) -> str:
    return f"(\nmax by ({by}) ({name}{{{where}}})\nor\n{raw}\n)"


def _stuck(where: str) -> str:
    """Without the rules' history, what a refresh usually takes is what the last success took."""
    running, usual = run_age(where), gauge("last_success_duration_seconds", where)
    interval = gauge("expected_interval_seconds", where)
    factor, overdue_factor = _THRESHOLDS["stuckFactor"], _THRESHOLDS["overdueFactor"]
    floor, cap = _THRESHOLDS["stuckFloorSeconds"], _THRESHOLDS["stuckCapSeconds"]
    return (
        f"(({running} > {factor} * {usual})"
        f" > (clamp_max({overdue_factor} * {interval}, {floor}) or 0 * {running} + {floor})\n"
        f"or ({running} unless {usual})"
        f" > (clamp_max({factor} * {interval}, {cap}) or 0 * {running} + {cap}))"
    )


def _overdue(where: str) -> str:
    lag, interval = age("stale_since", where), gauge("expected_interval_seconds", where)
    return (
        f"({lag} > {_THRESHOLDS['overdueFactor']} * {interval} unless {unread(where)}\n"
        f"unless ({run_age(where)} unless {_stuck(where)}))"
    )


def suspects(where: str) -> str:
    """Return every view that has a problem, and without rules a few others: what is quickly found out."""
    raw = f"{where}, {UNRECORDED}"
    late = f"{age('stale_since', raw)} > {gauge('expected_interval_seconds', raw)}"
    found = _recorded("view:glue_mv_affected:max", VIEW, where, f"{failing(raw)} or {late} or {run_age(raw)}")
    return f"({found} or {unread(where)})"


def problem(where: str) -> str:
    """Return what is wrong with each view that has a problem, as the sum of the problems' bits."""
    found = dict(zip(PROBLEMS, (unread(where), overdue(where), stuck(where), failing(where)), strict=True))
    terms = (
        f'label_replace({2**bit} * ({expr} >= bool 0), "is", "{name}", "", "")'
        for bit, (name, expr) in enumerate(found.items())
    )
    return f"sum by ({VIEW}) (\n" + "\nor ".join(terms) + "\n)"


def coded_status(where: str) -> str:
    """Return the status of each view's newest run as its number."""
    return _coded("last_run_status", "status", STATUSES, where)


def coded_type(where: str) -> str:
    """Return the refresh type of each view's newest run as its number."""
    return _coded("last_run_info", "refresh_type", REFRESH_TYPES, where)


def _coded(name: str, label: str, numbers: Meanings, where: str) -> str:
    terms = (
        f"{number} * ({metric(name, where, f'{label}={quoted(value)}')} == 1)"
        for value, (number, _) in numbers.items()
    )
    return f"max by ({VIEW}) (\n  " + "\n  or ".join(terms) + "\n)"


def with_page(series: str, keep: str, labels: tuple[str, ...], query: str) -> str:
    """Return the series with a label ``page``: the URL of the exporter's status page, empty if it has none.

    ``series`` have the labels of their scrape. ``query`` is the URL's, with ``labels`` as $2, $3 …
    """
    web, scrape = "glue_mv_exporter_web_info", f"{RELEASE}, instance"
    linked = f"{series} * on ({scrape}) group_left (external_url) {web}"
    names = ", ".join(f'"{label}"' for label in ("external_url", *labels))
    page = f'label_join(({linked} or ({series} unless on ({scrape}) {web})), "page", " ", {names})'
    page = f'label_replace({page}, "page", "", "page", " .*")'
    pattern = " ".join(["(.+)"] * (1 + len(labels)))
    return f'max by ({keep}, page) (label_replace({page},\n  "page", "$1/?{query}", "page", "{pattern}"))'


def with_logs(expr: str) -> str:
    """Return the series with a label ``logs``: the URL of the log group of the run ``run_id``.

    Built as the AWS console writes it behind its #: quoted twice, with $ for the outer %.
    """
    group = "/aws-glue/materialized-views/".replace("/", "$$252F")
    result = f'label_join({expr}, "logs", " ", "aws_region", "run_id")'
    # The most special beginnings first: what has become a URL no longer matches.
    result = f'label_replace({result}, "logs", "", "logs", "(?:{NO_CONSOLE}).*")'
    for beginning, host in sorted(CONSOLES.items(), reverse=True):
        url = f"https://$1.{host}/cloudwatch/home?region=$1#logsV2:log-groups/log-group/{group}$2"
        result = f'label_replace({result},\n  "logs", "{url}", "logs", "({beginning}[^ ]+) (.+)")'
    return result


def quoted(text: str) -> str:
    """Return the text as a PromQL string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
