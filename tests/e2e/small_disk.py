"""A disk of a few hundred kilobytes, for one program alone: a tmpfs in a mount namespace of its own."""

import contextlib
import subprocess
from pathlib import Path
from typing import Self

from tests.e2e.program import COMMAND

ENTER_AND_WAIT = 'mount -t tmpfs -o size=384k none "$1" && echo mounted && exec sleep 300'


class SmallDisk:
    """Mounted at ``path`` for what runs with ``command``; needs no root where users may have namespaces."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        self._holder = subprocess.Popen(
            ["unshare", "-Urm", "sh", "-c", ENTER_AND_WAIT, "sh", path], stdout=subprocess.PIPE
        )
        assert self._holder.stdout
        assert self._holder.stdout.readline() == b"mounted\n"
        self._enter = ("nsenter", f"--target={self._holder.pid}", "-U", "-m", "--preserve-credentials")
        self.command = (*self._enter, *COMMAND)
        """The exporter as it starts where the disk is mounted."""
        self.seen_from_outside = Path(f"/proc/{self._holder.pid}/root{path}")
        """The mounted folder as this process can reach it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._holder.kill()
        self._holder.communicate()

    def mount(self, *arguments: str | Path) -> None:
        subprocess.run([*self._enter, "mount", *arguments], check=True, timeout=60)

    def fill(self) -> None:
        """Leave no byte free."""
        filler = self.seen_from_outside / "filler"
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))

    def free(self) -> None:
        (self.seen_from_outside / "filler").unlink()
