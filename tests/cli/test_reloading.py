"""Reloading: all of a configuration or nothing of it, and nothing left over."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from exporter.cli.reloading import Reloader, content_of
from exporter.glue import ClientFactory
from exporter.model.settings import Settings
from exporter.web.app import Site, make_app
from tests.support.bare_faults import HANG
from tests.support.bare_glue import GET_RUN, BareGlue
from tests.support.bare_records import ACCOUNT, sample_run, sample_run_id
from tests.support.clock import ManualClock, eventually
from tests.support.reload_bench import ReloadBench, document, reload_bench, target

INVALID = "targets: 1\n"
RELOADED_OK = "glue_mv_exporter_config_last_reload_successful"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[ReloadBench]:
    """Target ``a`` watches the settled run 1 and the running run 2."""
    with BareGlue() as glue:
        glue.records.put_run(sample_run(1))
        glue.records.put_run(sample_run(2, status="RUNNING"))
        glue.records.put_run(sample_run(3))
        file = tmp_path / "config.yaml"
        file.write_text(document(target(glue, "a", 1, 2)))
        with reload_bench(file, glue) as bench:
            yield bench


def test_what_stays_is_not_fetched_again(bench: ReloadBench) -> None:
    """The settled run of a target that stays costs nothing; what comes is fetched at once."""
    bench.await_runs(sample_run_id(1), sample_run_id(2))
    bench.glue.forget_calls()
    bench.write(target(bench.glue, "a", 1, 2, 3))
    assert bench.reloader.reload() == ()
    bench.await_runs(*map(sample_run_id, (1, 2, 3)))
    assert bench.glue.count(run_id=sample_run_id(1)) == 0
    assert bench.glue.count(GET_RUN, run_id=sample_run_id(3)) == 1


def test_the_counters_of_a_view_that_stays_go_on(tmp_path: Path) -> None:
    """A run that ends after the reload is counted once, on top of what was counted before."""
    with BareGlue() as glue:
        glue.records.put_view("database_1", "view_1")
        file = tmp_path / "config.yaml"
        views = {"runs": [], "views": ["database_1.view_1"]}
        file.write_text(document(target(glue, "a", **views)))
        with reload_bench(file, glue) as bench:
            eventually(lambda: bench.up("a") == 1)
            put_new_run(glue, 1)
            bench.reloader.reload()
            eventually(lambda: counted(bench) == 1)
            put_new_run(glue, 1001)
            bench.write(target(glue, "a", **views), target(glue, "b", 3))
            bench.reloader.reload()
            eventually(lambda: counted(bench) == 2)


def put_new_run(glue: BareGlue, number: int) -> None:
    """Let a refresh of database_1.view_1 have just succeeded."""
    glue.records.put_run({**sample_run(number), "DatabaseName": "database_1", "TableName": "view_1"})


def counted(bench: ReloadBench) -> float:
    totals = [value for name, value in bench.series().items() if "view_runs_total{" in name]
    return sum(totals)


def test_the_new_rates_are_in_force_before_new_targets_are_watched(
    bench: ReloadBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a new target's first poll would go at a rate that the file no longer allows."""
    clients = bench.exporter.clients
    watched: list[bool] = []

    def configure(settings: Settings) -> None:
        watched.append(any('target_info{target="b"' in name for name in bench.series()))
        type(clients).configure(clients, settings)

    monkeypatch.setattr(clients, "configure", configure)
    bench.write(target(bench.glue, "a", 1, 2), target(bench.glue, "b", 3, max_requests_per_second=2))
    bench.reloader.reload()
    assert watched == [False]
    assert any('target_info{target="b"' in name for name in bench.series())


def test_what_goes_has_no_series_from_then_on(bench: ReloadBench) -> None:
    bench.write(target(bench.glue, "a", 1, 2), target(bench.glue, "b", 3))
    bench.reloader.reload()
    bench.await_runs(*map(sample_run_id, (1, 2, 3)))
    bench.write(target(bench.glue, "a", 2))
    assert bench.reloader.reload() == ()
    assert bench.runs() == {sample_run_id(2)}
    assert not [name for name in bench.series() if 'target="b"' in name]


class SlowToConfigure(ClientFactory):
    """Clients that take a moment to take a configuration over, as those of many targets do."""

    def configure(self, settings: Settings) -> None:
        """Let others go on meanwhile."""
        if self._configured:
            threading.Event().wait(0.3)
        super().configure(settings)


def test_a_lower_rate_is_in_force_before_anything_is_asked_under_it(tmp_path: Path) -> None:
    numbers = range(1, 11)
    with BareGlue() as glue:
        for number in numbers:
            glue.records.put_run(sample_run(number))
        file = tmp_path / "config.yaml"
        file.write_text(document(target(glue, "a", 1)))
        with reload_bench(file, glue, make_clients=SlowToConfigure) as bench:
            bench.await_runs(sample_run_id(1))
            glue.forget_calls()
            slow = {"max_requests_per_second": 1}
            bench.write(target(glue, "a", 1, **slow), target(glue, "b", *numbers[1:], **slow))
            assert bench.reloader.reload() == ()
            eventually(lambda: glue.count() > 0)
            assert glue.count() <= 2


def test_an_invalid_configuration_changes_nothing_and_is_told(bench: ReloadBench) -> None:
    bench.await_runs(sample_run_id(1), sample_run_id(2))
    before = bench.series()["glue_mv_exporter_config_last_reload_success_timestamp_seconds"]
    bench.file.write_text(INVALID)
    (problem,) = bench.reloader.reload()
    assert problem.startswith(f"{bench.file}:1: targets: ")
    after = bench.series()
    assert after[RELOADED_OK] == 0
    assert after["glue_mv_exporter_config_last_reload_success_timestamp_seconds"] == before
    assert bench.runs() == {sample_run_id(1), sample_run_id(2)}
    bench.write(target(bench.glue, "a", 1, 2))
    assert bench.reloader.reload() == ()
    assert bench.series()[RELOADED_OK] == 1


def test_a_fault_of_ours_is_told_and_the_next_reload_comes(bench: ReloadBench) -> None:
    faults: list[Exception] = [RuntimeError("no more threads")]

    def load() -> Settings:
        if faults:
            raise faults.pop()
        return bench.load()

    reloader = Reloader(str(bench.file), load, bench.exporter, bench.clock, loaded=b"")
    assert reloader.reload() == ("internal error: RuntimeError",)
    assert bench.series()[RELOADED_OK] == 0
    assert reloader.reload() == ()


def test_a_changed_poll_interval_takes_effect_for_what_stays(bench: ReloadBench) -> None:
    bench.await_runs(sample_run_id(1), sample_run_id(2))
    bench.write(target(bench.glue, "a", 1, 2), poll_interval="5s", runs_per_view=3)
    bench.reloader.reload()
    settings = bench.exporter.store.settings
    assert (settings.poll_interval, settings.runs_per_view) == (5.0, 3)


def test_a_reload_does_not_wait_for_a_glue_that_hangs(bench: ReloadBench) -> None:
    """The poll under way is one of the old configuration: nothing of it is taken in."""
    bench.await_runs(sample_run_id(1), sample_run_id(2))
    bench.glue.misbehave(HANG, run_id=sample_run_id(3))
    bench.write(target(bench.glue, "b", 3))
    bench.reloader.reload()
    bench.glue.wait_for_calls(1, GET_RUN, run_id=sample_run_id(3))
    bench.write(target(bench.glue, "a", 1))
    assert bench.reloader.reload() == ()
    bench.await_runs(sample_run_id(1))
    assert bench.up("b") is None


def test_a_target_that_moves_shows_nothing_of_its_old_place(bench: ReloadBench) -> None:
    """Same name, another catalog: a run's values must not pass from one to the other."""
    bench.await_runs(sample_run_id(1), sample_run_id(2))
    bench.write(target(bench.glue, "a", 1, catalog_id="210987654321"))
    bench.reloader.reload()
    assert bench.runs() == set()
    eventually(lambda: bench.up("a") is not None)
    assert not [name for name in bench.series() if f'catalog_id="{ACCOUNT}"' in name]


def http(bench: ReloadBench, method: str, *, allowed: bool) -> httpx.Response:
    site = Site(
        scrape=bench.exporter.exposition.scrape,
        trouble=bench.exporter.scheduler.trouble,
        ready=bench.exporter.store.ready,
        reload=bench.reloader.reload if allowed else None,
    )

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(make_app(site))
        async with httpx.AsyncClient(transport=transport, base_url="http://exporter") as client:
            return await client.request(method, "/-/reload")

    return asyncio.run(ask())


def test_a_post_reloads(bench: ReloadBench) -> None:
    bench.write(target(bench.glue, "a", 1))
    assert http(bench, "POST", allowed=True).status_code == 200
    assert len(bench.watched()) == 1


def test_a_post_tells_what_is_wrong(bench: ReloadBench) -> None:
    bench.file.write_text(INVALID)
    answer = http(bench, "POST", allowed=True)
    assert answer.status_code == 500
    assert f"{bench.file}:1: targets" in answer.text
    assert len(bench.watched()) == 2


def test_a_post_without_leave_is_forbidden(bench: ReloadBench) -> None:
    bench.write(target(bench.glue, "a", 1))
    assert http(bench, "POST", allowed=False).status_code == 403
    assert len(bench.watched()) == 2


@pytest.mark.parametrize("allowed", [True, False])
def test_only_a_post_reloads(bench: ReloadBench, allowed: bool) -> None:  # noqa: FBT001 (a parameter of pytest's)
    bench.write(target(bench.glue, "a", 1))
    assert http(bench, "GET", allowed=allowed).status_code == 405
    assert len(bench.watched()) == 2


@pytest.fixture
def watched(bench: ReloadBench) -> Iterator[ReloadBench]:
    """Have the file looked at every ten seconds of the clock that the test moves."""
    thread = threading.Thread(target=bench.reloader.run, args=(10.0,), daemon=True)
    thread.start()
    bench.clock.await_waiters()
    yield bench
    bench.reloader.end()
    thread.join(20)
    assert not thread.is_alive()


def look(bench: ReloadBench, *, change_seen: bool) -> None:
    """Let the file be looked at; where a change is seen, let it stay as it is for long enough."""
    now = bench.clock.monotonic()
    bench.clock.advance(10.0)
    (until,) = bench.clock.await_waiters()
    assert (until - now - 10.0 < 5.0) == change_seen
    if change_seen:
        bench.clock.advance(1.0)
        bench.clock.await_waiters()


def test_another_content_is_reloaded_once(watched: ReloadBench) -> None:
    watched.write(target(watched.glue, "a", 3))
    look(watched, change_seen=True)
    assert watched.watched() == {sample_run_id(3)}
    look(watched, change_seen=False)


def test_the_same_content_written_again_is_no_change(watched: ReloadBench) -> None:
    watched.file.write_bytes(watched.file.read_bytes())
    look(watched, change_seen=False)


def test_an_invalid_content_is_tried_once(watched: ReloadBench) -> None:
    watched.file.write_text(INVALID)
    look(watched, change_seen=True)
    assert watched.series()[RELOADED_OK] == 0
    look(watched, change_seen=False)


def test_a_file_away_for_a_moment_is_no_change(watched: ReloadBench) -> None:
    """It was away when it was looked at, and is back before that counts."""
    content = watched.file.read_bytes()
    watched.file.unlink()
    watched.clock.advance(10.0)
    watched.clock.await_waiters()
    watched.file.write_bytes(content)
    for _ in range(3):
        watched.clock.advance(1.0)
        watched.clock.await_waiters()
    assert watched.series()[RELOADED_OK] == 1
    assert len(watched.watched()) == 2


def test_a_file_that_stays_away_keeps_the_old_configuration(watched: ReloadBench) -> None:
    content = watched.file.read_bytes()
    watched.file.unlink()
    look(watched, change_seen=True)
    assert watched.series()[RELOADED_OK] == 0
    assert len(watched.watched()) == 2
    watched.file.write_bytes(content)
    look(watched, change_seen=True)
    assert watched.series()[RELOADED_OK] == 1


def test_half_a_file_is_not_read(watched: ReloadBench) -> None:
    """An editor is half way through: what is there is valid, and would drop a target for a moment."""
    watched.write(target(watched.glue, "a", 1))
    watched.clock.advance(10.0)
    watched.clock.await_waiters()
    watched.write(target(watched.glue, "a", 1), target(watched.glue, "b", 3))
    watched.clock.advance(1.0)
    watched.clock.await_waiters()
    assert len(watched.watched()) == 2, "still the first configuration"
    watched.clock.advance(1.0)
    watched.clock.await_waiters()
    assert [state.target.name for state in watched.exporter.store.targets()] == ["a", "b"]


def test_a_swapped_link_is_seen(tmp_path: Path) -> None:
    """As Kubernetes does with a ConfigMap: the file is a link into ..data, which is a link to a folder."""
    with BareGlue() as glue:
        for version, numbers in (("..1", (1,)), ("..2", (2,))):
            (tmp_path / version).mkdir()
            (tmp_path / version / "config.yaml").write_text(document(target(glue, "a", *numbers)))
        (tmp_path / "..data").symlink_to("..1")
        file = tmp_path / "config.yaml"
        file.symlink_to("..data/config.yaml")
        with reload_bench(file, glue) as bench:
            reloader = bench.another_reloader(ManualClock(), loaded=content_of(str(file)))
            (tmp_path / "..data_tmp").symlink_to("..2")
            (tmp_path / "..data_tmp").rename(tmp_path / "..data")
            reloader.reload_if_changed()
            assert bench.watched() == {sample_run_id(2)}


def test_what_changes_while_the_exporter_starts_is_not_missed(bench: ReloadBench) -> None:
    """The content that counts is that of before the file was read."""
    loaded = content_of(str(bench.file))
    bench.write(target(bench.glue, "a", 3))
    reloader = bench.another_reloader(ManualClock(), loaded=loaded)
    reloader.reload_if_changed()
    assert len(bench.watched()) == 1


def test_no_reload_begins_once_the_exporter_ends(bench: ReloadBench) -> None:
    bench.write(target(bench.glue, "a", 3))
    bench.reloader.end()
    assert bench.reloader.reload() == ("the exporter is stopping",)
    assert len(bench.watched()) == 2


def test_a_web_configuration_that_cannot_be_used_is_told_as_a_failed_reload(watched: ReloadBench) -> None:
    """It is followed without a reload, but the next start would fail: somebody has to know by then."""
    watched.reloader.note_web(False)
    eventually(lambda: watched.series()[RELOADED_OK] == 0)
    watched.reloader.note_web(True)
    eventually(lambda: watched.series()[RELOADED_OK] == 1)


def test_a_good_web_configuration_does_not_hide_a_bad_configuration(watched: ReloadBench) -> None:
    watched.file.write_text(INVALID)
    look(watched, change_seen=True)
    watched.reloader.note_web(False)
    watched.reloader.note_web(True)
    look(watched, change_seen=False)
    assert watched.series()[RELOADED_OK] == 0
