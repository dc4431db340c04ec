"""The running program follows its web configuration, and never opens the door by itself."""

import base64
import contextlib
import http.client
import os
import signal
import ssl
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.e2e.program import SECRETS, Program, run, serve, target, wait_until, write_config
from tests.support.bare_glue import BareGlue
from tests.support.bare_records import sample_run, sample_run_id
from tests.support.certificates import Authority
from tests.support.passwords import hashed

PASSWORD = "web-password-do-not-print"
HEADER = base64.b64encode(f"alice:{PASSWORD}".encode()).decode()
AUTHORIZATION = {"Authorization": f"Basic {HEADER}"}
USERS = f"basic_auth_users:\n  alice: {hashed(PASSWORD)}\n"
TLS = "tls_server_config: {cert_file: server.pem, key_file: server.key}\n"
PROTECTS_NOTHING = ["# later\n", "basic_auth_users: {}\n"]
"""Others are in tests/config/test_web.py."""
SUCCESSFUL = "glue_mv_exporter_config_last_reload_successful"


@pytest.fixture
def config() -> Iterator[dict[str, object]]:
    SECRETS.add(HEADER)
    with BareGlue() as glue:
        glue.records.put_run(sample_run(1))
        yield {"targets": [target(glue.url, sample_run_id(1))]}


@pytest.fixture
def web(tmp_path: Path) -> Path:
    """Give a web configuration with a user."""
    file = tmp_path / "web.yml"
    file.write_text(USERS)
    return file


def in_use(program: Program, value: int) -> bool:
    """Tell whether the metric on the configuration in use has this value."""
    return f"\n{SUCCESSFUL} {value}\n" in program.get("/metrics", **AUTHORIZATION).text


def write_again(program: Program, config: dict[str, object]) -> None:
    """Write a configuration that differs from the one before, and wait until it is in use."""
    reloads = program.log.count("configuration reloaded")
    write_config(program.folder, {**config, "poll_interval": f"{31 + reloads}s"})
    wait_until(lambda: program.log.count("configuration reloaded") > reloads, 10, "the file is reloaded")


@pytest.mark.parametrize("text", PROTECTS_NOTHING)
def test_a_web_configuration_that_protects_nothing_is_refused_at_the_start(
    config: dict[str, object], tmp_path: Path, web: Path, text: str
) -> None:
    web.write_text(text)
    main = write_config(tmp_path, config)
    refused = run(
        tmp_path, f"--config.file={main}", f"--web.config.file={web}", "--web.listen-address=127.0.0.1:0"
    )
    assert refused.status == 2
    assert "protects nothing" in refused.err
    assert run(tmp_path, "check-config", f"--web.config.file={web}").status == 2


def test_no_reload_opens_the_door(config: dict[str, object], tmp_path: Path, web: Path) -> None:
    """Neither an automatic one of config.yaml nor one by signal."""
    flags = (f"--web.config.file={web}", "--config.auto-reload-interval=1s")
    with serve(tmp_path / "program", config, *flags) as program:
        for text in PROTECTS_NOTHING:
            web.write_text(text)
            write_again(program, config)
            assert program.get("/metrics").status == 401
            assert program.get("/metrics", **AUTHORIZATION).status == 200
        program.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "configuration not reloaded" in program.log, 10, "the reload is refused")
        assert program.get("/metrics").status == 401
        assert in_use(program, 0)


def test_a_web_configuration_that_breaks_is_reported_until_it_is_fixed(
    config: dict[str, object], tmp_path: Path, web: Path
) -> None:
    flags = (f"--web.config.file={web}", "--log.level=debug")
    with serve(tmp_path / "program", config, *flags) as program:
        assert "tls=off client_certificates=NoClientCert basic_auth=on" in program.log
        for text, value in ((USERS, 1), ("basic_auth_users: {", 0), (USERS, 1), ("", 0), (USERS, 1)):
            web.write_text(text)
            wait_until(partial(in_use, program, value), 10, f"{SUCCESSFUL} {value}")
            assert program.get("/metrics").status == 401, "whatever the file says"
        wait_until(lambda: "path=/metrics status=401" in program.log, 10, "refusals are logged")


def https(program: Program, authority: Authority) -> tuple[bytes, int]:
    """Return the certificate that a new connection sees, and the status of a scrape without a password."""
    client = http.client.HTTPSConnection("127.0.0.1", program.port, timeout=20, context=authority.client())
    with contextlib.closing(client):
        client.request("GET", "/metrics")
        assert isinstance(client.sock, ssl.SSLSocket)
        seen = client.sock.getpeercert(binary_form=True) or b""
        return seen, client.getresponse().status


def test_allowed_clients_headers_and_the_rate_limit_are_in_force(
    config: dict[str, object], tmp_path: Path, web: Path
) -> None:
    authority = Authority(tmp_path, "own")
    authority.pair("server", "127.0.0.1", "exporter.example.org")
    clients = {
        name: authority.client(authority.pair(name, f"{name}.example.org"))
        for name in ("prometheus", "other")
    }
    web.write_text(
        "tls_server_config: {cert_file: server.pem, key_file: server.key,"
        f" client_auth_type: RequireAndVerifyClientCert, client_ca_file: {authority.file.name},"
        " client_allowed_sans: [prometheus.example.org, exporter.example.org]}\n"
        "http_server_config: {headers: {Strict-Transport-Security: max-age=60}}\n"
        "rate_limit: {interval: 1h, burst: 1}\n"
    )
    with serve(tmp_path / "program", config, f"--web.config.file={web}") as program:

        def ask(name: str) -> http.client.HTTPResponse:
            client = http.client.HTTPSConnection("127.0.0.1", program.port, timeout=20, context=clients[name])
            with contextlib.closing(client):
                client.request("GET", "/metrics")
                return client.getresponse()

        with pytest.raises((ssl.SSLError, ConnectionError)):
            ask("other")
        answers = [ask("prometheus"), ask("prometheus")]
        assert [answer.status for answer in answers] == [200, 429]
        assert {answer.headers["Strict-Transport-Security"] for answer in answers} == {"max-age=60"}
        address = f"--web.listen-address=127.0.0.1:{program.port}"
        checked = run(tmp_path, "healthcheck", address, f"--web.config.file={web}")
        assert checked.status == 0, "its own certificate is among the allowed ones, and it is not limited"


def test_rotated_certificates_are_served_while_the_file_protects_less(
    config: dict[str, object], tmp_path: Path, web: Path
) -> None:
    """And what it has less waits for a reload that somebody asks for."""
    authority = Authority(tmp_path, "own")
    first = authority.pair("server").der
    web.write_text(TLS + USERS)
    with serve(tmp_path / "program", config, f"--web.config.file={web}") as program:
        assert https(program, authority) == (first, 401)
        web.write_text(TLS)
        wait_until(lambda: "protects less" in program.log, 10, "the change is noticed")
        second = authority.pair("server").der
        wait_until(lambda: https(program, authority) == (second, 401), 10, "the new certificate is served")
        program.process.send_signal(signal.SIGHUP)
        wait_until(lambda: https(program, authority)[1] == 200, 10, "no password is asked for")


def test_a_configuration_that_is_a_pipe_for_a_moment_ends_no_reload(
    config: dict[str, object], tmp_path: Path
) -> None:
    with serve(tmp_path, config, "--config.auto-reload-interval=1s") as program:
        file = tmp_path / "config.yaml"
        os.mkfifo(tmp_path / "pipe")
        (tmp_path / "pipe").rename(file)
        # Opened for reading without a writer, it would hold up whatever opens it.
        wait_until(lambda: f"\n{SUCCESSFUL} 0\n" in program.get("/metrics").text, 10, "the pipe is refused")
        write_config(tmp_path, config, "new.yaml").rename(file)
        wait_until(lambda: f"\n{SUCCESSFUL} 1\n" in program.get("/metrics").text, 10, "the file is reloaded")
        reloads = program.log.count("configuration reloaded")
        program.process.send_signal(signal.SIGHUP)
        wait_until(lambda: program.log.count("configuration reloaded") > reloads, 10, "a signal reloads")


def test_health_is_not_known_without_a_certificate_that_the_exporter_accepts(
    config: dict[str, object], tmp_path: Path, web: Path
) -> None:
    """Whatever is listening there, exit status 0 means that it has answered."""
    Authority(tmp_path, "own").pair("server")
    clients = Authority(tmp_path, "clients")
    web.write_text(
        "tls_server_config: {cert_file: server.pem, key_file: server.key,"
        f" client_auth_type: RequireAndVerifyClientCert, client_ca_file: {clients.file.name}}}\n"
    )
    with serve(tmp_path / "program", config, f"--web.config.file={web}") as program:
        address = f"--web.listen-address=127.0.0.1:{program.port}"
        checked = run(tmp_path, "healthcheck", address, f"--web.config.file={web}")
        assert checked.status == 1
        assert "client certificate" in checked.err
