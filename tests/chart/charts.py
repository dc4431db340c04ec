"""The chart as Helm renders it."""

import functools
import os
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tools.get_helm import CACHE, get_helm

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm" / "glue-mv-exporter"
SETS = tuple(sorted(path.name.removesuffix("-values.yaml") for path in (CHART / "ci").glob("*-values.yaml")))
"""The value sets of ci/."""
RELEASES = ("3.17", "4")
"""Of Helm."""
NAMESPACE = "monitoring"
NAME = "glue-glue-mv-exporter"
"""What everything is called that the release `glue` installs."""

Manifest = dict[str, Any]
_HOME = str(CACHE / "home")
"""For Helm's settings and caches, so that the user's are not touched."""


@functools.cache
def helm(release: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    own = ("HOME", "HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME")
    return subprocess.run(
        [get_helm()[release] / "helm", *arguments],
        env={"PATH": os.environ["PATH"], **dict.fromkeys(own, _HOME)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )


def value_set(name: str) -> Path:
    return CHART / "ci" / f"{name}-values.yaml"


def template(
    release: str,
    *settings: str,
    of: str | Path = "minimal",
    chart: Path = CHART,
    installed_as: str = "glue",
    namespace: str = NAMESPACE,
) -> subprocess.CompletedProcess[str]:
    """Render a value set, or a file of values, with more settings as one gives them to ``--set``."""
    more = [word for setting in settings for word in ("--set", setting)]
    values = of if isinstance(of, Path) else value_set(of)
    files = ("--values", str(values), "--namespace", namespace)
    return helm(release, "template", installed_as, str(chart), *files, *more)


@dataclass(frozen=True, slots=True)
class Rendered:
    """All manifests of an installation."""

    manifests: tuple[Manifest, ...]

    def all(self, kind: str) -> list[Manifest]:
        return [manifest for manifest in self.manifests if manifest["kind"] == kind]

    def one(self, kind: str, name: str | None = None) -> Manifest:
        found = [one for one in self.all(kind) if name in {None, one["metadata"]["name"]}]
        assert len(found) == 1, f"{len(found)} of {kind} {name or ''}"
        return found[0]

    @property
    def kinds(self) -> set[str]:
        return {manifest["kind"] for manifest in self.manifests}

    @property
    def workload(self) -> Manifest:
        (found,) = self.all("Deployment") + self.all("StatefulSet")
        return found

    @property
    def pod(self) -> Manifest:
        pod: Manifest = self.workload["spec"]["template"]
        return pod

    @property
    def container(self) -> Manifest:
        found: Manifest = _item(self.pod["spec"]["containers"], "exporter")
        return found

    @property
    def args(self) -> list[str]:
        return list(self.container["args"])

    def at(self, place: str) -> Any:
        """Return what stands at a place, None where nothing does.

        Such as ``Service spec ports 0 port``: a kind (with a name after a slash where there are several), or
        ``workload``, ``pod``, ``container``; then keys, and numbers or names of what is in lists. Or
        ``--log.level``: the value of a flag.
        """
        first, *keys = place.split()
        if first.startswith("--"):
            flags = dict(argument.partition("=")[::2] for argument in self.args)
            return flags.get(first)
        if first in {"workload", "pod", "container"}:
            found: Any = getattr(self, first)
        else:
            kind, _, name = first.partition("/")
            found = self.one(kind, name or None) if kind in self.kinds else None
        for key in keys:
            found = _item(found, key) if isinstance(found, list) else (found or {}).get(key)
        return found

    @property
    def configuration(self) -> str:
        name = self.workload["metadata"]["name"]
        text: str = self.one("ConfigMap", name)["data"]["config.yaml"]
        return text

    def pod_specs(self) -> Iterator[tuple[str, Manifest]]:
        """Yield what every pod consists of, the test's, too."""
        yield self.workload["kind"], self.pod["spec"]
        for pod in self.all("Pod"):
            yield pod["metadata"]["name"], pod["spec"]


def _item(items: list[Any], key: str) -> Any:
    if key.isdigit():
        return items[int(key)] if int(key) < len(items) else None
    return next((one for one in items if one["name"] == key), None)


@functools.cache
def rendered(release: str, *settings: str, **more: Any) -> Rendered:
    """Return what ``template`` renders, which must do."""
    done = template(release, *settings, **more)
    assert done.returncode == 0, done.stderr
    return read(done.stdout)


class _AsHelm(yaml.CSafeLoader):
    """Reads YAML as Helm does when it installs: `1e3` is a number. A key that stands twice is an error."""

    def construct_mapping(
        self,
        node: yaml.MappingNode,
        deep: bool = False,  # noqa: FBT001, FBT002 (as its base)
    ) -> dict[Any, Any]:
        """Return a mapping. Raises ConstructorError where it has a key twice."""
        keys = Counter(key.value for key, _ in node.value)
        if twice := [key for key, times in keys.items() if times > 1]:
            raise yaml.constructor.ConstructorError(None, None, f"twice: {twice}", node.start_mark)
        return super().construct_mapping(node, deep)


_AsHelm.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)[eE][-+]?[0-9]+$"),
    list("-+.0123456789"),
)


def read(text: str) -> Rendered:
    return Rendered(tuple(one for one in yaml.load_all(text, _AsHelm) if one))


def refusal(release: str, *settings: str) -> str:
    """Return why Helm refuses these values, in one line."""
    done = template(release, *settings)
    assert done.returncode != 0, "Helm has taken it"
    return re.sub(r"\s+", " ", done.stderr)
