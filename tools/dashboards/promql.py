"""The queries that several panels share.

Everything is asked by view or by target, never by instance or pod: a restart or a rollout must not show.
Only view-level and target-level series are used, so that ``runs_per_view: 0`` changes nothing.
"""

from collections.abc import Mapping

from tools.dashboards.style import PROBLEMS, REFRESH_TYPES, STATUSES

VIEW = "aws_region, catalog_id, database, table"
"""The labels that make a view."""
SHORTEST_HANG = 3600
"""Seconds since its creation before which no run counts as hanging."""
USUAL_TIMES = 3
"""Times the duration of the last success after which a run counts as hanging."""
LOG_GROUP = "/aws-glue/materialized-views/"
CONSOLES = {
    "": "console.aws.amazon.com",
    "cn-": "console.amazonaws.cn",
    "us-gov-": "console.amazonaws-us-gov.com",
}
"""The AWS console's hosts by how a region's name begins."""
NO_CONSOLE = "us-iso|eu-iso|eusc"
"""Prefixes of regions whose console has no public address: no link is better than a wrong one."""


def gauge(name: str, where: str, more: str = "", keep: str = "") -> str:
    """Return a view's gauge, one series a view (and for each value of ``keep``)."""
    return f"max by ({VIEW}{', ' * bool(keep)}{keep}) ({metric(name, where, more)})"


def metric(name: str, where: str, more: str = "") -> str:
    """Return the selector of a view-level metric."""
    return f"glue_mv_refresh_view_{name}{{{', '.join(filter(None, (where, more)))}}}"


def increase(name: str, where: str, window: str, *, keep: str = "", offset: str = "") -> str:
    """Return by how much a view's counter grew in the window."""
    return f"sum by ({VIEW}{', ' * bool(keep)}{keep}) (increase({metric(name, where)}[{window}]{offset}))"


def last_good(where: str) -> str:
    """Return when a view was last known good: its last success, or its creation if it had none."""
    return (
        f"({gauge('last_success_timestamp_seconds', where)} or {gauge('creation_timestamp_seconds', where)})"
    )


def lateness(where: str) -> str:
    """Return how many expected intervals have passed since a view was last known good."""
    return (
        f"(time() - {last_good(where)})\n  / {gauge('expected_interval_seconds', where)}\n"
        f"  and {gauge('up', where)} == 1"
    )


def active(where: str) -> str:
    """Return 1 for a view whose newest run has not ended, 0 for others."""
    return gauge("last_run_status", where, 'status=~"STARTING|RUNNING"')


def run_age(where: str) -> str:
    """Return the seconds since a view's newest run was created."""
    return f"(time() - {gauge('last_run_creation_timestamp_seconds', where)})"


def hanging(where: str) -> str:
    """Return 1 for a view whose newest run takes far longer than usual, 0 for others.

    Measured from its creation: a run that hangs in STARTING has no duration.
    """
    usual = gauge("last_success_duration_seconds", where)
    age = run_age(where)
    return (
        f"{active(where)}\n"
        f"  * ({age} > bool (clamp_min({USUAL_TIMES} * {usual}, {SHORTEST_HANG})"
        f" or 0 * {age} + {SHORTEST_HANG}))"
    )


def problem(where: str) -> str:
    """Return what is wrong with each view that has a problem, as the sum of the problems' bits."""
    up = gauge("up", where)
    bits = (
        f"(1 - {up})",
        f"({lateness(where)}) > bool $overdue",
        f"({hanging(where)})",
        f"({gauge('consecutive_failures', where)} > bool 0)",
    )
    terms = (
        f"{2**bit} * (({expr}) or 0 * {up})" for bit, (expr, _) in enumerate(zip(bits, PROBLEMS, strict=True))
    )
    return "(\n  " + "\n  + ".join(terms) + "\n) > 0"


def coded_status(where: str) -> str:
    """Return the status of each view's newest run as its number."""
    return _coded("last_run_status", "status", STATUSES, where)


def coded_type(where: str) -> str:
    """Return the refresh type of each view's newest run as its number."""
    return _coded("last_run_info", "refresh_type", REFRESH_TYPES, where)


def _coded(name: str, label: str, numbers: Mapping[str, tuple[int, str]], where: str) -> str:
    terms = (
        f"{number} * ({gauge(name, where, f'{label}={quoted(value)}', keep=label)} == 1)"
        for value, (number, _) in numbers.items()
    )
    return f"max by ({VIEW}) (\n  " + "\n  or ".join(terms) + "\n)"


def with_logs(expr: str) -> str:
    """Return the series with a label ``logs``: the URL of the log group of the run ``run_id``.

    Built as the AWS console writes it behind its #: quoted twice, with $ for the outer %.
    """
    group = LOG_GROUP.replace("/", "$$252F")
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
