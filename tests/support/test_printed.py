"""The search of what the suite prints finds what it should."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PRINTS = {
    "on standard output": "print('key do-not-print-this')",
    "on standard error": "print('hunter2', file=sys.stderr)",
    "in a log": "logging.getLogger('x').warning('assumed-%s', 'secret')",
    "a password hash": "print('$2b$04$' + 'a' * 53)",
    "a password on its way": "print('Authorization: ' + 'Basic YWxpY2U6')",
    "a signature": "print('AWS4-' + 'HMAC-SHA256 Credential=x')",
    "a private key": "print('-----BEGIN ' + 'RSA PRIVATE KEY-----')",
}


def outcome(folder: Path, body: str) -> tuple[int, str]:
    """Run a suite of one test with the search in place."""
    (folder / "conftest.py").write_text(
        "from tests.support.printed import capsys, pytest_runtest_makereport\n"
    )
    (folder / "test_it.py").write_text(body)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--rootdir={folder}", folder],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize("statement", PRINTS.values(), ids=PRINTS.keys())
def test_a_test_that_prints_a_secret_fails(tmp_path: Path, statement: str) -> None:
    status, told = outcome(tmp_path, f"import logging, sys\n\ndef test_it():\n    {statement}\n")
    assert status == 1
    assert "printed what nothing may print" in told


def test_what_a_test_takes_out_of_the_capture_is_searched_too(tmp_path: Path) -> None:
    body = "def test_it(capsys):\n    print('hunter2')\n    assert capsys.readouterr().out\n"
    assert outcome(tmp_path, body)[0] == 1


def test_what_is_no_secret_may_be_printed(tmp_path: Path) -> None:
    body = "def test_it(capsys):\n    print('a view failed')\n    assert capsys.readouterr().out\n"
    assert outcome(tmp_path, body)[0] == 0
