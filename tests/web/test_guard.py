"""Headers and the rate limit that a web configuration asks for."""

from pathlib import Path

from starlette.responses import PlainTextResponse

from exporter.web.app import SecurityHeaders
from tests.support.clock import ManualClock
from tests.support.passwords import basic, hashed
from tests.support.web import WebServer

APP = SecurityHeaders(PlainTextResponse("fine\n"))


def written(folder: Path, text: str) -> Path:
    file = folder / "web.yml"
    file.write_text(text)
    return file


def test_configured_headers_replace_the_exporters_own(tmp_path: Path) -> None:
    """Each is sent once; the others stay."""
    config = written(
        tmp_path,
        "http_server_config: {headers: {X-Frame-Options: sameorigin, Strict-Transport-Security: max-age=60}}",
    )
    with WebServer(APP, config=config) as server:
        headers = server.ask().headers
    assert headers.get_all("X-Frame-Options") == ["sameorigin"]
    assert headers["Strict-Transport-Security"] == "max-age=60"
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_refusals_have_the_headers_too(tmp_path: Path) -> None:
    config = written(
        tmp_path,
        "http_server_config: {headers: {Strict-Transport-Security: max-age=60}}\n"
        f"basic_auth_users: {{alice: {hashed('one')}}}\n"
        "rate_limit: {interval: 1h, burst: 1}\n",
    )
    with WebServer(APP, config=config) as server:
        for status in (401, 429):
            reply = server.ask()
            assert (reply.status, reply.headers["Strict-Transport-Security"]) == (status, "max-age=60")
            assert reply.headers["X-Frame-Options"] == "DENY"


def test_headers_change_without_a_restart(tmp_path: Path) -> None:
    config = written(tmp_path, "http_server_config: {headers: {X-XSS-Protection: '1'}}")
    with WebServer(APP, config=config) as server:
        assert server.ask().headers["X-XSS-Protection"] == "1"
        written(tmp_path, "http_server_config: {headers: {X-XSS-Protection: '0'}}")
        server.follow()
        assert server.ask().headers["X-XSS-Protection"] == "0"


def test_a_burst_is_answered_and_then_one_request_in_each_interval(tmp_path: Path) -> None:
    clock = ManualClock()
    config = written(tmp_path, "rate_limit: {interval: 2s, burst: 3}")
    with WebServer(APP, config=config, clock=clock) as server:

        def statuses(number: int) -> list[int]:
            return [server.ask().status for _ in range(number)]

        assert statuses(4) == [200, 200, 200, 429]
        clock.advance(1.9)
        assert statuses(1) == [429]
        clock.advance(0.1)
        assert statuses(2) == [200, 429]
        clock.advance(3600)
        assert statuses(4) == [200, 200, 200, 429]


def test_health_checks_are_neither_limited_nor_counted(tmp_path: Path) -> None:
    """A client that asks too often must not have the exporter restarted."""
    config = written(tmp_path, "rate_limit: {interval: 1h, burst: 1}")
    with WebServer(APP, config=config) as server:
        assert [server.ask("/-/healthy").status for _ in range(3)] == [200, 200, 200]
        assert [server.ask().status for _ in range(2)] == [200, 429]
        assert server.ask("/-/ready").status == 200


def test_a_changed_limit_begins_with_its_burst(tmp_path: Path) -> None:
    """A limit that is gone waits for a reload: the file may be half written."""
    config = written(tmp_path, "rate_limit: {interval: 1h, burst: 1}")
    with WebServer(APP, config=config) as server:
        assert [server.ask().status for _ in range(2)] == [200, 429]
        written(tmp_path, "rate_limit: {interval: 1h, burst: 2}")
        server.follow()
        assert [server.ask().status for _ in range(3)] == [200, 200, 429]
        written(tmp_path, f"basic_auth_users: {{alice: {hashed('one')}}}\n")
        server.follow()
        assert server.ask(headers=basic("alice", "one")).status == 429
