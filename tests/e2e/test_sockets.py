"""Nobody can reach the program but through the port that it was given."""

import contextlib
import http.client
import re
import ssl
from pathlib import Path

import pytest

from tests.e2e.exposition import EXPORTER
from tests.e2e.program import Program, serve, target, wait_until
from tests.support.bare_glue import BareGlue
from tests.support.bare_records import sample_run
from tests.support.certificates import Authority

LISTENING = "0A"
"""The state of a TCP socket, as the kernel writes it."""
ACCEPTS = 0x10000
"""The flag of a Unix socket that listens."""


def inodes(process: int) -> set[str]:
    """Return the sockets that a process has open, as the kernel numbers them."""
    links = [str(path.readlink()) for path in Path(f"/proc/{process}/fd").iterdir() if path.is_symlink()]
    return {number for link in links for number in re.findall(r"^socket:\[(\d+)\]$", link)}


def listening(process: int) -> list[str]:
    """Return the port, or the kind, of every socket of the process that takes what strangers send."""
    own = inodes(process)
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
    return found


def up(program: Program) -> bool:
    return program.scrape().value(f"{EXPORTER}target_up") == 1


def test_it_listens_on_the_one_socket_that_it_was_given(tmp_path: Path) -> None:
    """With all that it can do switched on, and after polls and a reload."""
    with BareGlue() as glue:
        config = {"targets": [target(glue.url, glue.records.put_run(sample_run(1)))]}
        flags = (
            f"--storage.path={tmp_path / 'state'}",
            "--web.enable-lifecycle",
            "--config.auto-reload-interval=1s",
        )
        with serve(tmp_path, config, *flags) as program:
            wait_until(lambda: up(program), 20, "the target is up")
            assert listening(program.process.pid) == [str(program.port)]
            assert program.get("/-/reload", method="POST").status == 200
            assert listening(program.process.pid) == [str(program.port)]


@pytest.mark.parametrize(
    ("flags", "env"),
    [
        (("--web.listen-address=127.0.0.1:0", "--web.listen-address=[::1]:0"), {}),
        ((), {"GLUE_MV_EXPORTER_WEB_LISTEN_ADDRESS": "127.0.0.1:0 [::1]:0"}),
    ],
    ids=["flags", "variable"],
)
def test_it_listens_on_each_address_that_it_was_given(
    tmp_path: Path, flags: tuple[str, ...], env: dict[str, str]
) -> None:
    """And serves the same on all of them, also once its certificate has been rotated."""
    authority = Authority(tmp_path, "own")
    first = authority.pair("server", "127.0.0.1", "::1").der
    web = tmp_path / "web.yml"
    web.write_text("tls_server_config: {cert_file: server.pem, key_file: server.key}\n")
    with BareGlue() as glue:
        config = {"targets": [target(glue.url, glue.records.put_run(sample_run(1)))]}
        with serve(tmp_path, config, f"--web.config.file={web}", *flags, env=env, listen=None) as program:
            found = re.findall(r'address="?\[?(127\.0\.0\.1|::1)\]?:(\d+)', program.log)
            hosts, ports = zip(*found, strict=True)
            assert hosts == ("127.0.0.1", "::1")
            assert sorted(listening(program.process.pid)) == sorted(ports)

            def certificates() -> set[bytes]:
                return {certificate(host, int(port), authority) for host, port in found}

            assert certificates() == {first}
            second = authority.pair("server", "127.0.0.1", "::1").der
            wait_until(lambda: certificates() == {second}, 10, "the new certificate is served")
            assert sorted(listening(program.process.pid)) == sorted(ports)


def certificate(host: str, port: int, authority: Authority) -> bytes:
    """Return the certificate that a new connection sees, after a scrape."""
    client = http.client.HTTPSConnection(host, port, timeout=20, context=authority.client())
    with contextlib.closing(client):
        client.request("GET", "/metrics")
        assert isinstance(client.sock, ssl.SSLSocket)
        seen = client.sock.getpeercert(binary_form=True) or b""
        assert client.getresponse().status == 200
        return seen


def test_it_may_open_as_many_files_as_the_system_allows(tmp_path: Path) -> None:
    """Each connection is one, and many systems allow 1,024 unless a program asks for more."""
    with BareGlue() as glue:
        config = {"targets": [target(glue.url, glue.records.put_run(sample_run(1)))]}
        with serve(tmp_path, config) as program:
            limits = Path(f"/proc/{program.process.pid}/limits").read_text()
            (soft, hard) = re.findall(r"^Max open files +(\d+) +(\d+)", limits, re.MULTILINE)[0]
            assert soft == hard
