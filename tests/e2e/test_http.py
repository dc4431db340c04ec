"""The HTTP surface: health, readiness, formats, compression."""

import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from tests.e2e.exposition import EXPORTER, RUN, Exposition, check_with_promtool
from tests.e2e.program import Program, Reply, run, serve, target
from tests.support.bare_faults import HANG
from tests.support.bare_glue import BareGlue
from tests.support.bare_records import sample_run, sample_run_id
from tests.support.passwords import basic, hashed

URL = "https://glue.example.org/exporter"


class Scene(NamedTuple):
    """A running exporter, and what it answered before its first poll had ended."""

    program: Program
    early: Mapping[str, Reply]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Start with a Glue that hangs, and go on once it answers."""
    with BareGlue() as glue:
        runs = [glue.records.put_run(sample_run(number)) for number in range(300)]
        glue.misbehave(HANG)
        config = {"poll_interval": "5s", "targets": [target(glue.url, *runs, max_requests_per_second=200)]}
        with serve(tmp_path_factory.mktemp("http"), config, f"--web.external-url={URL}/") as program:
            glue.wait_for_calls(1)
            early = {path: program.get(path) for path in ("/-/ready", "/-/healthy", "/metrics")}
            glue.behave()
            program.await_ready()
            program.scrape_until(
                lambda e: len(e.series(f"{RUN}dpu_seconds")) == len(runs), what="all are read"
            )
            yield Scene(program, early)


def ask(scene: Scene, request: bytes) -> bytes:
    """Send bytes and return all that comes back until the server closes."""
    with socket.create_connection(("127.0.0.1", scene.program.port), timeout=10) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def same(text: str, scene: Scene) -> bool:
    """Tell whether a text holds the runs that a plain scrape holds."""
    plain = scene.program.scrape()
    return Exposition(text).series(f"{RUN}dpu_seconds") == plain.series(f"{RUN}dpu_seconds")


def test_it_is_healthy_and_scraped_from_the_start_and_ready_after_the_first_poll(scene: Scene) -> None:
    assert [reply.status for reply in scene.early.values()] == [503, 200, 200]
    assert scene.early["/-/ready"].text.strip()
    metrics = scene.early["/metrics"]
    assert metrics.seconds < 10
    check_with_promtool(metrics.text)
    assert Exposition(metrics.text).up() is None
    for path in scene.early:
        assert scene.program.get(path).status == 200


def test_common_clients_read_it(scene: Scene, tmp_path: Path) -> None:
    """Through httpx, curl and a pipe into promtool."""
    url = f"{scene.program.url}/metrics"
    with httpx.Client() as client:
        for answer in (client.get(url), client.get(url)):
            assert answer.headers["Content-Encoding"] == "gzip"
            assert same(answer.text, scene)
    curl = shutil.which("curl") or ""
    got = run(tmp_path, "--silent", "--fail", "--compressed", url, command=[curl])
    assert got.status == 0
    assert same(got.out, scene)
    command = f"curl --silent {url} | promtool check metrics"
    piped = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, check=False)
    assert (piped.returncode, piped.stdout, piped.stderr) == (0, b"", b"")


@pytest.mark.parametrize("rest", [b"HTTP/1.1\r\nHost: x\r\nConnection: close", b"HTTP/1.0"])
def test_a_raw_socket_reads_it(scene: Scene, rest: bytes) -> None:
    head, _, body = ask(scene, b"GET /metrics " + rest + b"\r\n\r\n").partition(b"\r\n\r\n")
    assert b" 200 " in head.splitlines()[0]
    assert same(body.decode(), scene)


def test_the_external_url_shard_and_poll_interval_are_series(scene: Scene) -> None:
    scraped = scene.program.scrape()
    assert scraped.series(f"{EXPORTER}web_info") == [({"external_url": URL}, 1)]
    assert scraped.series(f"{EXPORTER}shard_info") == [({"shard": "0", "shards": "1"}, 1)]
    assert scraped.value(f"{EXPORTER}poll_interval_seconds") == 5


def test_a_shard_says_which_one_it_is_and_without_the_flag_there_is_no_external_url(tmp_path: Path) -> None:
    """And its runbooks, like all pages, ask for the password that is configured."""
    web = tmp_path / "web.yaml"
    web.write_text(f"basic_auth_users: {{me: '{hashed('open sesame')}'}}\n")
    config = {"targets": [target("http://127.0.0.1:9", sample_run_id(1))]}
    with serve(tmp_path, config, f"--web.config.file={web}", "--shard=glue-mv-exporter-1/3") as program:
        me = basic("me", "open sesame")
        scraped = Exposition(program.get("/metrics", **me).text)
        assert scraped.series(f"{EXPORTER}shard_info") == [({"shard": "1", "shards": "3"}, 1)]
        assert scraped.series(f"{EXPORTER}web_info") == []
        assert program.get("/runbooks/GlueMVRefreshFailing").status == 401
        assert ">GlueMVRefreshFailing</h1>" in program.get("/runbooks/GlueMVRefreshFailing", **me).text
