"""The reference page of all metrics, made from the tables: ``python -m exporter.metrics.reference``."""

import sys
from collections.abc import Iterator, Sequence
from typing import Any

from exporter.metrics.exporter_families import EXPORTER_FAMILIES, TARGET_FAMILIES
from exporter.metrics.run_families import RUN_FAMILIES
from exporter.metrics.text import Family
from exporter.metrics.view_families import VIEW_FAMILIES

_CHAPTERS: Sequence[tuple[str, str, Sequence[Family[Any]]]] = (
    (
        "Runs",
        (
            "For each configured run ID, the newest `runs_per_view` runs of each watched view, and each run"
            " of one that has not ended (unless `runs_per_view` is 0). What Glue did not report is absent."
        ),
        RUN_FAMILIES,
    ),
    (
        "Views",
        "For each watched view, whether or not it has runs. Counters and the histogram start at 0.",
        VIEW_FAMILIES,
    ),
    ("Targets", "How the exporter fares with each target of its configuration.", TARGET_FAMILIES),
    ("The exporter", "And the usual `process_*` and `python_*` of its process.", EXPORTER_FAMILIES),
)


def reference() -> Iterator[str]:
    """Yield the lines of the page, as Markdown."""
    yield "# Metrics"
    yield ""
    yield "<!-- Made by `python -m exporter.metrics.reference`; change the tables there, not this page. -->"
    for title, introduction, families in _CHAPTERS:
        yield from ("", f"## {title}", "", introduction, "")
        yield "| metric | type | labels | meaning |"
        yield "|---|---|---|---|"
        for family in families:
            labels = ", ".join(f"`{label}`" for label in family.labels)
            yield f"| `{family.name}` | {family.type} | {labels} | {family.help} |"


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in reference())
