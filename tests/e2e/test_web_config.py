"""Nobody reaches the program but by its port, as its web configuration says; no door opens by itself."""

import base64
import contextlib
import http.client
import re
import signal
import ssl
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.e2e.exposition import EXPORTER
from tests.e2e.program import SECRETS, Program, run, serve, target, wait_until, write_config
from tests.support.bare_glue import BareGlue
from tests.support.bare_records import sample_run
from tests.support.certificates import Authority
from tests.support.passwords import hashed

PASSWORD = "web-password-do-not-print"
HEADER = base64.b64encode(f"alice:{PASSWORD}".encode()).decode()
AUTHORIZATION = {"Authorization": f"Basic {HEADER}"}
USERS = f"basic_auth_users:\n  alice: {hashed(PASSWORD)}\n"
TLS = "tls_server_config: {cert_file: server.pem, key_file: server.key}\n"
PROTECTS_NOTHING = ["# later\n", "basic_auth_users: {}\n"]
"""Others are in tests/config/test_web.py."""

LISTENING = "0A"
"""The state of a TCP socket, as the kernel writes it."""
ACCEPTS = 0x10000
"""The flag of a Unix socket that listens."""


@pytest.fixture
def config(glue: BareGlue) -> dict[str, object]:
    SECRETS.add(HEADER)
    return {"targets": [target(glue.url, glue.records.put_run(sample_run(1)))]}


@pytest.fixture
def web(tmp_path: Path) -> Path:
    file = tmp_path / "web.yml"
    file.write_text(USERS)
    return file


def listening(process: int) -> list[str]:
    """Return the port, or the kind, of every socket of the process that takes what strangers send."""
    own = set()
    for file in Path(f"/proc/{process}/fd").iterdir():
        # A poll may close a file between the listing of it and the look at it.
        with contextlib.suppress(FileNotFoundError):
            own |= set(re.findall(r"^socket:\[(\d+)\]$", str(file.readlink())))
    found = []
    for kind in ("tcp", "tcp6", "udp", "udp6", "raw", "raw6"):
        for line in Path(f"/proc/{process}/net/{kind}").read_text().splitlines()[1:]:
            fields = line.split()
            # What is not TCP has no listening: bound is enough.
            if fields[9] in own and (not kind.startswith("tcp") or fields[3] == LISTENING):
                port = int(fields[1].rpartition(":")[2], 16)
                found.append(str(port) if kind.startswith("tcp") else f"{kind} {port}")
    for line in Path(f"/proc/{process}/net/unix").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[6] in own and int(fields[3], 16) & ACCEPTS:
            found.append(f"unix {fields[7:]}")
    return sorted(found)


def test_it_listens_on_the_one_socket_that_it_was_given(config: dict[str, object], tmp_path: Path) -> None:
    """With all that it can do switched on, after polls and a reload; for as many connections as allowed."""
    state = f"--storage.path={tmp_path / 'state'}"
    with serve(
        tmp_path, config, state, "--web.enable-lifecycle", "--config.auto-reload-interval=1s"
    ) as program:
        program.await_up()
        assert listening(program.process.pid) == [str(program.port)]
        assert program.reload().status == 200
        assert listening(program.process.pid) == [str(program.port)]
        # Each connection is one, and many systems allow 1,024 unless a program asks for more.
        limits = Path(f"/proc/{program.process.pid}/limits").read_text()
        ((soft, hard),) = re.findall(r"^Max open files +(\d+) +(\d+)", limits, re.MULTILINE)
        assert soft == hard


class Seen(NamedTuple):
    """What a client sees that scrapes through TLS without a password."""

    certificate: bytes
    status: int


def https(authority: Authority, port: int, host: str = "127.0.0.1") -> Seen:
    client = http.client.HTTPSConnection(host, port, timeout=20, context=authority.client())
    with contextlib.closing(client):
        client.request("GET", "/metrics")
        assert isinstance(client.sock, ssl.SSLSocket)
        return Seen(client.sock.getpeercert(binary_form=True) or b"", client.getresponse().status)


@pytest.mark.parametrize(
    ("flags", "env"),
    [
        (("--web.listen-address=127.0.0.1:0", "--web.listen-address=[::1]:0"), {}),
        ((), {"GLUE_MV_EXPORTER_WEB_LISTEN_ADDRESS": "127.0.0.1:0 [::1]:0"}),
    ],
    ids=["flags", "variable"],
)
def test_it_listens_on_each_address_that_it_was_given(
    config: dict[str, object], tmp_path: Path, web: Path, flags: tuple[str, ...], env: dict[str, str]
) -> None:
    """And serves the same on all of them, also once its certificate has been rotated."""
    authority = Authority(tmp_path, "own")
    first = authority.pair("server", "127.0.0.1", "::1").der
    web.write_text(TLS)
    with serve(tmp_path, config, f"--web.config.file={web}", *flags, env=env, listen=None) as program:
        found = re.findall(r'address="?\[?(127\.0\.0\.1|::1)\]?:(\d+)', program.log)
        assert [host for host, _ in found] == ["127.0.0.1", "::1"]
        ports = sorted(port for _, port in found)
        assert listening(program.process.pid) == ports

        def seen() -> set[Seen]:
            return {https(authority, int(port), host) for host, port in found}

        assert seen() == {(first, 200)}
        second = authority.pair("server", "127.0.0.1", "::1").der
        wait_until(lambda: seen() == {(second, 200)}, 60, "the new certificate is served")
        assert listening(program.process.pid) == ports


@pytest.mark.parametrize("text", PROTECTS_NOTHING)
def test_a_web_configuration_that_protects_nothing_is_refused_at_the_start(
    config: dict[str, object], tmp_path: Path, web: Path, text: str
) -> None:
    web.write_text(text)
    file = write_config(tmp_path, config)
    refused = run(tmp_path, f"--config.file={file}", f"--web.config.file={web}")
    assert refused.status == 2
    assert "protects nothing" in refused.err
    assert run(tmp_path, "check-config", f"--web.config.file={web}").status == 2


def test_no_reload_opens_the_door(config: dict[str, object], tmp_path: Path, web: Path) -> None:
    """Neither an automatic one of config.yaml nor one by signal. What is broken shows until it is fixed."""

    def in_use(program: Program, value: int) -> bool:
        metric = f"{EXPORTER}config_last_reload_successful"
        return f"\n{metric} {value}\n" in program.get("/metrics", **AUTHORIZATION).text

    def reloaded(program: Program, times: int) -> bool:
        return program.log.count("configuration reloaded") == times

    flags = (f"--web.config.file={web}", "--config.auto-reload-interval=1s")
    with serve(tmp_path, config, *flags) as program:
        assert "tls=off client_certificates=NoClientCert basic_auth=on" in program.log
        for text, value in (("", 0), (USERS, 1), ("basic_auth_users: {", 0), (USERS, 1)):
            web.write_text(text)
            wait_until(partial(in_use, program, value), 60, f"in use: {value}")
            assert program.get("/metrics").status == 401, "whatever the file says"
        for reloads, text in enumerate(PROTECTS_NOTHING, 1):
            web.write_text(text)
            write_config(tmp_path, {**config, "poll_interval": f"{30 + reloads}s"})
            wait_until(partial(reloaded, program, reloads), 60, "config.yaml is reloaded")
            assert program.get("/metrics").status == 401
            assert program.get("/metrics", **AUTHORIZATION).status == 200
        program.process.send_signal(signal.SIGHUP)
        program.await_log("configuration not reloaded")
        assert program.get("/metrics").status == 401
        assert in_use(program, 0)


def test_what_a_file_protects_less_waits_for_a_reload_that_somebody_asks_for(
    config: dict[str, object], tmp_path: Path, web: Path
) -> None:
    """Rotated certificates do not."""
    authority = Authority(tmp_path, "own")
    first = authority.pair("server").der
    web.write_text(TLS + USERS)
    with serve(tmp_path, config, f"--web.config.file={web}") as program:
        assert https(authority, program.port) == (first, 401)
        web.write_text(TLS)
        program.await_log("protects less")
        second = authority.pair("server").der
        wait_until(lambda: https(authority, program.port) == (second, 401), 60, "the new one is served")
        program.process.send_signal(signal.SIGHUP)
        wait_until(lambda: https(authority, program.port).status == 200, 60, "no password is asked for")
