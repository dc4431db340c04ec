"""Two forms: a short one, the same each time (``make test``), and ``make fuzz``, which counts its examples.

``FUZZ`` in the environment is the number of examples that the long form shares out over its tests.
"""

from collections.abc import Iterator

import pytest

from tests.fuzz import hostile


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Note how many examples a test has been called with; reports carry that to the main process."""
    before = hostile.examples_so_far()
    try:
        return (yield)
    finally:
        item.user_properties.append(("examples", hostile.examples_so_far() - before))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many examples there were, test by test."""
    counted: dict[str, int] = {}
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", None) == "call":
                examples = dict(report.user_properties).get("examples")
                if isinstance(examples, int):
                    counted[report.nodeid] = examples
    if hostile.LONG:
        for name, examples in sorted(counted.items()):
            terminalreporter.write_line(f"{examples:8,}  {name}")
        terminalreporter.write_line(f"{sum(counted.values()):8,}  examples in all")
