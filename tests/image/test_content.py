"""What is in the image, and what is not."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.image.conftest import LABELS
from tests.image.engine import BASE, ROOT, Engine

HOME = "/opt/glue-mv-exporter"
PYTHON = f"--entrypoint={HOME}/bin/python3"
LARGEST = 60 << 20
"""Bytes that the image may add to its base."""


def inside(engine: Engine, image: str, program: str) -> str:
    """Run Python in the image, as the image's user, and return what it prints."""
    done = engine.run(image, "-c", program, options=[PYTHON])
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_its_settings_are_those_that_are_promised(engine: Engine, image: str) -> None:
    told = engine.image(image)
    config = told["Config"]
    assert config["User"] == "65532:65532"
    assert config["Entrypoint"] == ["glue-mv-exporter"]
    assert config["StopSignal"] == "SIGTERM"
    assert told["Healthcheck"]["Test"] == ["CMD", "glue-mv-exporter", "healthcheck"]
    assert list(config["ExposedPorts"]) == ["10079/tcp"]


def test_it_is_labelled(engine: Engine, image: str) -> None:
    labels = engine.image(image)["Config"]["Labels"]
    own = {name.removeprefix("org.opencontainers.image."): text for name, text in labels.items()}
    assert own["title"] == "glue-mv-exporter"
    assert own["licenses"] == "Apache-2.0"
    assert own["base.name"] == BASE
    assert own["description"]
    assert {name.upper(): own[name] for name in ("version", "revision", "created", "source")} == LABELS


def test_it_adds_little_to_its_base(engine: Engine, image: str) -> None:
    whole, base = engine.image(image)["Size"], engine.image(BASE)["Size"]
    assert whole - base < LARGEST


def test_no_installer_and_no_simulated_aws_is_in_its_environment(engine: Engine, image: str) -> None:
    program = """
import importlib.metadata, sys
print(*[found.name.lower() for found in importlib.metadata.distributions(path=sys.path[-1:])])
"""
    names = set(inside(engine, image, program).split())
    assert {"glue-mv-exporter", "boto3"} <= names
    assert not names & {"pip", "setuptools", "wheel", "hatchling", "moto", "werkzeug", "pytest"}


SEARCH = """
import importlib.util, os, shutil
print(*[name for name in ("pip", "ensurepip", "setuptools") if importlib.util.find_spec(name)])
print(*[name for name in ("sh", "bash", "dash", "pip", "pip3") if shutil.which(name)])
found = [name for top in ("/usr", "/opt") for _, _, names in os.walk(top) for name in names]
print(*[name for name in found if name.startswith("pip-") and name.endswith(".whl")])
"""
"""Prints a line each for installers, programs and wheels of pip that Python finds."""


def test_no_shell_pip_or_ensurepip_is_in_it_although_its_base_has_them(
    engine: Engine, image: str, demo_image: str
) -> None:
    base = engine.run(BASE, "/usr/bin/python3", "-c", SEARCH).stdout.splitlines()
    assert {"pip", "ensurepip"} <= set(base[0].split())
    assert {"sh", "bash", "dash", "pip"} <= set(base[1].split())
    assert base[2]
    for name in (image, demo_image):
        for python in (f"{HOME}/bin/python3", "/usr/bin/python3"):
            done = engine.run(name, "-c", SEARCH, options=[f"--entrypoint={python}"])
            assert done.stdout == "\n\n\n", done


def test_no_layer_holds_what_was_removed(engine: Engine, image: str) -> None:
    """A layer on the base would only hide it."""
    layers = engine.image(image)["RootFS"]["Layers"]
    assert not set(layers) & set(engine.image(BASE)["RootFS"]["Layers"])


def test_what_it_imports_is_compiled_beforehand(engine: Engine, image: str) -> None:
    """Also what is Python's own, which official images bring as source alone."""
    program = """
import asyncio, os, sqlite3, sys
import exporter.cli.daemon, exporter.cli.healthcheck, exporter.cli.serve
import boto3
boto3.client("glue", region_name="eu-west-1")
modules = [m for m in list(sys.modules.values()) if getattr(m, "__cached__", None)]
print(len(modules), *[m.__name__ for m in modules if not os.path.exists(m.__cached__)])
"""
    count, *uncompiled = inside(engine, image, program).split()
    assert int(count) > 500
    assert uncompiled == []


def test_every_way_to_credentials_still_finds_its_service(engine: Engine, image: str) -> None:
    """The descriptions of other services are not there; that makes most of the difference in size."""
    program = """
import boto3
for name in ("glue", "sts", "sso", "sso-oidc", "signin"):
    boto3.client(name, region_name="eu-west-1")
print(*boto3.Session().get_available_services())
"""
    assert set(inside(engine, image, program).split()) == {"glue", "sts", "sso", "sso-oidc", "signin"}


@pytest.fixture(scope="module")
def materials(engine: Engine, image: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return names and versions in the bill of materials of the image's environment."""
    folder = engine.podman("image", "mount", image).stdout.strip()
    try:
        (packages,) = Path(folder).glob(f"{HOME[1:]}/lib/python*/site-packages")
        output = tmp_path_factory.mktemp("sbom") / "sbom.json"
        subprocess.run([sys.executable, ROOT / "tools" / "sbom.py", output, packages], check=True)
    finally:
        engine.podman("image", "unmount", image)
    components = json.loads(output.read_text())["components"]
    return {re.sub(r"[-_.]+", "-", part["name"]).lower(): part["version"] for part in components}


def test_the_bill_of_materials_is_the_lock(materials: dict[str, str]) -> None:
    """Every locked package in its version, and nothing else: no marker leaves one out for this Python."""
    lock = (ROOT / "requirements" / "runtime.txt").read_text()
    locked = re.findall(r"^([\w.-]+)==(\S+)", lock, re.MULTILINE)
    assert materials == {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in locked}
