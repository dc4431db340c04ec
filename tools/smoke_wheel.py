"""Build the wheel, install it with the locked runtime requirements alone, and use it as a user would."""

import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.e2e.program import Outcome, run, serve, target  # noqa: E402 (found once the path is set)
from tests.support.bare_glue import BareGlue  # noqa: E402 (as above)
from tests.support.bare_records import sample_run  # noqa: E402 (as above)

SHIPPED = {
    "exporter/__main__.py",
    "exporter/py.typed",
    "exporter/config/config.schema.json",
    "exporter/web/runbooks/GlueMVRefreshFailed.md",
    "exporter/web/static/status.css",
    "exporter/web/static/status.js",
    "exporter/web/templates/runbook.html",
    "exporter/web/templates/status.html",
}


def say(text: str) -> None:
    """Print at once, so that the order is right beside what children print."""
    print(f"-- {text}", flush=True)


def build(folder: Path) -> Path:
    """Build the wheel with the build backend of this environment: nothing is fetched."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder], cwd=ROOT, check=True
    )
    (wheel,) = folder.glob("*.whl")
    return wheel


def check_content(wheel: Path) -> None:
    """See that the wheel holds the package, the whole of it, and nothing else."""
    names = zipfile.ZipFile(wheel).namelist()
    missing = SHIPPED - set(names)
    strange = [name for name in names if not name.startswith("exporter/") and ".dist-info/" not in name]
    licensed = any(name.endswith("licenses/LICENSE") for name in names)
    if missing or strange or not licensed:
        sys.exit(f"missing: {missing}, strange: {strange}, licence: {licensed}")


def installed(wheel: Path, folder: Path) -> Path:
    """Install into an environment of its own; return its folder of programs."""
    venv.create(folder, with_pip=True)
    pip = (str(folder / "bin" / "python"), "-m", "pip")
    install = (*pip, "install", "--quiet", "--disable-pip-version-check")
    subprocess.run([*install, "--require-hashes", "-r", ROOT / "requirements" / "runtime.txt"], check=True)
    subprocess.run([*install, "--no-deps", wheel], check=True)
    subprocess.run([*pip, "check"], check=True)
    return folder / "bin"


def expect(outcome: Outcome, status: int, text: str) -> None:
    """End where a command did not do what it should."""
    if outcome.status != status or text not in outcome.out + outcome.err or "Traceback" in outcome.err:
        sys.exit(f"expected exit status {status} and {text!r}: {outcome}")


def use(programs: Path, folder: Path) -> None:
    """Run the commands, and scrape the daemon once."""
    command = (str(programs / "glue-mv-exporter"),)
    say("--version, check-config, demo without its extra")
    expect(run(folder, "--version", command=command), 0, "boto3")
    expect(run(folder, "--version", command=(str(programs / "python"), "-m", "exporter")), 0, "boto3")
    expect(run(folder, "check-config", str(ROOT / "config.example.yaml"), command=command), 0, ": OK (")
    expect(run(folder, "demo", command=command), 1, ".[demo]")
    say("serve, one scrape, stop")
    with BareGlue() as glue:
        run_id = glue.records.put_run(sample_run(1))
        with serve(folder / "serve", {"targets": [target(glue.url, run_id)]}, command=command) as program:
            program.scrape_until(lambda scraped: scraped.status(run_id) == "SUCCEEDED")


def main() -> None:
    """Run as a script."""
    with tempfile.TemporaryDirectory(prefix="wheel-smoke-") as name:
        folder = Path(name)
        say("build")
        wheel = build(folder / "dist")
        check_content(wheel)
        say(f"install {wheel.name}")
        programs = installed(wheel, folder / "environment")
        use(programs, folder)
    say("the wheel works")


if __name__ == "__main__":
    main()
