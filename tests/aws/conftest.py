"""Needs what ``make aws-test`` installs: cfn-lint, and all that moto's CloudFormation asks for."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from moto import mock_aws

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "deploy" / "aws" / "role.yaml"
CFN_LINT = Path(sys.executable).with_name("cfn-lint")


def pytest_sessionstart() -> None:
    """End at once where the checker is missing: a test that is left out has not passed."""
    if not CFN_LINT.exists():
        pytest.exit(f"missing: {CFN_LINT.name}", returncode=3)


@pytest.fixture(autouse=True)
def simulated_aws() -> Iterator[None]:
    """Let no call leave this process."""
    with mock_aws():
        yield
