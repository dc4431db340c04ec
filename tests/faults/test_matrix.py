"""The fault matrix: each way to go wrong at each operation and moment, and what must hold in all of them."""

from itertools import product
from pathlib import Path

import pytest

from tests.faults import stories
from tests.faults.house import House
from tests.faults.table import ROWS, Cell, Moment, Operation, cells
from tests.support.left_over import nothing_left_over

PER_HOUSE = 64
"""Cells that share an exporter."""


def houses() -> list[tuple[Moment, tuple[Cell, ...]]]:
    """Return all cells, moment by moment, as many together as one exporter takes.

    Cells that wait for a timeout have an exporter of their own: they need short ones, and the others, on a
    busy machine, long ones.
    """
    found: list[tuple[Moment, tuple[Cell, ...]]] = []
    for moment, slow in product(Moment, (True, False)):
        sheet = [cell for cell in cells(moment) if cell.never_answered is slow]
        found += [(moment, tuple(sheet[at : at + PER_HOUSE])) for at in range(0, len(sheet), PER_HOUSE)]
    return found


@pytest.mark.long
@pytest.mark.parametrize(
    ("moment", "sheet"), houses(), ids=[f"{m.name}-{sheet[0].number}" for m, sheet in houses()]
)
def test_all_invariants_hold(tmp_path: Path, moment: Moment, sheet: tuple[Cell, ...]) -> None:
    with nothing_left_over(), House(tmp_path, sheet, moment=moment) as house:
        assert stories.tell(house) == []


def test_the_table_names_every_reason_and_operation() -> None:
    """The table is the matrix: nothing may be forgotten in it."""
    every = [cell for moment in Moment for cell in cells(moment)]
    assert {str(cell.reason) for cell in every} == {
        *("access_denied", "not_found", "invalid_input", "throttled", "timeout", "unavailable"),
        *("credentials", "unexpected", "None"),
    }
    assert {cell.operation for cell in every} == set(Operation)
    assert {cell.row for cell in every} == set(ROWS)
    assert len(every) > 800
