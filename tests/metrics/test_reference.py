"""The page of all metrics, and the rules that their tables keep."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from exporter.metrics.exporter_families import EXPORTER_FAMILIES, TARGET_FAMILIES
from exporter.metrics.reference import reference
from exporter.metrics.run_families import RUN_FAMILIES
from exporter.metrics.text import Family
from exporter.metrics.view_families import VIEW_FAMILIES

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
FAMILIES: Iterable[Family[Any]] = (*RUN_FAMILIES, *VIEW_FAMILIES, *TARGET_FAMILIES, *EXPORTER_FAMILIES)


def test_the_page_is_the_one_made_from_the_tables() -> None:
    """Else: ``python -m exporter.metrics.reference > docs/metrics.md``."""
    assert PAGE.read_text().splitlines() == list(reference())


def test_no_family_is_listed_twice() -> None:
    """A scrape with one name twice is refused as a whole."""
    names = [family.name for family in FAMILIES]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_families_keep_the_rules_of_naming(family: Family[Any]) -> None:
    """Prometheus' own: a prefix, base units, ``_total`` for counters alone, a line of help with the unit."""
    assert re.fullmatch(r"glue_mv_(refresh|exporter)_[a-z0-9_]+", family.name)
    assert family.name.endswith("_total") == (family.type == "counter")
    assert re.fullmatch(r"[^\n|]+\.", family.help)
    for unit in ("seconds", "bytes"):
        assert not family.name.removesuffix("_total").endswith(unit) or unit in family.help.lower()
