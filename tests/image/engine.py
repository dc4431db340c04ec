"""buildah and podman in a folder of their own: nothing of this machine's images is used or touched."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.program import ACCESS_KEY, SECRET_KEY, assert_no_secret, wait_until
from tests.support.ports import held_port

Ended = subprocess.CompletedProcess[str]
ROOT = Path(__file__).parents[2]
NAME = "localhost/glue-mv-exporter"
BASE = f"{NAME}-base"
CONTAINERS_CONF = """\
[containers]
netns = "host"
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""
LOCKED_DOWN = (
    "--read-only", "--read-only-tmpfs=false", "--cap-drop=ALL", "--security-opt=no-new-privileges",
    "--user=65532", "--memory=128m", "--memory-swap=128m",
)  # fmt: skip
"""Not even the /tmp that podman adds to a read-only container."""


@dataclass(frozen=True, slots=True)
class Engine:
    """Runs buildah and podman on storage of its own."""

    folder: Path
    """Storage and settings; removed with :meth:`close`."""
    inputs: Path
    """What ``make_base.sh`` has made."""

    def __post_init__(self) -> None:
        (self.folder / "containers.conf").write_text(CONTAINERS_CONF)
        graph, run = self.folder / "graph", self.folder / "run"
        (self.folder / "storage.conf").write_text(
            f'[storage]\ndriver = "overlay"\ngraphroot = "{graph}"\nrunroot = "{run}"\n'
        )
        # The locked packages are in a folder; nothing is asked for beside.
        (self.folder / "pip.conf").write_text("[global]\nno-index = true\nfind-links = /wheels\n")

    def command(self, *words: str, check: bool = True, seconds: float = 300) -> Ended:
        done = subprocess.run(
            words, cwd=ROOT, check=False, capture_output=True, text=True, timeout=seconds,
            env={
                "PATH": os.environ["PATH"], "HOME": str(self.folder), "LANG": "C.UTF-8",
                "CONTAINERS_CONF": str(self.folder / "containers.conf"),
                "CONTAINERS_STORAGE_CONF": str(self.folder / "storage.conf"),
            },
        )  # fmt: skip
        assert_no_secret(done.stdout + done.stderr)
        assert not check or done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done

    def podman(self, *words: str, check: bool = True) -> Ended:
        return self.command("podman", *words, check=check)

    def import_base(self) -> None:
        self.podman("import", "--quiet", str(self.inputs / "base.tar"), BASE)

    def build(self, tag: str, *arguments: str) -> str:
        """Build the Dockerfile as it is, without a network, and return the image's name."""
        image = f"{NAME}:{tag}"
        self.command(
            "buildah", "bud", "--format=docker", "--isolation=chroot", "--network=host", "--pull-never",
            "--layers", f"--volume={self.inputs / 'wheels'}:/wheels:ro",
            f"--volume={self.folder / 'pip.conf'}:/etc/pip.conf:ro",
            f"--build-arg=PYTHON_IMAGE={BASE}", *arguments, f"--tag={image}", ".",
        )  # fmt: skip
        return image

    def image(self, name: str) -> dict[str, Any]:
        (found,) = json.loads(self.podman("image", "inspect", name).stdout)
        assert isinstance(found, dict)
        return found

    def run(self, image: str, *arguments: str, options: Sequence[str] = ()) -> Ended:
        return self.podman("run", "--rm", *LOCKED_DOWN, *options, image, *arguments, check=False)

    @contextmanager
    def container(self, image: str, *arguments: str, options: Sequence[str] = ()) -> "Iterator[Container]":
        """Run a container in the background; it is removed in the end, stopped or not."""
        with held_port() as port:
            variables = {
                "AWS_ACCESS_KEY_ID": ACCESS_KEY,
                "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
                "GLUE_MV_EXPORTER_WEB_LISTEN_ADDRESS": f"127.0.0.1:{port}",
            }
            settings = [f"--env={name}={value}" for name, value in variables.items()]
            started = self.podman("run", "--detach", *settings, *options, image, *arguments)
            container = Container(self, started.stdout.split()[-1], port)
            try:
                yield container
            finally:
                self.podman("rm", "--force", "--time=0", container.name, check=False)

    def close(self) -> None:
        self.podman("rm", "--all", "--force", "--time=0", check=False)
        self.podman("rmi", "--all", "--force", check=False)
        self.command("umount", str(self.folder / "graph" / "overlay"), check=False)
        shutil.rmtree(self.folder)


@dataclass(frozen=True, slots=True)
class Container:
    """A container in the background."""

    engine: Engine
    name: str
    port: int

    @property
    def log(self) -> str:
        done = self.engine.podman("logs", self.name)
        # podman's own messages stand there, too, where systemd is not what starts this machine.
        lines = (done.stdout + done.stderr).splitlines(keepends=True)
        return "".join(line for line in lines if line.startswith("ts="))

    def state(self) -> dict[str, Any]:
        state = json.loads(self.engine.podman("inspect", "--format={{json .State}}", self.name).stdout)
        assert isinstance(state, dict)
        return state

    def status_of_process(self) -> dict[str, str]:
        """Return what the kernel says of the process, by name."""
        text = Path(f"/proc/{self.state()['Pid']}/status").read_text()
        return dict(re.findall(r"^(\w+):\s+(.*)$", text, re.MULTILINE))

    def memory(self, *names: str) -> int:
        """Return a figure of its control group in bytes, by its name in either version of control groups."""
        lines = Path(f"/proc/{self.state()['Pid']}/cgroup").read_text().splitlines()
        groups = {line.split(":")[1]: line.split(":")[2] for line in lines}
        path = groups.get("memory", groups.get("", "")).lstrip("/")
        roots = (Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup"))
        (figure, *_) = [file for root in roots for name in names if (file := root / path / name).is_file()]
        return int(figure.read_text())

    def healthcheck(self) -> Ended:
        return self.engine.podman("healthcheck", "run", self.name, check=False)

    def wait_for(self, text: str) -> None:
        wait_until(lambda: text in self.log or self.state()["Status"] != "running", 120, text)
        assert text in self.log, self.log

    def stop(self) -> int:
        """Stop it with the image's own signal, and return the program's exit status."""
        self.engine.podman("stop", "--time=10", self.name)
        status = self.state()["ExitCode"]
        assert isinstance(status, int)
        return status
