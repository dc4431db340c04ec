"""Nobody can reach the program but through the port that it was given."""

import re
from pathlib import Path

from tests.e2e.exposition import EXPORTER
from tests.e2e.program import Program, serve, target, wait_until
from tests.support.bare_glue import BareGlue
from tests.support.bare_records import sample_run

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


def test_it_may_open_as_many_files_as_the_system_allows(tmp_path: Path) -> None:
    """Each connection is one, and many systems allow 1,024 unless a program asks for more."""
    with BareGlue() as glue:
        config = {"targets": [target(glue.url, glue.records.put_run(sample_run(1)))]}
        with serve(tmp_path, config) as program:
            limits = Path(f"/proc/{program.process.pid}/limits").read_text()
            (soft, hard) = re.findall(r"^Max open files +(\d+) +(\d+)", limits, re.MULTILINE)[0]
            assert soft == hard
