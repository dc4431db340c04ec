"""How the status page writes values for people. What is not known is a dash."""

from datetime import UTC, datetime
from urllib.parse import quote

from rich.filesize import decimal

DASH = "\N{EN DASH}"
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_CONSOLES = {
    "cn": "console.amazonaws.cn",
    "us-gov": "console.amazonaws-us-gov.com",
}
"""By the first part of a region's name; everything else of the public clouds is in the partition ``aws``."""
_OTHER_PARTITIONS = ("us-iso", "eu-iso", "eusc")
"""Their consoles are not on the public internet, or not known: no link is better than a wrong one."""


def visible(text: str) -> str:
    """Return the text with everything that steers a terminal or a reader's eye spelt out.

    Control characters, marks that turn the direction of writing, invisible characters, unusual blanks and
    lone halves of surrogate pairs become ``<U+202E>``; line breaks and tabs stay.
    """
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() or character in "\n\t" else f"<U+{ord(character):04X}>"
        for character in text.replace("\r\n", "\n")
    )


def iso(time: float | None) -> str | None:
    """Return a Unix time as ISO 8601 in UTC, such as ``2026-11-22T17:01:02.500Z``."""
    if time is None:
        return None
    return datetime.fromtimestamp(time, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def absolute(time: float | None) -> str:
    """Return a Unix time as people write it: ``2026-11-22 17:01:02 UTC``."""
    return DASH if time is None else f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d %H:%M:%S UTC}"


def duration(seconds: float | None) -> str:
    """Return a length of time in its two largest units: ``0.3 s``, ``45 s``, ``7 h 3 min``, ``2 d 4 h``."""
    if seconds is None:
        return DASH
    if 0 < seconds < 1:
        return f"{seconds:.1g} s"
    whole = round(seconds)
    for size, name, part, part_name in (
        (_DAY, "d", _HOUR, "h"),
        (_HOUR, "h", _MINUTE, "min"),
        (_MINUTE, "min", 1, "s"),
    ):
        if whole >= size:
            rest = whole % size // part
            return f"{whole // size:,} {name}" + (f" {rest} {part_name}" if rest else "")
    return f"{whole} s"


def ago(time: float | None, now: float) -> str:
    """Return how long ago a time was: ``3 min 5 s ago``, ``just now``, ``in 20 s``."""
    if time is None:
        return DASH
    seconds = round(now - time)
    if seconds == 0:
        return "just now"
    return f"in {duration(-seconds)}" if seconds < 0 else f"{duration(seconds)} ago"


def count(number: int | None) -> str:
    """Return a number of things: ``10,000``."""
    return DASH if number is None else f"{number:,}"


def size(number: int | None) -> str:
    """Return a number of bytes: ``512 bytes``, ``1.2 GB``."""
    return DASH if number is None else decimal(number)


def dpu_hours(dpu_seconds: float | None) -> str:
    """Return DPU hours: ``0.033``."""
    return DASH if dpu_seconds is None else f"{dpu_seconds / _HOUR:,.3f}"


def log_group(run_id: str) -> str:
    """Return the CloudWatch log group that a run writes to."""
    return f"/aws-glue/materialized-views/{run_id}"


def log_url(aws_region: str, run_id: str) -> str | None:
    """Return where the AWS console shows a run's log group; None where the partition's is not known."""
    if aws_region.startswith(_OTHER_PARTITIONS):
        return None
    console = next(
        (host for prefix, host in _CONSOLES.items() if aws_region.startswith(f"{prefix}-")),
        "console.aws.amazon.com",
    )
    region = quote(aws_region, safe="")
    # Quoted twice, with $ for the outer %: that is how the console writes it behind its #.
    group = quote(quote(log_group(run_id).encode(errors="replace"), safe=""), safe="").replace("%", "$")
    return f"https://{region}.{console}/cloudwatch/home?region={region}#logsV2:log-groups/log-group/{group}"
