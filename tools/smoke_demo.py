"""Clone the last commit, run `make demo` there as a newcomer would, and watch it for a minute.

Standard library only: it runs before anything is installed.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
URL = "http://localhost:10079/metrics"
STATUSES = {"STARTING", "RUNNING", "SUCCEEDED", "FAILED", "STOPPED"}
INSTALL_SECONDS = 120
"""A quiet machine with two cores takes less than 20."""
SECONDS = 60
CURRENT = re.compile(r'^glue_mv_refresh_run_status\{.*?status="([A-Z]+)".*\} 1(?:\.0)?$', re.MULTILINE)


def scrape() -> str | None:
    """Return the exposition; None while the exporter does not answer."""
    try:
        with urllib.request.urlopen(URL, timeout=10) as answer:
            return str(answer.read().decode())
    except OSError:
        return None


def watch(process: "subprocess.Popen[bytes]") -> None:
    """Wait until the demo serves and has shown every status; a minute is all it has."""
    asked = time.monotonic()
    deadline = asked + INSTALL_SECONDS
    while scrape() is None:
        if process.poll() is not None or time.monotonic() > deadline:
            sys.exit(f"make demo does not serve {URL}; exit status {process.poll()}")
        time.sleep(0.5)
    started = time.monotonic()
    print(f"serving {started - asked:.0f} s after `make demo`", flush=True)
    seen: set[str] = set()
    while seen != STATUSES:
        text = scrape()
        if text is None or time.monotonic() - started > SECONDS:
            sys.exit(f"after {time.monotonic() - started:.0f} s only {sorted(seen)} were seen at 1")
        seen |= set(CURRENT.findall(text))
        time.sleep(0.5)
    print(f"all five statuses within {time.monotonic() - started:.0f} s of its first answer", flush=True)


def main() -> None:
    """Run as a script."""
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", 10079)) == 0:
            sys.exit("port 10079 is in use: `make demo` could not listen")
    with tempfile.TemporaryDirectory(prefix="demo-smoke-") as folder:
        clone = Path(folder) / "clone"
        subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
        # A session of its own: make and the demo get one signal, as from Ctrl-C.
        process = subprocess.Popen(
            ["make", "demo"], cwd=clone, stdin=subprocess.DEVNULL, start_new_session=True,
            env={name: value for name, value in os.environ.items() if not name.startswith("MAKE")},
        )  # fmt: skip
        try:
            watch(process)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGINT)
            process.wait(30)
        if scrape() is not None:
            sys.exit("the demo still runs although it was stopped")
    print("stopped", flush=True)


if __name__ == "__main__":
    main()
