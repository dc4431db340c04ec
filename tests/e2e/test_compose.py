"""The Compose stack without Docker: its files, and its Prometheus and Alertmanager."""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.neighbours import Prometheus, running
from tests.e2e.program import Program, wait_until
from tests.support.ports import held_port

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "compose"
COMPOSE = FOLDER / "compose.yaml"
EXAMPLES = ROOT / "deploy" / "prometheus"
DASHBOARDS = ROOT / "helm" / "glue-mv-exporter" / "files" / "dashboards"
SERVICES: Mapping[str, Any] = yaml.safe_load(COMPOSE.read_text())["services"]


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def mounts(name: str) -> dict[str, Path]:
    """Return what is mounted into a service, by its path there."""
    found: dict[str, Path] = {}
    for volume in SERVICES[name].get("volumes", []):
        source, inside, mode = volume.split(":")
        assert mode == "ro"
        found[inside] = (FOLDER / source).resolve()
    return found


def fits_the_schema(path: Path) -> bool:
    """Ask for the schema of the Compose specification, which comes with the checker."""
    checker = Path(sys.executable).with_name("check-jsonschema")
    arguments = ["--builtin-schema", "vendor.compose-spec", str(path)]
    return subprocess.run([checker, *arguments], check=False, capture_output=True).returncode == 0


def test_the_file_and_the_example_in_its_readme_fit_the_schema_of_compose(tmp_path: Path) -> None:
    assert fits_the_schema(COMPOSE)
    (example,) = re.findall(r"```yaml\n(.*?)```", (FOLDER / "README.md").read_text(), re.DOTALL)
    assert yaml.safe_load(example)["services"].keys() <= SERVICES.keys()
    other = tmp_path / "compose.yaml"
    other.write_text(example)
    assert fits_the_schema(other)
    other.write_text(COMPOSE.read_text().replace("read_only:", "readonly:"))
    assert not fits_the_schema(other)


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_locked_down_pinned_and_has_its_files_and_a_health_check(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert [path for path in mounts(name).values() if not path.exists()] == []
    if name == "exporter":
        dockerfile = (FOLDER / service["build"]["context"] / "Dockerfile").read_text()
        assert "HEALTHCHECK" in dockerfile
        assert f" AS {service['build']['target']}\n" in dockerfile
    else:
        assert re.search(r":v?\d+\.\d+\.\d+$", service["image"])
        (url,) = [word for word in service["healthcheck"]["test"] if "://" in word]
        (port,) = service["ports"]
        assert f":{port.split(':')[2]}/" in url


def test_grafana_is_given_the_dashboards_and_prometheus() -> None:
    inside = mounts("grafana")
    (datasource,) = read(inside["/etc/grafana/provisioning/datasources/prometheus.yaml"])["datasources"]
    scrapes = read(FOLDER / "prometheus.yml")["global"]["scrape_interval"]
    assert (datasource["type"], datasource["url"]) == ("prometheus", "http://prometheus:9090")
    assert datasource["jsonData"]["timeInterval"] == scrapes
    (provider,) = read(inside["/etc/grafana/provisioning/dashboards/files.yaml"])["providers"]
    assert inside[provider["options"]["path"]] == DASHBOARDS
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert json.loads((DASHBOARDS / Path(home).name).read_text())["title"]
    assert Path(home).parent == Path(provider["options"]["path"])


def test_its_configurations_differ_from_the_examples_only_where_they_must() -> None:
    """Alerts name the job; and a demo without the inhibitions would show what nobody gets."""
    ours, example = read(FOLDER / "prometheus.yml"), read(EXAMPLES / "prometheus.example.yml")
    assert ours["rule_files"] == example["rule_files"]
    assert [job["job_name"] for job in ours["scrape_configs"]] == [
        job["job_name"] for job in example["scrape_configs"]
    ]
    alerting, routed = read(FOLDER / "alertmanager.yml"), read(EXAMPLES / "alertmanager.example.yml")
    assert alerting["inhibit_rules"] == routed["inhibit_rules"]
    assert alerting["route"]["group_by"] == routed["route"]["group_by"]


def here(name: str, folder: Path, ports: Mapping[str, int]) -> list[str]:
    """Return the service's flags for this machine: its files, its own data, and free ports.

    ``ports`` are those of all services here. Its configuration is copied with their addresses, and quicker.
    """
    words = list(SERVICES[name]["command"])
    for inside, path in mounts(name).items():
        text = path.read_text()
        for service, port in ports.items():
            text = re.sub(rf"\b{service}:\d+", f"127.0.0.1:{port}", text)
        text = re.sub(r"_interval: 10s", "_interval: 1s", text)
        (folder / Path(inside).name).write_text(text)
        words = [word.replace(inside, str(folder / Path(inside).name)) for word in words]
    for inside in SERVICES[name]["tmpfs"]:
        words = [re.sub(rf"={inside}$", f"={folder / 'data'}", word) for word in words]
    gone = [*mounts(name), *SERVICES[name]["tmpfs"]]
    assert not [word for word in words if word.partition("=")[2] in gone], "a path of the container's"
    return [*words, f"--web.listen-address=127.0.0.1:{ports[name]}"]


def service(
    name: str, folder: Path, ports: Mapping[str, int]
) -> AbstractContextManager["subprocess.Popen[bytes]"]:
    folder.mkdir()
    program = {"alertmanager": "prometheus-alertmanager"}.get(name, name)
    return running(folder, program, *here(name, folder, ports))


def test_its_prometheus_scrapes_evaluates_and_alerts_with_its_own_files_and_flags(tmp_path: Path) -> None:
    """Against the demo; the dashboards' first question, which views there are, has an answer then."""
    with (
        held_port() as of_prometheus,
        held_port() as of_alertmanager,
        Program(tmp_path / "demo", ("demo",)) as demo,
    ):
        ports = {"prometheus": of_prometheus, "alertmanager": of_alertmanager, "exporter": demo.port}
        with (
            service("alertmanager", tmp_path / "alertmanager", ports),
            service("prometheus", tmp_path / "prometheus", ports) as process,
        ):
            server = Prometheus(f"http://127.0.0.1:{ports['prometheus']}", process.pid)
            server.await_ready()
            wait_until(lambda: server.query("glue_mv_refresh_view_info"), 90, "the demo is scraped")
            wait_until(lambda: server.query("ALERTS"), 90, "an alert is at least pending")
            rules = [rule for group in server.api("rules")["groups"] for rule in group["rules"]]
            shipped = [rule for group in read(EXAMPLES / "rules.yaml")["groups"] for rule in group["rules"]]
            assert [rule["lastError"] for rule in rules if rule.get("lastError")] == []
            assert {rule["name"] for rule in rules} == {
                rule.get("alert") or rule["record"] for rule in shipped
            }
            address = f"127.0.0.1:{ports['alertmanager']}"
            wait_until(lambda: address in json.dumps(server.api("alertmanagers")), 90, "it is known")
