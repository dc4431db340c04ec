"""Names and messages that mean harm, shown everywhere: in metrics, on the page, in logs and on terminals."""

import io
import json
import re
from html.parser import HTMLParser
from typing import Any

import yaml
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from rich.console import Console

from exporter.cli.logs import configure_logs
from exporter.cli.runs_output import FoundRun, as_config, as_json, plain_table, print_table
from exporter.glue import responses
from exporter.metrics.exposition import Exposition, accepts_gzip
from exporter.model.run import Run, RunKey, run_key
from exporter.model.view import View
from exporter.store.log_lines import LogLines, write
from exporter.store.store import Store
from exporter.web.app import make_app
from exporter.web.pages import status_routes
from exporter.web.status import read_status
from tests.fuzz.hostile import TEXT, fuzzed
from tests.support.bare_records import sample_run
from tests.support.clock import START, ManualClock
from tests.support.log import Log
from tests.support.logging_state import logging_as_before
from tests.support.status_scene import Scene
from tests.support.store_bench import target
from tests.support.web import Client

CATALOG = "123456789012"
SAMPLE = sample_run(1, now=START)
OPENMETRICS = "application/openmetrics-text; version=1.0.0"
STEERS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""What no reader's terminal or page may get as it is; tabs and line feeds aside."""


@st.composite
def hostile_run(draw: st.DrawFn) -> Run:
    """Return a run as Glue could report it, with texts that mean harm."""
    names = ("DatabaseName", "TableName", "Status", "RefreshType", "Role", "CustomerId", "ErrorMessage")
    texts = {name: draw(st.none() | TEXT) for name in names}
    run_id = draw(TEXT.filter(bool))
    ended = {"Status": "FAILED"} if draw(st.booleans()) else {}
    return responses.parse_run(
        {**SAMPLE, **texts, **ended, "MaterializedViewRefreshTaskRunId": run_id, "CatalogId": CATALOG}
    )


RUNS = st.lists(hostile_run(), min_size=1, max_size=4, unique_by=lambda run: run_key(run.run_id))


class Shown(Scene):
    """A store that has just read these runs, and all that shows them."""

    def __init__(self, runs: list[Run]) -> None:
        self.exposition = Exposition(ManualClock(START), process_metrics=False)
        self.log = Log()
        listeners = [self.exposition.apply]
        super().__init__(target("prod", "*.*"), runs_per_view=5, listeners=listeners, log=self.log)
        self.runs = [run for run in runs if run.database and run.table]
        views = {(run.database or "", run.table or "") for run in self.runs}
        self.poll("prod", tuple(View(database=d, table=t) for d, t in views), tuple(runs))

    def scrape(self, accept: str | None) -> str:
        return b"".join(self.exposition.scrape(accept, None).chunks).decode()

    def get(self, path: str) -> str:
        SHOWING[:] = [self.store]
        answer = Client(APP).get(path)
        assert answer.status_code == 200
        return answer.text


UNUSED: Any = None
SHOWING: list[Store] = []
"""The store that the page reads: to make the page anew for each example takes long."""
PAGES = status_routes(lambda: read_status(SHOWING[0], START), accepts_gzip)
APP = make_app(scrape=UNUSED, trouble=UNUSED, ready=UNUSED, pages=PAGES)


@fuzzed(RUNS, share=5)
def test_labels_say_what_glue_said_and_nothing_else(runs: list[Run]) -> None:
    """Whatever is in a name, a parser finds it there again, in one series of the run it belongs to."""
    shown = Shown(runs)
    expected = {
        (run.run_id, run.database, run.table, run.role or "", run.customer_id or "") for run in shown.runs
    }
    for accept, parse in ((None, parse_text), (OPENMETRICS, parse_openmetrics)):
        families = {family.name: family for family in parse(shown.scrape(accept))}
        assert all(name.startswith("glue_mv_") for name in families)
        info = families.get("glue_mv_refresh_run_info")
        found = [sample.labels for sample in info.samples] if info else []
        names = ("run_id", "database", "table", "role", "customer_id")
        assert {tuple(labels[name] for name in names) for labels in found} == expected
        assert len(found) == len(expected)


class Elements(HTMLParser):
    """The elements of a page, and what could make a script of them."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.scripts = 0
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        assert tag not in {"img", "iframe", "object", "embed", "style", "base"}
        assert tag != "svg" or dict(attrs)["class"] in {"strip", "lag good", "lag warn", "lag bad"}
        for name, value in attrs:
            assert not name.startswith("on")
            assert name not in {"href", "src", "action"} or not re.match(
                r"\s*(javascript|data):", value or ""
            )


@fuzzed(RUNS, share=2)
def test_the_page_shows_names_as_text(runs: list[Run]) -> None:
    shown = Shown(runs)
    page = shown.get("/")
    assert Elements(page).scripts == 1, "its own"
    assert not STEERS.search(page)
    document = json.loads(shown.get("/api/v1/status"))
    assert {row["run_id"] for row in document["runs"]["items"]} == {run.run_id for run in shown.runs}


@fuzzed(RUNS, TEXT, share=4)
def test_a_log_line_stays_one_and_steers_no_terminal(runs: list[Run], message: str) -> None:
    """Neither a second line nor a second field of the same name can be had by what is in a name."""
    message = message.encode(errors="replace").decode()
    log = LogLines()
    for run in runs:
        log.run_ended(RunKey("eu-west-1", CATALOG, run.run_id), run)
    log.malformed("prod", [message])
    written = [*log.take(), *Shown(runs).log.take()]
    for form in ("logfmt", "json"):
        stream = io.StringIO()
        with logging_as_before():
            configure_logs("debug", form, stream)
            for one in written:
                write(one)
        lines = stream.getvalue().split("\n")
        assert lines.pop() == ""
        assert len(lines) >= len(runs) + 1
        for line in lines:
            assert not STEERS.search(line)
            if form == "json":
                assert json.loads(line)["level"] in {"info", "warning", "error"}
            else:
                assert re.match(r"ts=\S+ level=(info|warning|error) msg=", line)


@fuzzed(RUNS, st.integers(1, 250), share=4)
def test_the_table_of_runs_steers_no_terminal(runs: list[Run], width: int) -> None:
    """Not even where colours are written: only those that the table itself chose."""
    found = [FoundRun(target="prod", aws_region="eu-west-1", catalog_id=CATALOG, run=run) for run in runs]
    plain = plain_table(found, START)
    assert not STEERS.search(plain)
    assert len(plain.splitlines()) == len(runs) + 1
    console = Console(width=width, file=io.StringIO(), highlight=False, force_terminal=True)
    with console.capture() as capture:
        print_table(console, found, START)
    assert not STEERS.search(re.sub(r"\x1b\[[0-9;]*m", "", capture.get()))
    assert len(json.loads(as_json(found, START))) == len(runs)
    assert as_json(found, START).isascii()
    block = as_config(found)
    assert not STEERS.search(block)
    # What is not a run ID is refused by the configuration that it is pasted into.
    assert [type(entry) for entry in yaml.safe_load(block)["runs"]] == [str] * len(runs)
