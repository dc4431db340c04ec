"""A real Prometheus scrapes the exporter and answers questions about it."""

from pathlib import Path

from tests.e2e.exposition import STATUSES
from tests.e2e.neighbours import prometheus
from tests.e2e.program import serve, target, wait_until
from tests.support.bare_glue import BareGlue
from tests.support.bare_records import sample_run, sample_run_id

ODD = 'quote " back \\ slash\nbreak 日本語 \U0001f9ca'


def test_prometheus_scrapes_and_answers(glue: BareGlue, tmp_path: Path) -> None:
    runs = [glue.records.put_run(sample_run(number, status=status)) for number, status in enumerate(STATUSES)]
    odd = {**sample_run(10), "DatabaseName": ODD, "DPUSeconds": 0.0}
    rough = {**sample_run(11), "TableName": "nul \0 bell \a surrogate \ud800"}
    runs += [glue.records.put_run(odd), glue.records.put_run(rough)]
    config = {"poll_interval": "5s", "targets": [target(glue.url, *runs, max_requests_per_second=50)]}
    with (
        serve(tmp_path / "exporter", config) as program,
        prometheus(tmp_path / "prometheus", program.port, "--log.level=debug") as server,
    ):
        current = "glue_mv_refresh_run_status == 1"
        wait_until(lambda: len(server.query(current)) == len(runs), 90, "every run has a status")
        found = {one["metric"]["run_id"]: one["metric"]["status"] for one in server.query(current)}
        assert [found[sample_run_id(number)] for number in range(len(STATUSES))] == list(STATUSES)
        (zero,) = server.query("glue_mv_refresh_run_dpu_seconds == 0")
        assert zero["metric"]["database"] == ODD
        assert server.query("glue_mv_exporter_target_up")[0]["value"][1] == "1"
        (scraped,) = server.api("targets")["activeTargets"]
        assert (scraped["health"], scraped["lastError"]) == ("up", "")
        known = {entry["metric"]: entry for entry in server.api("targets/metadata")}
        assert known["glue_mv_refresh_run_status"]["type"] == "gauge"
        assert known["glue_mv_refresh_run_status"]["help"]
        (quantile,) = server.query(
            "histogram_quantile(0.9, sum by (le) "
            '(glue_mv_exporter_api_request_duration_seconds_bucket{operation=~"Get.*Run"}))'
        )
        assert float(quantile["value"][1]) < 10
        log = (tmp_path / "prometheus" / "log").read_text()
        assert "Error on ingesting" not in log
        assert "Append failed" not in log
