"""Keeps the text of settled runs from a stop to the next start, which then need not encode them again."""

import contextlib
import threading
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from queue import SimpleQueue
from typing import Final

import structlog

from exporter import __version__
from exporter.metrics import Exposition
from exporter.metrics.kept_blocks import Kept, KeptBlock, Place, UnusableBlocksError, dump, load
from exporter.metrics.run_level import specimen

KEPT_TEXT: Final = "exposition.cache"
LEAST_RUNS: Final = 2000
"""To encode fewer takes no longer than to read the file."""

log = structlog.get_logger()


class KeptText:
    """The file. It belongs to one content of the state's file, and is of no use with any other.

    Taken once, and kept once.
    """

    def __init__(self, folder: Path) -> None:
        """Begin to read it: whoever waits for something else meanwhile loses nothing."""
        self._file = folder / KEPT_TEXT
        self._unfinished = folder / f"{KEPT_TEXT}.tmp"
        self._found: SimpleQueue[Kept] = SimpleQueue()
        threading.Thread(target=self._read, name="kept text", daemon=True).start()

    def take(self, state_digest: str | None) -> Sequence[KeptBlock]:
        """Return what was kept with this state, if anything; it is kept no longer."""
        kept = self._found.get()
        for file in (self._unfinished, self._file):
            with contextlib.suppress(OSError):
                file.unlink()
        if kept.blocks and not (state_digest and kept.stamp == _stamp(state_digest)):
            log.debug("the text that was kept is of another state or version: encoding it anew")
            return ()
        return kept.blocks

    def keep(
        self, exposition: Exposition, resting: Mapping[Place, AbstractSet[str]], state_digest: str
    ) -> None:
        """Write what will not change as long as the state does not."""
        blocks = list(exposition.keep(resting))
        if sum(len(block.keys) for _, block in blocks) < LEAST_RUNS:
            return
        try:
            self._write(dump(blocks, _stamp(state_digest)))
        except OSError as error:
            log.info("text is not kept for the next start, which will take longer", error=str(error))
            with contextlib.suppress(OSError):
                self._unfinished.unlink()

    def _read(self) -> None:
        kept = Kept("", ())
        try:
            with contextlib.suppress(OSError, UnusableBlocksError):
                kept = load(self._file.read_bytes())
        finally:
            self._found.put(kept)

    def _write(self, parts: Iterable[bytes | memoryview]) -> None:
        self._unfinished.unlink(missing_ok=True)
        with self._unfinished.open("xb") as file:
            file.writelines(parts)
        self._unfinished.replace(self._file)


def _stamp(state_digest: str) -> str:
    return f"{__version__} {specimen()} {state_digest}"
