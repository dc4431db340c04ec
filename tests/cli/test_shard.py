"""``--shard``: which of a file's targets a process takes, and what it says of it."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest
import yaml

from exporter.cli.exporter_process import load_settings, make_exporter
from exporter.cli.logs import configure_logs
from exporter.cli.main import run
from exporter.errors import ConfigurationError
from exporter.model.sharding import Shard, owner
from exporter.simulated_glue.runs import RunScript
from tests.support.moto_glue import MotoGlue

LAKE = """
targets:
  - name: lake
    aws_regions: [eu-west-1, us-east-1, ap-south-1]
    catalog_ids: ["111111111111", "222222222222"]
    views: ["*.*"]
"""
NAMES = [
    f"lake/{region}/{catalog_id}"
    for region in ("eu-west-1", "us-east-1", "ap-south-1")
    for catalog_id in ("111111111111", "222222222222")
]


@pytest.fixture
def lake(tmp_path: Path) -> str:
    file = tmp_path / "config.yaml"
    file.write_text(LAKE)
    return str(file)


def test_regions_and_catalogs_are_multiplied_out_before_the_targets_are_shared(lake: str) -> None:
    shards = [[t.name for t in load_settings(lake, Shard(index, 3)).targets] for index in range(3)]
    assert shards == [[name for name in NAMES if owner(name, 3) == index] for index in range(3)]
    assert len([shard for shard in shards if shard]) > 1, "one entry is spread over processes"


def test_a_log_line_says_how_many_targets_are_the_shards(
    lake: str, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logs("info", "json")
    assert [target.name for target in load_settings(lake, Shard()).targets] == NAMES
    assert capsys.readouterr().err == "", "nothing is logged of the only shard"
    mine = load_settings(lake, Shard(1, 3)).targets
    line = json.loads(capsys.readouterr().err)
    assert (line["msg"], line["shard"], line["targets"], line["of"]) == ("shard", "1/3", len(mine), 6)


def test_every_shard_refuses_a_file_with_a_mistake_in_any_target(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(LAKE + "  - {name: other, aws_region: nowhere, views: ['*.*']}\n")
    for index in range(2):
        with pytest.raises(ConfigurationError, match=r"targets\[1\].aws_region"):
            load_settings(str(file), Shard(index, 2))


def test_a_shard_without_targets_is_healthy_and_ready(lake: str) -> None:
    """With more processes than targets some have nothing to do, and are not to be restarted for it."""
    idle = next(index for index in range(50) if index not in {owner(name, 50) for name in NAMES})
    settings = load_settings(lake, Shard(idle, 50))
    assert settings.targets == ()
    exporter = make_exporter(settings)
    exporter.scheduler.configure(settings)
    assert exporter.scheduler.trouble() is None
    assert exporter.store.ready()
    scrape = b"".join(exporter.exposition.scrape(None, None).chunks)
    assert b"glue_mv_exporter_build_info" in scrape
    assert exporter.scheduler.stop(1.0)
    exporter.close()


@pytest.mark.parametrize("command", ["serve", "once"])
def test_a_shard_that_cannot_be_is_wrong_usage(capsys: pytest.CaptureFixture[str], command: str) -> None:
    assert run([command, "--shard=2/2"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "not a valid shard: '2/2'; write i/n, " in err


def test_a_pod_takes_its_number_from_its_name(lake: str, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """As the Helm chart writes it, on every version of Kubernetes."""
    idle = next(index for index in range(50) if index not in {owner(name, 50) for name in NAMES})
    assert run(["once", f"--config.file={lake}", f"--shard=glue-mv-exporter-{idle}/50"]) == 0
    out, err = capfdbinary.readouterr()
    assert f"shard={idle}/50 ".encode() in err
    assert b"glue_mv_exporter_target_up{" not in out


def test_four_shards_have_together_the_series_and_the_calls_of_one_process(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATESTTESTTESTTEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "made-up")
    regions = ["eu-west-1", "us-east-1"]
    catalog_ids = [f"{number:012}" for number in range(30)]
    with MotoGlue() as glue:
        for region in regions:
            for catalog_id in catalog_ids:
                catalog = glue.catalog(region, catalog_id)
                catalog.add_view("sales.orders")
                run_script = RunScript(start_delay=0, duration=1)
                catalog.add_run("sales.orders", run_script, created=1_700_000_000.0)
        file = tmp_path / "config.yaml"
        lake = {"name": "lake", "aws_regions": regions, "catalog_ids": catalog_ids, "views": ["sales.*"]}
        defaults = {"endpoint_url": glue.url, "max_requests_per_second": 1000}
        file.write_text(yaml.safe_dump({"defaults": defaults, "targets": [lake]}))

        def series_and_calls(shard: str) -> tuple[list[str], Counter[object]]:
            glue.forget_calls()
            assert run(["once", f"--config.file={file}", f"--shard={shard}", "--log.level=error"]) == 0
            lines = capfdbinary.readouterr().out.decode().splitlines()
            calls = Counter[object](
                (call.operation, call.aws_region, call.catalog_id) for call in glue.calls()
            )
            return [line.rpartition(" ")[0] for line in lines if re.search(r"\b(target|table)=", line)], calls

        whole, all_calls = series_and_calls("0/1")
        parts = [series_and_calls(f"{index}/4") for index in range(4)]
    assert len(whole) == len(set(whole)) > 60
    assert Counter(line for lines, _ in parts for line in lines) == Counter(whole)
    assert sum((calls for _, calls in parts), Counter[object]()) == all_calls
    assert all(lines for lines, _ in parts)
