"""Label pairs as they are written, without the braces around them.

An item's own labels are written once and stand in every one of its samples: that is most of its text.
"""

from functools import lru_cache
from typing import NewType

Labels = NewType("Labels", str)
"""Such as ``aws_region="eu-west-1",run_id="0f8f…"``; empty for none."""

NO_LABELS = Labels("")


def labels(**values: str) -> Labels:
    """Write these labels, in this order."""
    return Labels(",".join([_pair(name, value) for name, value in values.items()]))


def joined(before: Labels, after: Labels) -> Labels:
    """Write some labels after others."""
    return Labels(f"{before},{after}" if before and after else before or after)


def with_label(before: Labels, name: str, value: str) -> Labels:
    """Write one more label."""
    return joined(before, Labels(_pair(name, value)))


def escape(value: str) -> str:
    """Escape backslash, quote and line feed. Every other character stands for itself, control ones too."""
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def escape_newlines(text: str) -> str:
    """Escape backslash and line feed alone."""
    return text.replace("\\", "\\\\").replace("\n", "\\n")


@lru_cache(maxsize=1024)
def _pair(name: str, value: str) -> str:
    return f'{name}="{escape(value)}"'
