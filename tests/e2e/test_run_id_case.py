"""Run IDs are the same in upper and in lower case, and are shown as Glue writes them."""

from pathlib import Path

from tests.e2e.exposition import RUN
from tests.e2e.polls import await_polls, await_up
from tests.e2e.program import serve
from tests.e2e.test_kill import counted
from tests.e2e.test_views import view_run, watching
from tests.support.bare_glue import BareGlue
from tests.support.bare_records import sample_run_id


def test_a_run_configured_in_upper_case_and_listed_in_lower_case_is_one_run(tmp_path: Path) -> None:
    run_id = sample_run_id(1)
    with BareGlue() as glue:
        glue.records.put_view("sales", "orders", refresh_seconds=3600)
        glue.records.put_run(view_run(1, "sales", "orders", status="RUNNING"))
        config = watching(glue, "sales.*")
        config["targets"][0]["runs"] = [run_id.upper()]
        with serve(tmp_path, config) as program:
            await_up(program)
            glue.records.put_run(view_run(1, "sales", "orders"))
            scraped = program.scrape_until(counted, what="the run is counted")
            scraped = await_polls(program)
            assert counted(scraped) == {"SUCCEEDED": 1}
            assert [labels["run_id"] for labels, _ in scraped.series(f"{RUN}info")] == [run_id]
            assert [labels["run_id"] for labels, _ in scraped.series(f"{RUN}up")] == [run_id]
            assert scraped.status(run_id) == "SUCCEEDED"
