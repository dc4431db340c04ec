"""Of the whole suite: nothing that a test makes the program print may hold a secret."""

from tests.support.printed import capsys, pytest_runtest_makereport

__all__ = ["capsys", "pytest_runtest_makereport"]
