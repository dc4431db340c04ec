"""Change the core in small ways, one at a time, and see that a test notices each.

    python tools/mutation.py [--seconds N] [--processes N] [PART | PART/MODULE…]

PART is store, poller, metrics or model; without any, all. mutmut works on a copy of the repository, in
build/mutation, for it rewrites what it tests. Prints how many mutants of each module survive, and in which
functions: each is a test to write, or a change that makes no difference. Ends with 1 where time ran out.
"""

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COPY = ROOT / "build" / "mutation"
PARTS = {
    part: tuple(sorted(file.stem for file in (ROOT / "exporter" / part).glob("[!_]*.py")))
    for part in ("store", "poller", "metrics", "model")
}
"""The modules that are changed; the tests of the folder of the same name have to notice."""
LEFT_OUT = ("tests/metrics/test_operations.py", "tests/metrics/test_level_model.py")
"""One counts operations, mutmut's among them; the other takes seconds for each of its tests."""
TIMEOUT = 30
"""Seconds after which a test has failed: less than in the tests' own settings, for many mutants hang."""
SURVIVED, NO_TESTS, WRONG_TYPE = 0, 33, 37
"""mutmut's exit codes. All others are of mutants that a test noticed, that hung, or that crashed."""
TYPES = (
    *("-m", "mypy", "--config-file=", "--output=json", "--strict", "--explicit-package-bases"),
    # mutmut puts all changed forms of a function side by side, with comments of its own.
    *("--no-warn-unused-ignores", "--disable-error-code=no-redef"),
)
"""The type checker looks first: what it refuses could not be committed, and no test has to try it.

Without what `make lint` has besides: a condition that is always true is for a test to notice.
"""


def copy_repository(part: str, modules: list[str]) -> Path:
    """Put what git knows into a folder of its own, with mutmut's settings, and return it."""
    copy = COPY / part
    shutil.rmtree(copy, ignore_errors=True)
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True)
    for name in listed.stdout.decode().split("\0"):
        if name and (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, copy / name)
    settings = {
        "source_paths": ["exporter"],
        "only_mutate": modules,
        "pytest_add_cli_args_test_selection": [f"tests/{part}"],
        "pytest_add_cli_args": [
            *("-p", "no:cacheprovider", "-o", f"timeout={TIMEOUT}"),
            *(f"--ignore={path}" for path in LEFT_OUT),
        ],
        "type_check_command": [sys.executable, *TYPES, *modules],
        "also_copy": ["tests", "exporter", "docs", "tools", "README.md"],
    }
    with (copy / "pyproject.toml").open("a") as file:
        file.write("\n[tool.mutmut]\n")
        file.writelines(f"{key} = {json.dumps(value)}\n" for key, value in settings.items())
    return copy


def chosen_modules(names: list[str]) -> dict[str, list[str]]:
    """Return the paths of the modules that these names, PART or PART/MODULE, stand for, by part."""
    chosen: dict[str, list[str]] = {}
    for name in names:
        part, _, one = name.partition("/")
        modules = [module for module in PARTS.get(part, ()) if one in ("", module)]
        if not modules:
            raise ValueError(name)
        chosen.setdefault(part, []).extend(f"exporter/{part}/{module}.py" for module in modules)
    return chosen


def run_mutmut(copy: Path, processes: int, seconds: float) -> bool:
    """Run it without a word, as its screen is for people; tell whether it came to its end."""
    with (copy / "mutmut.log").open("wb") as log:
        try:
            done = subprocess.run(
                [sys.executable, "-m", "mutmut", "run", "--max-children", str(processes)],
                cwd=copy,
                stdout=log,
                stderr=subprocess.STDOUT,
                check=False,
                timeout=seconds,
            )
        except subprocess.TimeoutExpired:
            return False
    return done.returncode == 0


def judge(copy: Path, module: str) -> list[str]:
    """Print how a module fared, and return what is wrong about it."""
    meta = copy / "mutants" / f"{module}.meta"
    codes = json.loads(meta.read_text())["exit_code_by_key"] if meta.exists() else {}
    survivors = sorted(name for name, code in codes.items() if code in (SURVIVED, NO_TESTS))
    untried = sum(code is None for code in codes.values())
    types = sum(code == WRONG_TYPE for code in codes.values())
    killed = len(codes) - len(survivors) - untried - types
    print(f"{module:32} {len(codes):7} {types:5} {killed:5} {len(survivors):4}")
    for function, number in Counter(name.partition("__mutmut_")[0] for name in survivors).items():
        print(f"    {number} in {function.rpartition('.')[2]}")
    return [f"{module}: {untried or 'all'} mutants were not tried"] if untried or not codes else []


def main() -> int:
    """Run as a script."""
    parser = argparse.ArgumentParser(description="Mutation testing of the core.")
    parser.add_argument("--seconds", type=float, default=10800.0)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("names", nargs="*", metavar="PART[/MODULE]", help=" ".join(PARTS))
    arguments = parser.parse_args()
    try:
        chosen = chosen_modules(arguments.names or list(PARTS))
    except ValueError as error:
        parser.error(f"no such part or module: {error}")
    deadline = time.monotonic() + arguments.seconds
    wrong: list[str] = []
    print(f"{'module':32} mutants types tests left", flush=True)
    for part, modules in chosen.items():
        copy = copy_repository(part, modules)
        if not run_mutmut(copy, arguments.processes, max(1.0, deadline - time.monotonic())):
            wrong.append(f"{part}: mutmut did not come to its end; see {copy.relative_to(ROOT)}/mutmut.log")
        for module in modules:
            wrong += judge(copy, module)
        sys.stdout.flush()
    for line in wrong:
        print(f"WRONG: {line}")
    print(f"To see one: cd {COPY.relative_to(ROOT)}/PART && mutmut show NAME")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
