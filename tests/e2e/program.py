"""The exporter as a user starts it: a process with a configuration file, a log and a port."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import Any, Self, TypeVar

import yaml

from tests.e2e.exposition import VIEW, Exposition, check_with_promtool
from tests.support.endpoint import Endpoint

T = TypeVar("T")

COMMAND = (str(Path(sys.executable).with_name("glue-mv-exporter")),)
ACCESS_KEY = "AKIAENDTOENDEXAMPLE"
SECRET_KEY = "wJalrXUtnFEMI-do-not-print-this"
SESSION_TOKEN = "session-token-do-not-print-this"
SECRETS = {SECRET_KEY, SESSION_TOKEN, "assumed-secret", "assumed-token", "do-not-print"}
"""What nothing may print. A test that uses another secret adds it, or has "do-not-print" in it."""
PRINTED: list[str] = []
"""All that any command of this session has printed, on both streams, and answered over HTTP."""
OPENMETRICS = "application/openmetrics-text; version=1.0.0"


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer, whatever its status."""

    status: int
    headers: Message
    """Their names in any case."""
    body: bytes
    seconds: float

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command that ended by itself left behind."""

    status: int
    out: str
    err: str
    seconds: float


def environment(folder: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return a clean environment with made-up credentials, and nothing of this machine's user."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_EC2_METADATA_DISABLED": "true",
        **(more or {}),
    }


def run(
    folder: Path,
    *arguments: str,
    env: Mapping[str, str] | None = None,
    command: Iterable[str] = COMMAND,
    seconds: float = 120,
) -> Outcome:
    started = time.monotonic()
    done = subprocess.run(
        [*command, *arguments],
        cwd=folder,
        env=environment(folder, env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=seconds,
    )
    outcome = Outcome(done.returncode, done.stdout.decode(), done.stderr.decode(), time.monotonic() - started)
    assert_no_secret(outcome.out + outcome.err)
    return outcome


def assert_no_secret(text: str) -> None:
    """Fail where a secret of the tests is in what was printed."""
    PRINTED.append(text)  # looked at once more in the end, for secrets that a test adds later
    for secret in SECRETS:
        assert secret not in text, f"{secret!r} was printed"


def write_config(folder: Path, config: Mapping[str, Any], name: str = "config.yaml") -> Path:
    path = folder / name
    path.write_text(yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True))
    return path


def target(endpoint: str, *runs: str, **more: Any) -> dict[str, Any]:
    """Return a target of a configuration; a member that is None is left out."""
    place = {"aws_region": "eu-west-1", "catalog_id": "123456789012", "endpoint_url": endpoint}
    members = {"name": "test", **place, "runs": list(runs) or None, **more}
    return {key: value for key, value in members.items() if value is not None}


def watching(glue: Endpoint, *views: str | Mapping[str, str], **more: Any) -> dict[str, Any]:
    watched = target(glue.url, views=list(views), **{"max_requests_per_second": 200, **more})
    return {"poll_interval": "5s", "targets": [watched]}


def wait_until(check: Callable[[], T], seconds: float, what: str) -> T:
    """Call until the answer is true, and return it."""
    deadline = time.monotonic() + seconds
    while not (found := check()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.1)
    return found


@dataclass
class Program:
    """A running exporter. Leaving the ``with`` block stops it, and checks how it ended."""

    folder: Path
    arguments: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = COMMAND
    listen: str | None = "127.0.0.1:0"
    may_trace: bool = False
    """Whether its log may hold a traceback, because an error was put into it."""

    def __enter__(self) -> Self:
        listen = () if self.listen is None else (f"--web.listen-address={self.listen}",)
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "stdout").open("wb") as out, (self.folder / "stderr").open("wb") as err:
            self.process = subprocess.Popen(
                [*self.command, *self.arguments, *listen],
                cwd=self.folder,
                env=environment(self.folder, self.env),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )
        try:
            self.port = wait_until(self._listening_port, 90, "the program logs its port") or 0
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if self.process.poll() is None:
            if kind is None:
                self.stop()
            else:
                self.process.kill()
                self.process.wait()
        else:
            assert kind is not None or self.process.returncode == 0, self.log
        assert_no_secret(self.log)
        assert self.may_trace or "Traceback" not in self.log, self.log

    @property
    def log(self) -> str:
        return (self.folder / "stderr").read_text() + (self.folder / "stdout").read_text()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _listening_port(self) -> int | None:
        assert self.process.poll() is None, f"it ended with {self.process.returncode}: {self.log}"
        for line in self.log.splitlines(keepends=True):
            if line.endswith("\n") and re.search("listen", line, re.IGNORECASE):
                for port in re.findall(r"(?:127\.0\.0\.1|\[?::1?\]?|0\.0\.0\.0):(\d+)", line):
                    if int(port):
                        return int(port)
        return None

    def get(self, path: str, *, method: str = "GET", **headers: str) -> Reply:
        """Ask over HTTP; header names are written with underscores."""
        request = urllib.request.Request(
            self.url + path,
            method=method,
            headers={name.replace("_", "-"): value for name, value in headers.items()},
        )
        started = time.monotonic()
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                body, status, got = answer.read(), answer.status, answer.headers
        except urllib.error.HTTPError as problem:
            with problem:
                body, status, got = problem.read(), problem.code, problem.headers
        assert_no_secret(body.decode(errors="replace"))
        return Reply(status, got, body, time.monotonic() - started)

    def scrape(self) -> Exposition:
        """Fetch ``/metrics`` as text, have promtool check it, and read it."""
        reply = self.get("/metrics")
        assert reply.status == 200, reply
        check_with_promtool(reply.text)
        return Exposition(reply.text)

    def scrape_until(
        self, check: Callable[[Exposition], object], seconds: float = 60, what: str = "as expected"
    ) -> Exposition:
        deadline = time.monotonic() + seconds
        while not check(exposition := self.scrape()):
            assert time.monotonic() < deadline, (
                f"not within {seconds} s: {what}\n{exposition.text}\n{self.log}"
            )
            time.sleep(0.4)
        return exposition

    def await_ready(self, seconds: float = 90) -> None:
        """Wait until every target's first poll has ended."""
        wait_until(lambda: self.get("/-/ready").status == 200, seconds, "ready")

    def await_up(self, target: str = "test", seconds: float = 90) -> Exposition:
        return self.scrape_until(lambda now: now.up(target) == 1, seconds, f"{target} is up")

    def await_view(self, table: str, seconds: float = 90) -> Exposition:
        return self.scrape_until(
            lambda now: now.value(f"{VIEW}up", table=table) == 1, seconds, f"{table} is up"
        )

    def await_polls(self, number: int = 1, target: str = "test", seconds: float = 90) -> Exposition:
        """Scrape until so many more polls have ended. The second of them began after this was called."""
        scraped = self.scrape()
        for _ in range(number):
            scraped = self._await_poll_after(scraped.last_poll(target), target, seconds)
        return scraped

    def _await_poll_after(self, time: float, target: str, seconds: float) -> Exposition:
        return self.scrape_until(lambda now: now.last_poll(target) > time, seconds, "the next poll has ended")

    def await_log(self, text: str, seconds: float = 60) -> None:
        wait_until(lambda: text in self.log, seconds, f"{text} is logged")

    def reload(self, config: Mapping[str, Any] | None = None) -> Reply:
        """Post a reload, of another configuration where one is given."""
        if config is not None:
            write_config(self.folder, config)
        return self.get("/-/reload", method="POST")

    def crash(self) -> None:
        """End it by ``kill -9``; leaving the ``with`` block then takes that for its end."""
        self.process.kill()
        self.process.wait()
        self.process.returncode = 0

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Stop it by signal, and check that it ends within 5 seconds, without those in which it queued."""
        started = time.monotonic() - seconds_queued(self.process.pid)
        self.process.send_signal(number)
        while self.process.poll() is None:
            if time.monotonic() - seconds_queued(self.process.pid) > started + 5:
                self.process.kill()
                self.process.wait()
                raise AssertionError(f"still there 5 s after {number.name}:\n{self.log}")
            time.sleep(0.02)
        assert self.process.returncode == 0, f"exit status {self.process.returncode}:\n{self.log}"


def seconds_queued(process: int) -> float:
    """Return for how long a process has waited for a processor while it could run; 0 where nothing tells."""
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{process}/schedstat").read_text().split()[1]) / 1e9
    return 0.0


def serve(folder: Path, config: Mapping[str, Any], *arguments: str, **more: Any) -> Program:
    """Return an exporter with this configuration, to be started with ``with``."""
    folder.mkdir(parents=True, exist_ok=True)
    return Program(folder, (f"--config.file={write_config(folder, config)}", *arguments), **more)


def broken(what: str, file: Path, **env: str) -> dict[str, Any]:
    """Return how :func:`serve` starts the program so that this breaks down while the file exists."""
    command = (sys.executable, "-m", "tests.support.broken", what, str(file))
    return {"command": command, "env": {"PYTHONPATH": str(Path(__file__).parents[2]), **env}}
