"""The search of what the suite prints finds what it should."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PRINTS = (
    "print('key do-not-print-this')",
    "print('hunter2', file=sys.stderr)",
    "logging.getLogger('x').warning('assumed-%s', 'secret')",
    "print('$2b$04$' + 'a' * 53)",
    "print('Authorization: ' + 'Basic YWxpY2U6')",
    "print('AWS4-' + 'HMAC-SHA256 Credential=x')",
    "print('-----BEGIN ' + 'RSA PRIVATE KEY-----')",
)
ALLOWED = "print('a view failed')"


def test_a_test_that_prints_a_secret_fails(tmp_path: Path) -> None:
    """Even where the test itself takes what was printed."""
    statements = [*PRINTS, ALLOWED]
    tests = [f"def test_{number}():\n    {text}\n" for number, text in enumerate(statements)]
    taken = "def test_taken(capsys):\n    print('hunter2')\n    assert capsys.readouterr().out\n"
    (tmp_path / "conftest.py").write_text(
        "from tests.support.printed import capsys, pytest_runtest_makereport\n"
    )
    (tmp_path / "test_it.py").write_text("\n".join(["import logging, sys\n", *tests, taken]))
    options = ("-q", "-rA", "-p", "no:cacheprovider", f"--rootdir={tmp_path}", str(tmp_path))
    command = [sys.executable, "-m", "pytest", *options]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    passed = [line for line in done.stdout.splitlines() if line.startswith("PASSED")]
    assert [line.rpartition("::")[2] for line in passed] == [f"test_{len(PRINTS)}"]
    assert f"{len(PRINTS) + 1} failed, 1 passed" in done.stdout
    assert "printed what nothing may print" in done.stdout
