"""The HTTP surface: health, readiness, formats, compression, and what is not there."""

import gzip
import re
import shutil
import socket
import subprocess
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.e2e.exposition import RUN, Exposition, check_with_promtool
from tests.e2e.program import OPENMETRICS, Program, Reply, run, serve, target, wait_until
from tests.support.bare_faults import HANG
from tests.support.bare_glue import BareGlue
from tests.support.bare_records import sample_run
from tests.support.ports import free_port

PROMETHEUS_ACCEPTS = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)


@dataclass
class Scene:
    """A running exporter, and what it answered before its first poll had ended."""

    program: Program
    ready: Reply
    healthy: Reply
    metrics: Reply


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Start with a Glue that hangs, and go on once it answers."""
    with BareGlue() as glue:
        runs = [glue.records.put_run(sample_run(number)) for number in range(300)]
        glue.misbehave(HANG)
        config = {
            "poll_interval": "5s",
            "targets": [target(glue.url, *runs, max_requests_per_second=200)],
        }
        with serve(tmp_path_factory.mktemp("http"), config) as program:
            glue.wait_for_calls(1)
            early = [program.get(path) for path in ("/-/ready", "/-/healthy", "/metrics")]
            glue.behave()
            wait_until(lambda: program.get("/-/ready").status == 200, 30, "every first poll has ended")
            program.scrape_until(lambda e: e.status(runs[0]) == "SUCCEEDED", 30)
            yield Scene(program, *early)


def ask(scene: Scene, request: bytes) -> bytes:
    """Send bytes and return all that comes back until the server closes."""
    with socket.create_connection(("127.0.0.1", scene.program.port), timeout=10) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def same(text: str, scene: Scene) -> bool:
    """Tell whether a text holds the runs that a plain scrape holds."""
    plain = scene.program.scrape()
    return Exposition(text).series(f"{RUN}dpu_seconds") == plain.series(f"{RUN}dpu_seconds")


def test_is_not_ready_before_the_first_poll_has_ended(scene: Scene) -> None:
    assert scene.ready.status == 503
    assert scene.ready.text.strip()


def test_is_healthy_and_scraped_from_the_start(scene: Scene) -> None:
    assert scene.healthy.status == 200
    assert scene.metrics.status == 200
    assert scene.metrics.seconds < 10
    check_with_promtool(scene.metrics.text)
    assert Exposition(scene.metrics.text).value("glue_mv_exporter_target_up", target="test") is None


def test_is_ready_and_healthy_afterwards(scene: Scene) -> None:
    for path in ("/-/ready", "/-/healthy"):
        assert scene.program.get(path).status == 200


@pytest.mark.parametrize("path", ["/nope", "/metrics/more", "/-/", "/%2e%2e/etc/passwd", "/favicon.ico"])
def test_anything_else_is_not_found(scene: Scene, path: str) -> None:
    assert scene.program.get(path).status == 404


@pytest.mark.parametrize("path", ["/", "/metrics", "/-/healthy", "/-/ready"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_a_wrong_method_is_not_allowed(scene: Scene, path: str, method: str) -> None:
    reply = scene.program.get(path, method=method)
    assert reply.status == 405
    assert "GET" in reply.headers.get("Allow", "")


def test_the_page_for_people_links_to_the_rest(scene: Scene) -> None:
    reply = scene.program.get("/")
    assert reply.status == 200
    assert reply.headers["Content-Type"].startswith("text/html")
    for path in ("/metrics", "/-/healthy", "/-/ready"):
        assert path in reply.text
    loaded = re.findall(r"<(?:link|script|img)\b[^>]*", reply.text)
    assert loaded
    assert not [element for element in loaded if "//" in element], "nothing from elsewhere"


def test_prometheus_own_accept_header_gets_openmetrics(scene: Scene) -> None:
    reply = scene.program.get("/metrics", Accept=PROMETHEUS_ACCEPTS, Accept_Encoding="gzip")
    assert reply.headers["Content-Type"].startswith("application/openmetrics-text")
    assert Exposition(gzip.decompress(reply.body).decode(), openmetrics=True).types


@pytest.mark.parametrize(
    "accept", ["*/*", "text/plain", "text/html", "application/json", "text/plain;version=0.0.4", "nonsense"]
)
def test_everyone_else_gets_text(scene: Scene, accept: str) -> None:
    reply = scene.program.get("/metrics", Accept=accept)
    assert reply.status == 200
    assert reply.headers["Content-Type"].startswith("text/plain")
    check_with_promtool(reply.text)


@pytest.mark.parametrize("accept", ["text/plain", OPENMETRICS])
def test_gzip_is_one_member(scene: Scene, accept: str) -> None:
    """Some clients silently read only the first of several."""
    reply = scene.program.get("/metrics", Accept=accept, Accept_Encoding="gzip")
    assert reply.headers["Content-Encoding"] == "gzip"
    assert "accept-encoding" in reply.headers["Vary"].lower()
    unpack = zlib.decompressobj(31)
    text = unpack.decompress(reply.body).decode()
    assert unpack.eof
    assert unpack.unused_data == b""
    assert len(reply.body) < len(text) / 4
    if accept == "text/plain":
        check_with_promtool(text)
        assert same(text, scene)
    else:
        assert Exposition(text, openmetrics=True).types


@pytest.mark.parametrize("accepted", [None, "", "identity", "gzip;q=0", "br, deflate", "gzip;q=0, *;q=0.5"])
def test_without_gzip_the_answer_is_plain(scene: Scene, accepted: str | None) -> None:
    reply = scene.program.get("/metrics", **({} if accepted is None else {"Accept_Encoding": accepted}))
    assert "Content-Encoding" not in reply.headers
    check_with_promtool(reply.text)
    assert len(reply.body) == int(reply.headers["Content-Length"])


@pytest.mark.parametrize("accepted", ["gzip", "GZIP", "deflate, gzip;q=0.8", "br;q=1.0, gzip;q=0.1", "*"])
def test_gzip_where_it_is_accepted(scene: Scene, accepted: str) -> None:
    reply = scene.program.get("/metrics", Accept_Encoding=accepted)
    encoding = reply.headers.get("Content-Encoding")
    text = gzip.decompress(reply.body).decode() if encoding == "gzip" else reply.text
    assert encoding == "gzip" or accepted == "*"
    assert same(text, scene)


def test_httpx_reads_it(scene: Scene) -> None:
    with httpx.Client() as client:
        answers = [client.get(f"{scene.program.url}/metrics") for _ in range(3)]
    for answer in answers:
        assert answer.headers["Content-Encoding"] == "gzip"
        assert same(answer.text, scene)


def test_curl_reads_it(scene: Scene, tmp_path: Path) -> None:
    curl = shutil.which("curl")
    assert curl
    got = run(tmp_path, "--silent", "--fail", "--compressed", f"{scene.program.url}/metrics", command=[curl])
    assert got.status == 0
    check_with_promtool(got.out)
    assert same(got.out, scene)


def test_promtool_reads_it_from_a_pipe(scene: Scene) -> None:
    command = f"curl --silent {scene.program.url}/metrics | promtool check metrics"
    piped = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, check=False)
    assert (piped.returncode, piped.stdout, piped.stderr) == (0, b"", b"")


def test_a_raw_socket_reads_it(scene: Scene) -> None:
    answer = ask(scene, b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert same(body.decode(), scene)


def test_http_1_0_is_served(scene: Scene) -> None:
    answer = ask(scene, b"GET /metrics HTTP/1.0\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b" 200 " in head.splitlines()[0]
    assert same(body.decode(), scene)


@pytest.mark.parametrize(
    "request_", [b"rubbish\r\n\r\n", b"GET / HTTP/1.1\r\nX: " + b"a" * 1_000_000 + b"\r\n\r\n"]
)
def test_rubbish_is_refused_and_harms_nobody(scene: Scene, request_: bytes) -> None:
    try:
        answer = ask(scene, request_)
    except ConnectionError:
        answer = b""
    assert answer[:12] in {b"", b"HTTP/1.1 400", b"HTTP/1.1 414", b"HTTP/1.1 431"}
    assert scene.program.get("/-/healthy").status == 200


def test_a_client_that_hangs_up_harms_nobody(scene: Scene) -> None:
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", scene.program.port)) as connection:
            connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
    assert scene.program.get("/metrics").status == 200


def test_healthcheck_asks_the_running_exporter(scene: Scene, tmp_path: Path) -> None:
    healthy = run(tmp_path, "healthcheck", f"--web.listen-address=127.0.0.1:{scene.program.port}")
    assert healthy.status == 0, healthy
    assert healthy.seconds < 20
    nobody = run(tmp_path, "healthcheck", f"--web.listen-address=127.0.0.1:{free_port()}")
    assert nobody.status == 1
    assert "Traceback" not in nobody.err
