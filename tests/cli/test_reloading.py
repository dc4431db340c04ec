"""Reloading: all of a configuration or nothing of it, and nothing left over."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.cli.reloading import Reloader, WebProtection, content_of
from exporter.glue import ClientFactory
from exporter.model.settings import Settings
from tests.support.bare_faults import HANG
from tests.support.bare_glue import GET_RUN, BareGlue
from tests.support.bare_records import ACCOUNT, sample_run, sample_run_id
from tests.support.clock import ManualClock, eventually
from tests.support.passwords import hashed
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

    reloader = Reloader(str(bench.file), load, bench.exporter, loaded=b"")
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


@pytest.fixture
def watched(bench: ReloadBench) -> Iterator[ReloadBench]:
    """Have the file looked at every ten seconds of the clock that the test moves."""
    thread = threading.Thread(target=bench.reloader.run, daemon=True)
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


def test_what_changes_while_the_exporter_starts_is_not_missed(bench: ReloadBench) -> None:
    """The content that counts is that of before the file was read."""
    loaded = content_of(str(bench.file))
    bench.write(target(bench.glue, "a", 3))
    reloader = bench.another_reloader(loaded=loaded)
    reloader.reload_if_changed()
    reloader.reload_if_changed()
    assert len(bench.watched()) == 1


def test_no_reload_begins_once_the_exporter_ends(bench: ReloadBench) -> None:
    bench.write(target(bench.glue, "a", 3))
    bench.reloader.end()
    assert bench.reloader.reload() == ("the exporter is stopping",)
    assert len(bench.watched()) == 2


class FailsToConfigure(ClientFactory):
    """Clients that cannot be configured once they are told so."""

    fails = False

    def configure(self, settings: Settings) -> None:
        """Fail, or not."""
        if self.fails:
            raise RuntimeError("no more threads")
        super().configure(settings)


def web_file(folder: Path, text: str) -> WebProtection:
    (folder / "web.yml").write_text(text)
    return WebProtection(str(folder / "web.yml"))


def users(*names: str) -> str:
    return "basic_auth_users:\n" + "".join(f"  {name}: {hashed(name)}\n" for name in names)


@pytest.mark.parametrize("mistake", ["in config.yaml", "in web.yml", "in no file"])
def test_a_reload_takes_over_both_configurations_or_neither(tmp_path: Path, mistake: str) -> None:
    with BareGlue() as glue:
        file = tmp_path / "config.yaml"
        file.write_text(document(target(glue, "a", 1)))
        web = web_file(tmp_path, users("alice"))
        with reload_bench(file, glue, make_clients=FailsToConfigure) as bench:
            reloader = bench.another_reloader(loaded=b"", web=web)
            clients = bench.exporter.clients
            assert isinstance(clients, FailsToConfigure)
            bench.write(target(glue, "b", 2))
            (tmp_path / "web.yml").write_text(users("bob"))
            if mistake == "in config.yaml":
                file.write_text(INVALID)
            if mistake == "in web.yml":
                (tmp_path / "web.yml").write_text("# nobody\n")
            clients.fails = mistake == "in no file"
            assert reloader.reload()
            assert (set(web.current.settings.users), bench.watched()) == ({"alice"}, {sample_run_id(1)})
            clients.fails = False
            bench.write(target(glue, "b", 2))
            (tmp_path / "web.yml").write_text(users("bob"))
            assert reloader.reload() == ()
            assert (set(web.current.settings.users), bench.watched()) == ({"bob"}, {sample_run_id(2)})


def test_a_web_configuration_is_followed_and_a_mistake_in_it_is_a_failed_reload(
    bench: ReloadBench, tmp_path: Path
) -> None:
    """The next start would fail: somebody has to know by then. It hides no mistake of the other one."""
    web = web_file(tmp_path, users("alice"))
    clock = ManualClock(held=True)
    reloader = bench.another_reloader(loaded=content_of(str(bench.file)), web=web, clock=clock)
    thread = threading.Thread(target=reloader.run, daemon=True)
    thread.start()

    def follow() -> None:
        clock.await_waiters()
        clock.advance(1.0)
        clock.await_waiters()

    for text, names, in_use in (
        (users("bob"), {"bob"}, 1),
        ("", {"bob"}, 0),
        (users("bob", "carol"), {"bob", "carol"}, 1),
    ):
        (tmp_path / "web.yml").write_text(text)
        follow()
        assert set(web.current.settings.users) == names
        assert bench.series()[RELOADED_OK] == in_use
    bench.file.write_text(INVALID)
    assert reloader.reload()
    (tmp_path / "web.yml").write_text(users("dave"))
    follow()
    assert set(web.current.settings.users) == {"dave"}
    assert bench.series()[RELOADED_OK] == 0
    reloader.end()
    thread.join(20)


def test_an_automatic_reload_takes_over_nothing_that_protects_less(
    bench: ReloadBench, tmp_path: Path
) -> None:
    web = web_file(tmp_path, users("alice"))
    reloader = bench.another_reloader(loaded=content_of(str(bench.file)), web=web)
    (tmp_path / "web.yml").write_text("{}\n")
    bench.write(target(bench.glue, "a", 3))
    reloader.reload_if_changed()
    reloader.reload_if_changed()
    assert bench.watched() == {sample_run_id(3)}
    assert set(web.current.settings.users) == {"alice"}


def test_a_pipe_is_not_opened(bench: ReloadBench) -> None:
    """That would wait for a writer, with every later reload behind it."""
    content = bench.file.read_text()
    bench.file.unlink()
    os.mkfifo(bench.file)
    (problem,) = bench.reloader.reload()
    assert problem == f"{bench.file}: is a named pipe: a reload reads files only"
    bench.file.unlink()
    bench.file.write_text(content)
    assert bench.reloader.reload() == ()
