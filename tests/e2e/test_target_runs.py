"""Every run that has series is in exactly one state of ``target_runs``."""

from pathlib import Path

from tests.e2e.exposition import EXPORTER, RUN
from tests.e2e.polls import await_polls
from tests.e2e.program import serve
from tests.e2e.test_views import view_run, watching
from tests.support.bare_glue import BareGlue


def test_a_configured_run_of_a_named_view_that_glue_does_not_know_is_among_them(tmp_path: Path) -> None:
    with BareGlue() as glue:
        glue.records.put_database("sales")
        run_id = glue.records.put_run(view_run(1, "sales", "gone", status="RUNNING"))
        config = watching(glue, "sales.gone")
        config["targets"][0]["runs"] = [run_id]
        with serve(tmp_path, config) as program:
            program.scrape_until(lambda now: now.status(run_id) == "RUNNING", what="the run is read")
            scraped = await_polls(program, 2)
            assert len(scraped.series(f"{RUN}info")) == 1
            states = {
                labels["state"]: value for labels, value in scraped.series(f"{EXPORTER}target_runs") if value
            }
            assert states == {"active": 1}
