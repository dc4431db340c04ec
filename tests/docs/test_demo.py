"""What the README queries in the demo is there after its first poll."""

import re

import pytest

from exporter.cli.demo import demo_settings
from exporter.cli.exporter_process import make_exporter
from exporter.glue.client import ClientFactory
from exporter.glue.sessions import fixed_session
from exporter.simulated_glue.glue import SimulatedGlue
from exporter.simulated_glue.scenario import demo_scenario
from exporter.simulated_glue.server import serve
from tests.docs.pages import ROOT, blocks
from tests.support.clock import ManualClock

LOOKS = re.findall(r"grep (?:-E )?'([^']+)'", "".join(b.text for b in blocks("sh", ROOT / "README.md")))


@pytest.fixture(scope="module")
def exposition() -> str:
    """Return what the demo serves after its first poll."""
    clock = ManualClock()
    glue = SimulatedGlue(clock.time)
    with serve(glue) as url:
        settings = demo_settings(glue.catalog(), demo_scenario(glue.catalog()), url)
        clients = ClientFactory(clock, session_factory=fixed_session)
        exporter = make_exporter(settings, clients=clients, clock=clock)
        exporter.scheduler.poll_once(settings)
        exporter.close()
    return b"".join(exporter.exposition.scrape(None, None).chunks).decode()


@pytest.mark.parametrize("pattern", LOOKS)
def test_every_look_shows_something(pattern: str, exposition: str) -> None:
    assert len(LOOKS) == 4
    assert re.search(pattern, exposition, re.MULTILINE)


def test_the_views_are_as_many_as_the_readme_says(exposition: str) -> None:
    """Fifteen, in four databases."""
    databases = re.findall(r'^glue_mv_refresh_view_up\{.*database="(\w+)"', exposition, re.MULTILINE)
    assert (len(databases), len(set(databases))) == (15, 4)


def test_the_overdue_view_is_overdue_by_so_much(exposition: str) -> None:
    """It last succeeded between six and a half and seven hours before the demo began."""
    success = r"^glue_mv_refresh_view_last_success_timestamp_seconds\{.*ledger_snapshot.*\} (\S+)$"
    (time,) = re.findall(success, exposition, re.MULTILINE)
    assert 6.5 < (ManualClock().time() - float(time)) / 3600 < 7
