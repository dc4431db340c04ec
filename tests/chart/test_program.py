"""The exporter itself, started as each value set says, and asked as the kubelet and `helm test` would."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import yaml

from tests.chart.charts import SETS, Manifest, Rendered, rendered, value_set
from tests.e2e.program import COMMAND, Program, run, wait_until
from tests.support.bare_glue import BareGlue
from tests.support.certificates import Authority
from tests.support.passwords import hashed

ELSEWHERE = """
targets:
  - aws_region: eu-west-1
    views: ["sales.*"]
"""
"""What stands in a configuration that is not the chart's own."""


class Node:
    """A folder in place of what the kubelet mounts into the pod, and what it asks the pod."""

    def __init__(self, folder: Path, name: str, glue: BareGlue) -> None:
        self.chart: Rendered = rendered("4", of=name)
        self.folder = folder
        self.glue = glue
        values = yaml.safe_load(value_set(name).read_text())
        for mount in self.chart.container["volumeMounts"]:
            self.host(mount["mountPath"]).mkdir(parents=True)
        text = ELSEWHERE if "existingConfig" in values else self.chart.configuration
        # The only endpoint of the value sets that is not AWS's own.
        text = text.replace("http://10.1.2.3:5000", glue.url)
        self.host("/etc/glue-mv-exporter/config/config.yaml").write_text(text)
        if self.host("/etc/glue-mv-exporter/web").exists():
            self.write_web(name)

    def host(self, path: str) -> Path:
        return self.folder / path.lstrip("/")

    def write_web(self, name: str) -> None:
        """Write the Secrets that the value set's comments speak of."""
        certificates = self.host("/etc/glue-mv-exporter/certificates")
        certificates.mkdir(exist_ok=True)
        authority = Authority(certificates, "authority")
        pair = authority.pair("tls")
        file: Manifest = {"basic_auth_users": {"prometheus": hashed("do-not-print")}}
        if self.chart.at("container ports 0 name") == "https":
            file = {"tls_server_config": {"cert_file": str(pair.cert), "key_file": str(pair.key)}}
        if name == "mutual-tls":
            file["tls_server_config"] |= {
                "client_auth_type": "RequireAndVerifyClientCert", "client_ca_file": str(authority.file),
            }  # fmt: skip
        self.host(self.chart.at("--web.config.file")).write_text(yaml.safe_dump(file))

    def words(self, words: list[str], port: int = 0) -> tuple[str, ...]:
        """Return arguments as they are in the container, but for the paths and the address."""
        number = int(self.chart.workload["spec"]["replicas"]) - 1
        found = [word.replace("$(POD_NAME)", f"glue-glue-mv-exporter-{max(number, 0)}") for word in words]
        found = [word.replace("=/", f"={self.folder}/") for word in found]
        address = f"--web.listen-address=127.0.0.1:{port}"
        return tuple(address if word.startswith("--web.listen-address=") else word for word in found)

    @contextmanager
    def start(self) -> Iterator[Program]:
        """Start the exporter with the container's arguments and its AWS variables, but for a profile."""
        env = {"AWS_ENDPOINT_URL": self.glue.url} | {
            one["name"]: one.get("value", "from-a-secret")
            for one in self.chart.container.get("env", [])
            if one["name"].startswith("AWS_") and one["name"] != "AWS_PROFILE"
        }
        with Program(self.folder / "work", self.words(self.chart.args), env=env, listen=None) as program:
            yield program

    def probe(self, program: Program, kind: str) -> bool:
        """Ask as the kubelet does; it verifies no certificate."""
        probe = self.chart.container[kind]
        if "exec" in probe:
            return self.command(program, probe["exec"]["command"]) == 0
        asked = probe["httpGet"]
        url = f"{asked['scheme'].lower()}://127.0.0.1:{program.port}{asked['path']}"
        return httpx.get(url, verify=False, timeout=60).is_success  # noqa: S501 (as the kubelet)

    def command(self, program: Program, words: list[str]) -> int:
        """Run a command of a container; its first word is the image's own program."""
        assert words[0] == Path(COMMAND[0]).name
        return run(self.folder / "work", *self.words(words[1:], program.port)).status


@pytest.fixture(scope="module")
def glue() -> Iterator[BareGlue]:
    with BareGlue() as found:
        yield found


@pytest.mark.parametrize("name", SETS)
def test_the_exporter_runs_as_the_chart_starts_it(name: str, tmp_path: Path, glue: BareGlue) -> None:
    node = Node(tmp_path, name, glue)
    with node.start() as program:
        assert node.probe(program, "livenessProbe")
        if "startupProbe" in node.chart.container:
            assert node.probe(program, "startupProbe")
        wait_until(lambda: node.probe(program, "readinessProbe"), 90, "the readiness probe succeeds")
        (test,) = node.chart.one("Pod")["spec"]["containers"]
        assert node.command(program, ["glue-mv-exporter", *test["args"]]) == 0
