"""Reloading: all of a configuration or nothing of it, and nothing left over."""

import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from exporter.cli.reloading import TICK, Reloader, WebProtection, content_of
from exporter.clock import Clock
from exporter.errors import ConfigurationError
from exporter.glue.client import ClientFactory
from exporter.model.settings import Settings
from tests.e2e.exposition import EXPORTER, VIEW
from tests.support.bare_glue import BareGlue
from tests.support.bare_records import sample_run, sample_run_id
from tests.support.certificates import Authority
from tests.support.clock import ManualClock, eventually
from tests.support.passwords import hashed
from tests.support.reload_bench import ReloadBench, document, reload_bench, target

INVALID = "targets: 1\n"
RELOADED_OK = f"{EXPORTER}config_last_reload_successful"
RELOADED_AT = f"{EXPORTER}config_last_reload_success_timestamp_seconds"


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


def test_the_counters_of_a_view_that_stays_go_on_and_its_owner_changes(tmp_path: Path) -> None:
    """A run that ends after the reload is counted once, on top of what was counted before."""
    with BareGlue() as glue:
        glue.records.put_view("database_1", "view_1")
        file = tmp_path / "config.yaml"
        views = {"views": ["database_1.view_1"]}
        file.write_text(document(target(glue, "a", **views)))
        with reload_bench(file, glue) as bench:
            eventually(lambda: bench.scrape().up("a") == 1)
            for count, number in enumerate((1, 1001), start=1):
                names = {"DatabaseName": "database_1", "TableName": "view_1"}
                glue.records.put_run({**sample_run(number), **names})
                bench.write(target(glue, "a", owner=f"team-{number}", **views), target(glue, "b", 3))
                bench.reloader.reload()
                counted = {"SUCCEEDED": count}
                eventually(lambda now=counted: bench.scrape().counted == now)  # type: ignore[misc]  # binds it
                assert bench.scrape().series(f"{VIEW}info", owner=f"team-{number}")


def check(bench: ReloadBench, times: int) -> list[float]:
    """Look at the file so many times, and return after how many seconds to look again."""
    return [bench.reloader.reload_if_changed() for _ in range(times)]


def test_a_changed_file_is_reloaded_once_and_not_before_it_stays_as_it_is(bench: ReloadBench) -> None:
    """An editor is half way through: what is there is valid, and would drop a run for a moment."""
    bench.file.write_bytes(bench.file.read_bytes())
    assert check(bench, 1) == [10.0], "the same content, written again"
    for numbers in ((1,), (3,)):
        bench.write(target(bench.glue, "a", *numbers))
        assert check(bench, 1) == [TICK]
        assert len(bench.watched()) == 2, "still the first configuration"
    assert check(bench, 2) == [10.0, 10.0]
    assert bench.watched() == {sample_run_id(3)}
    assert bench.exporter.store.settings == bench.load()


def test_a_device_and_a_file_without_end_are_not_read_into_memory(bench: ReloadBench) -> None:
    bench.file.unlink()
    bench.file.symlink_to("/dev/zero")
    assert check(bench, 2) == [TICK, 10.0]
    (problem,) = bench.reloader.reload()
    assert problem.endswith("is a named pipe or a device: a reload reads files only")
    bench.file.unlink()
    bench.file.touch()
    os.truncate(bench.file, 1 << 40)
    assert check(bench, 2) == [TICK, 10.0]
    assert bench.reloader.reload() == (f"{bench.file}: is larger than 32 MiB",)
    assert len(bench.watched()) == 2


@pytest.mark.parametrize("broken", [INVALID, None])
def test_what_cannot_be_used_is_tried_once_and_changes_nothing(
    bench: ReloadBench, broken: str | None
) -> None:
    """None: the file is gone."""
    content, before = bench.file.read_text(), bench.scrape().value(RELOADED_AT)
    bench.file.unlink()
    if broken:
        bench.file.write_text(broken)
    assert check(bench, 3) == [TICK, 10.0, 10.0]
    after = bench.scrape()
    assert (after.value(RELOADED_OK), after.value(RELOADED_AT)) == (0, before)
    assert len(bench.watched()) == 2
    bench.file.write_text(content)
    check(bench, 2)
    assert bench.scrape().value(RELOADED_OK) == 1


def test_a_file_away_for_a_moment_is_no_change(bench: ReloadBench) -> None:
    away = bench.file.with_name("away")
    bench.file.rename(away)
    assert check(bench, 1) == [TICK]
    away.rename(bench.file)
    assert check(bench, 1) == [10.0]
    assert bench.scrape().value(RELOADED_OK) == 1


def test_no_reload_begins_once_the_exporter_ends(bench: ReloadBench) -> None:
    bench.write(target(bench.glue, "a", 3))
    bench.reloader.end()
    assert bench.reloader.reload() == ("the exporter is stopping",)
    assert len(bench.watched()) == 2


class FailsToConfigure(ClientFactory):
    """Clients that cannot be configured."""

    def configure(self, settings: Settings) -> None:
        raise RuntimeError("no more threads", settings)


def web_file(folder: Path, text: str) -> WebProtection:
    (folder / "web.yml").write_text(text)
    return WebProtection(str(folder / "web.yml"))


def users(*names: str) -> str:
    return "basic_auth_users:\n" + "".join(f"  {name}: {hashed(name)}\n" for name in names)


@pytest.mark.parametrize(
    ("mistake", "told"),
    [
        ("in config.yaml", "{folder}/config.yaml:1: targets: "),
        ("in web.yml", "{folder}/web.yml: protects nothing"),
        ("in no file", "internal error: RuntimeError"),
    ],
)
def test_a_reload_takes_over_both_configurations_or_neither(
    bench: ReloadBench, tmp_path: Path, mistake: str, told: str
) -> None:
    web = web_file(tmp_path, users("alice"))
    exporter = bench.exporter
    if mistake == "in no file":
        exporter = replace(exporter, clients=FailsToConfigure(Clock()))
    reloaders = [
        Reloader(str(bench.file), bench.load, one, loaded=b"", web=web) for one in (exporter, bench.exporter)
    ]
    bench.file.write_text(INVALID if mistake == "in config.yaml" else document(target(bench.glue, "b", 3)))
    (tmp_path / "web.yml").write_text("# nobody\n" if mistake == "in web.yml" else users("bob"))
    (problem,) = reloaders[0].reload()
    assert problem.startswith(told.format(folder=tmp_path))
    assert (set(web.current.settings.users), len(bench.watched())) == ({"alice"}, 2)
    bench.write(target(bench.glue, "b", 3))
    (tmp_path / "web.yml").write_text(users("bob"))
    assert reloaders[1].reload() == ()
    assert (set(web.current.settings.users), bench.watched()) == ({"bob"}, {sample_run_id(3)})


def test_an_automatic_reload_takes_over_nothing_that_protects_less(
    bench: ReloadBench, tmp_path: Path
) -> None:
    """Even where it is a valid file: it may be half written."""
    Authority(tmp_path, "own").pair("server")
    tls = "tls_server_config: {cert_file: server.pem, key_file: server.key}\n"
    web = web_file(tmp_path, tls + users("alice"))
    reloader = bench.another_reloader(loaded=content_of(str(bench.file)), web=web)
    (tmp_path / "web.yml").write_text(tls)
    bench.write(target(bench.glue, "a", 3))
    for _ in range(3):
        reloader.reload_if_changed()
    assert bench.watched() == {sample_run_id(3)}
    assert set(web.current.settings.users) == {"alice"}
    assert reloader.reload() == ()
    assert not web.current.settings.users


def test_changed_users_are_taken_over_while_new_certificates_cannot_be_read(tmp_path: Path) -> None:
    """Somebody whose password was taken away must not come in until the certificates are in order."""
    Authority(tmp_path, "own").pair("server")
    tls = "tls_server_config: {{cert_file: {}.pem, key_file: server.key}}\n{}"
    web = web_file(tmp_path, tls.format("server", users("alice")))
    context = web.current.context
    (tmp_path / "web.yml").write_text(tls.format("missing", users("bob")))
    web.follow()
    assert (set(web.current.settings.users), web.in_use) == ({"bob"}, False)
    assert web.current.context is context


def test_a_web_configuration_that_is_fixed_hides_no_mistake_of_the_other_one(
    bench: ReloadBench, tmp_path: Path
) -> None:
    web = web_file(tmp_path, users("alice"))
    clock = ManualClock(held=True)
    reloader = bench.another_reloader(loaded=content_of(str(bench.file)), web=web, clock=clock)
    bench.file.write_text(INVALID)
    assert reloader.reload()
    thread = threading.Thread(target=reloader.run, daemon=True)
    thread.start()
    for text, names in (("", {"alice"}), (users("dave"), {"dave"})):
        (tmp_path / "web.yml").write_text(text)
        clock.await_waiters()
        clock.advance(1.0)
        clock.await_waiters()
        assert set(web.current.settings.users) == names
        assert bench.scrape().value(RELOADED_OK) == 0
    reloader.end()
    thread.join(20)


def test_a_configuration_that_is_a_pipe_for_a_moment_ends_no_reload(bench: ReloadBench) -> None:
    """To open it would be to wait for a writer, with every later reload behind it."""
    content = bench.file.read_text()
    bench.file.unlink()
    os.mkfifo(bench.file)
    assert check(bench, 2) == [TICK, 10.0]
    assert bench.reloader.reload() == (
        f"{bench.file}: is a named pipe or a device: a reload reads files only",
    )
    bench.file.unlink()
    bench.file.write_text(content)
    assert bench.reloader.reload() == ()


@pytest.mark.parametrize("name", ["web.yml", "server.key"])
def test_no_file_of_a_web_configuration_that_is_a_pipe_is_opened(tmp_path: Path, name: str) -> None:
    Authority(tmp_path, "own").pair("server")
    web = web_file(tmp_path, "tls_server_config: {cert_file: server.pem, key_file: server.key}\n")
    (tmp_path / name).unlink()
    os.mkfifo(tmp_path / name)
    with pytest.raises(
        ConfigurationError, match=f"{name}: is a named pipe or a device: a reload reads files only"
    ):
        web.read()
    web.follow()
    assert not web.in_use
