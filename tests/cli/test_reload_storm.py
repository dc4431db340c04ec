"""Very many reloads at once, of both configurations: the last valid ones hold, and nothing is left over."""

import itertools
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.responses import PlainTextResponse

from exporter.cli.reloading import Reloader
from exporter.errors import ConfigurationError, Problem
from exporter.model.settings import Settings
from exporter.web.server import Timeouts
from tests.support.bare_glue import BareGlue
from tests.support.bare_records import sample_run, sample_run_id
from tests.support.certificates import Authority, Pair
from tests.support.clock import eventually
from tests.support.left_over import nothing_left_over
from tests.support.passwords import basic, hashed
from tests.support.reload_bench import document, reload_bench, target
from tests.support.web import WebServer

AT_ONCE = 10
RELOADS = 300


def reload_often(reload: Callable[[], object], times: int) -> None:
    threads = [
        threading.Thread(target=lambda: [reload() for _ in range(times // AT_ONCE)]) for _ in range(AT_ONCE)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def web_text(pair: Pair, user: str) -> str:
    return (
        f"tls_server_config:\n  cert_file: {pair.cert.name}\n  key_file: {pair.key.name}\n"
        f"basic_auth_users:\n  {user}: {hashed(user)}\n"
    )


@pytest.mark.long
def test_the_last_valid_configurations_hold_and_nothing_is_left_over(tmp_path: Path) -> None:
    """Targets come, go and stay; one speaks to another endpoint each time, with the same keys."""
    authority = Authority(tmp_path, "own")
    pairs = {user: authority.pair(user) for user in ("first", "second")}
    mixed = Pair(pairs["first"].cert, pairs["second"].key)
    texts = [*(web_text(pair, user) for user, pair in pairs.items()), web_text(mixed, "first")]
    web = tmp_path / "web.yml"
    web.write_text(texts[0])
    with BareGlue() as glue, BareGlue() as other:
        for bare in (glue, other):
            for number in range(4):
                bare.records.put_run(sample_run(number))
        configurations = [
            document(target(glue, "stays", 1), target(glue, "moves", 2)),
            document(target(glue, "stays", 1), target(other, "moves", 2), target(glue, "comes", 3)),
        ]
        file = tmp_path / "config.yaml"
        file.write_text(configurations[0])
        with (
            reload_bench(file, glue) as bench,
            WebServer(PlainTextResponse("fine\n"), config=web, timeouts=Timeouts(handover=0.1)) as server,
        ):
            settings = []
            for text in configurations:
                file.write_text(text)
                settings.append(bench.load())
            turns = itertools.cycle(itertools.product([*settings, None], texts))
            valid: list[tuple[Settings, str]] = []

            def load() -> Settings:
                """Take the next two configurations, of three of each one is invalid. Reloads take turns."""
                wanted, text = next(turns)
                fresh = tmp_path / "web.new"
                fresh.write_text(text)
                fresh.rename(web)
                if wanted is None:
                    raise ConfigurationError("config.yaml", (Problem(1, "targets", "one in three"),))
                if text != texts[2]:
                    valid.append((wanted, text))
                return wanted

            reloader = Reloader(str(file), load, bench.exporter, loaded=b"", web=server.protection)
            reload_often(reloader.reload, 3 * AT_ONCE)
            eventually(bench.exporter.store.ready)
            with nothing_left_over(threads=6, sockets=8):
                reload_often(reloader.reload, RELOADS)
                assert len(valid) > (3 * AT_ONCE + RELOADS) // 3
                wanted, text = valid[-1]
                assert bench.exporter.store.settings == wanted
                # And none twice: the bench looks at that.
                bench.await_runs(*(run_id for one in wanted.targets for run_id in one.run_ids))
                user, another = ("first", "second") if text == texts[0] else ("second", "first")
                eventually(lambda: server.certificate(authority.client()) == pairs[user].der)
                assert server.ask(tls=authority.client(), headers=basic(user, user)).status == 200
                assert server.ask(tls=authority.client(), headers=basic(another, another)).status == 401
            assert glue.count(run_id=sample_run_id(1)) == 1, "it is settled, and its target stays"
