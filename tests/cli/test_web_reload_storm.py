"""Many reloads that change certificates and users, too, while clients scrape."""

import http.client
import itertools
import ssl
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest
from starlette.responses import PlainTextResponse

from exporter.cli.reloading import Reloader
from exporter.model.settings import Settings
from exporter.web.server import Timeouts
from tests.cli.test_reload_storm import AT_ONCE, reload_often
from tests.support.bare_glue import BareGlue
from tests.support.bare_records import sample_run
from tests.support.certificates import Authority, Pair
from tests.support.clock import eventually
from tests.support.left_over import nothing_left_over
from tests.support.passwords import basic, hashed
from tests.support.reload_bench import ReloadBench, document, reload_bench, target
from tests.support.web import WebServer

RELOADS = 90
FINE = PlainTextResponse("fine\n")


class Scrapers:
    """Two clients, each with its own user, that scrape on connections of their own until they are stopped."""

    def __init__(self, server: WebServer, client: ssl.SSLContext) -> None:
        self.seen: Counter[int | str] = Counter()
        """Statuses, and what there was instead of one."""
        self._server = server
        self._client = client
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._scrape, args=(user,)) for user in ("first", "second")]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(20)
            assert not thread.is_alive()

    def _scrape(self, user: str) -> None:
        while not self._stop.wait(0.01):
            try:
                self.seen[self._server.ask(tls=self._client, headers=basic(user, user)).status] += 1
            except (ConnectionError, http.client.RemoteDisconnected, ssl.SSLEOFError):
                self.seen["closed"] += 1  # it was let in, or about to be, under a certificate now replaced


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[ReloadBench]:
    with BareGlue() as glue:
        glue.records.put_run(sample_run(1))
        file = tmp_path / "config.yaml"
        file.write_text(document(target(glue, "a", 1)))
        with reload_bench(file, glue) as bench:
            yield bench


def web_text(pair: Pair, user: str) -> str:
    """Return a web configuration with this certificate, and this one user."""
    return (
        f"tls_server_config:\n  cert_file: {pair.cert.name}\n  key_file: {pair.key.name}\n"
        f"basic_auth_users:\n  {user}: {hashed(user)}\n"
    )


@pytest.mark.long
def test_certificates_and_users_change_in_many_reloads(tmp_path: Path, bench: ReloadBench) -> None:
    """One in three is invalid; in the end the last valid one holds, and nothing is left over."""
    authority = Authority(tmp_path, "own")
    pairs = {user: authority.pair(user) for user in ("first", "second")}
    web = tmp_path / "web.yml"
    texts = [web_text(pair, user) for user, pair in pairs.items()]
    texts.append(web_text(Pair(pairs["first"].cert, pairs["second"].key), "first"))
    web.write_text(texts[0])
    with WebServer(FINE, config=web, timeouts=Timeouts(handover=0.1)) as server:
        protection = server.protection
        assert protection is not None
        turns = itertools.cycle(texts)
        adopted: list[str] = []

        def load() -> Settings:
            """Write the next web configuration. Reloads take turns, and so do the calls."""
            fresh = tmp_path / "web.yml.new"
            fresh.write_text(next(turns))
            fresh.rename(web)
            return bench.load()

        def reload() -> None:
            if reloader.reload() == ():
                adopted.extend(protection.current.settings.users)

        reloader = Reloader(str(bench.file), load, bench.exporter, loaded=b"", web=protection)
        reload_often(reload, AT_ONCE)
        with nothing_left_over(threads=2, sockets=4):
            with Scrapers(server, authority.client()) as scrapers:
                reload_often(reload, RELOADS)
            assert set(scrapers.seen) <= {200, 401, "closed"}
            assert scrapers.seen[200]
            (user,) = protection.current.settings.users
            other = {"first": "second", "second": "first"}[user]
            eventually(lambda: server.certificate(authority.client()) == pairs[user].der)
            for _ in range(3):
                assert server.ask(tls=authority.client(), headers=basic(user, user)).status == 200
                assert server.ask(tls=authority.client(), headers=basic(other, other)).status == 401
    assert len(adopted) >= 2 * RELOADS // 3, "two in three"
