"""The custom resources, held against their operators' models.

The models' own check takes misspelt keys that are optional; TypeScript's, of a literal, does not. So
both look.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.chart.charts import SETS, Manifest, rendered
from tests.chart.conftest import NODE

PACKAGES = {
    "ServiceMonitor": "prometheus-operator/monitoring.coreos.com/v1",
    "PodMonitor": "prometheus-operator/monitoring.coreos.com/v1",
    "PrometheusRule": "prometheus-operator/monitoring.coreos.com/v1",
    "ScrapeConfig": "prometheus-operator/monitoring.coreos.com/v1alpha1",
    "HTTPRoute": "gateway-api/gateway.networking.k8s.io/v1",
    "GrafanaDashboard": "grafana-operator/grafana.integreatly.org/v1beta1",
}


def ours() -> list[Manifest]:
    """Return the custom resources of all value sets, each once; both releases of Helm make the same."""
    found = [one for name in SETS for one in rendered("4", name).manifests if one["kind"] in PACKAGES]
    return [json.loads(text) for text in dict.fromkeys(json.dumps(_shortened(one)) for one in found)]


def _shortened(manifest: Manifest) -> Manifest:
    """Leave the dashboards' own text out: a large literal that their own tests look at."""
    if manifest["kind"] == "GrafanaDashboard":
        return {**manifest, "spec": {**manifest["spec"], "json": "{}"}}
    return manifest


def faults(manifests: list[Manifest]) -> list[str | None]:
    """Return what the models' own check says of each."""
    done = subprocess.run(
        ["node", "validate.mjs"],
        cwd=NODE, input=json.dumps(manifests), capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answer: list[str | None] = json.loads(done.stdout)
    return answer


def mistyped(manifests: list[Manifest], folder: Path) -> str:
    """Return what TypeScript says of all of them, as literals of the models' types."""
    lines = [
        f'import type {{ I{kind} }} from "@kubernetes-models/{path}/{kind}";'
        for kind, path in PACKAGES.items()
    ]
    lines += [
        f"export const manifest{number}: I{one['kind']} = {json.dumps(one)};"
        for number, one in enumerate(manifests)
    ]
    (folder / "manifests.ts").write_text("\n".join(lines))
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "node_modules").symlink_to(NODE / "node_modules")
    done = subprocess.run(
        [
            NODE / "node_modules" / ".bin" / "tsc", "--noEmit", "--strict", "--skipLibCheck",
            "--module", "nodenext", "--target", "es2022", "manifests.ts",
        ],
        cwd=folder, capture_output=True, text=True, check=False, timeout=110,
    )  # fmt: skip
    return done.stdout + done.stderr


def test_there_are_resources_of_every_kind() -> None:
    assert {one["kind"] for one in ours()} == set(PACKAGES)


def test_the_operators_models_take_every_resource() -> None:
    assert set(faults(ours())) == {None}


def test_no_key_is_misspelt_and_no_type_is_wrong(tmp_path: Path) -> None:
    assert mistyped(ours(), tmp_path) == ""


def wrong(kind: str, **changes: Any) -> Manifest:
    (first, *_) = [one for one in ours() if one["kind"] == kind]
    return {**first, "spec": {**first["spec"], **changes}}


def test_misspelt_keys_would_be_noticed(tmp_path: Path) -> None:
    """Else the tests above would prove nothing."""
    said = mistyped([wrong(kind, jobLabell="x") for kind in PACKAGES], tmp_path)
    assert said.count('"jobLabell"\' does not exist in type') == len(PACKAGES)


def test_values_that_the_operator_refuses_would_be_noticed() -> None:
    endpoint = {"port": "http", "interval": "thirty seconds"}
    (fault,) = faults([wrong("ServiceMonitor", endpoints=[endpoint])])
    assert fault
    assert "interval" in fault
