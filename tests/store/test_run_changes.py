"""The changes of many runs are read while they are gone through; what they tell is the same as of few."""

from dataclasses import replace

import pytest

from exporter.model.run import Run, RunKey
from exporter.store.configured_runs import ConfiguredRuns
from exporter.store.database import StateDatabase
from exporter.store.run_changes import AT_ONCE, CatalogRunChanges, RunChanges, changed_runs
from exporter.store.run_records import RunRecord, RunRecords
from exporter.store.series import RunSeries

PLACE = ("eu-west-1", "123456789012")


@pytest.fixture
def database() -> StateDatabase:
    return StateDatabase.in_memory()


def part(database: StateDatabase, count: int, *, gone: int = 0) -> CatalogRunChanges:
    """Return the changes of so many configured runs, of which every second one has been read."""
    records = RunRecords(database.connection, 1)
    run_ids = [f"run {number}" for number in range(count)]
    for run_id in run_ids[::2]:
        records.put(RunRecord(run=Run(run_id=run_id, status="SUCCEEDED"), settled=True))
    configured = ConfiguredRuns()
    configured.claim([("prod", run_ids)], settled=set(run_ids[::2]))
    missing = [f"gone {number}" for number in range(gone)]
    return CatalogRunChanges(PLACE, records, configured, set(run_ids), set(), missing)


def expected(count: int, *, gone: int = 0) -> dict[RunKey, RunSeries | None]:
    """Return what these changes tell."""
    told: dict[RunKey, RunSeries | None] = {}
    for number in range(count):
        key = RunKey(*PLACE, f"run {number}")
        read = number % 2 == 0
        run = Run(run_id=key.run_id, status="SUCCEEDED") if read else None
        told[key] = RunSeries(key, run, up=read)
    return told | {RunKey(*PLACE, f"gone {number}"): None for number in range(gone)}


@pytest.mark.parametrize("count", [0, 1, AT_ONCE - 2, AT_ONCE, 2 * AT_ONCE + 1])
def test_every_change_is_told_once_however_many_there_are(database: StateDatabase, count: int) -> None:
    changes = changed_runs([part(database, count, gone=2)])
    assert dict(changes.items()) == expected(count, gone=2)
    assert len(changes) == count + 2
    assert sorted(changes) == sorted(expected(count, gone=2))


def test_the_changes_of_several_catalogs_follow_each_other(database: StateDatabase) -> None:
    changes = RunChanges([part(database, 3), part(database, 0, gone=1)])
    assert dict(changes.items()) == expected(3) | expected(0, gone=1)
    assert changes[RunKey(*PLACE, "gone 0")] is None
    with pytest.raises(KeyError, match="never heard of"):
        changes[RunKey(*PLACE, "never heard of")]


@pytest.mark.parametrize("count", [4, AT_ONCE])
def test_few_changes_stay_what_they_were_when_they_were_told(database: StateDatabase, count: int) -> None:
    """A listener may keep them; of many, it may not."""
    few = part(database, count)
    changes = changed_runs([few])
    few.records.forget(["run 0"])
    assert dict(changes.items()) == expected(count)


def test_many_changes_are_read_as_they_are_gone_through(database: StateDatabase) -> None:
    """All at once they would take more memory than all that is kept of them."""
    many = part(database, 2 * AT_ONCE + 1)
    read = iter(changed_runs([many]).items())
    assert all(series and series.run for _, series in (next(read) for _ in range(AT_ONCE)))
    many.records.forget([f"run {2 * AT_ONCE}"])
    told = dict(read)
    assert all(series and series.run is None for series in told.values())
    assert len(told) == AT_ONCE + 1


def test_settled_runs_can_be_left_out_of_what_is_read(database: StateDatabase) -> None:
    """Who has their text already need not read them."""
    changes = RunChanges([part(database, 5)])
    assert changes.take_out(PLACE, [["run 4"], ["run 0"]]) == [["run 4"], ["run 0"]]
    assert {key.run_id for key, _ in changes.items()} == {"run 1", "run 2", "run 3"}
    assert len(changes) == 3


def test_ids_that_are_left_out_are_those_of_the_store(database: StateDatabase) -> None:
    """Equal ones beside them would take a twelfth of all the room of a run."""
    changes = part(database, 1)
    ours = b"run 0".decode()
    (taken,) = changes.take_out([[ours]])
    assert taken == [ours]
    assert taken[0] is not ours


@pytest.mark.parametrize("other", ["run 1", "never heard of", "of a view"])
def test_a_group_is_left_out_as_a_whole_or_not_at_all(database: StateDatabase, other: str) -> None:
    """One that is not settled, one that is not shown, one that is not configured but shown by its view."""
    some = part(database, 5)
    some.shown.add("of a view")
    changes = RunChanges([replace(some, not_as_before={"of a view"})])
    assert changes.take_out(PLACE, [["run 0", other], ["run 2"]]) == [None, ["run 2"]]
    assert {key.run_id for key, _ in changes.items()} == {*(f"run {n}" for n in (0, 1, 3, 4)), "of a view"}
    assert changes.take_out(("us-east-1", PLACE[1]), [["run 0"], ["run 4"]]) == [None, None]
