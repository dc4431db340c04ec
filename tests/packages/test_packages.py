"""The deb and the rpm: what is in them, and that they can be installed, used, upgraded and removed."""

import io
import re
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.e2e.program import Program, target, write_config
from tests.packages.conftest import ROOT, Machine, Packages
from tests.support.bare_glue import BareGlue
from tests.support.bare_records import sample_run, sample_run_id
from tools.packages import PYTHONS

OPT = "/opt/glue-mv-exporter"
CONFIGURATION = {"/etc/glue-mv-exporter/config.yaml", "/etc/glue-mv-exporter/environment"}
OTHERS = {
    f"{OPT}/bin/glue-mv-exporter",
    "/usr/bin/glue-mv-exporter",
    "/usr/lib/systemd/system/glue-mv-exporter.service",
    "/usr/share/doc/glue-mv-exporter/copyright",
}


def printed(*command: object) -> str:
    return subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="session")
def in_deb(packages: Packages) -> dict[str, tarfile.TarInfo]:
    unpacked = subprocess.run(["dpkg-deb", "--fsys-tarfile", packages.deb], check=True, capture_output=True)
    with tarfile.open(fileobj=io.BytesIO(unpacked.stdout)) as archive:
        return {member.name.removeprefix("."): member for member in archive if not member.isdir()}


def test_outside_of_opt_there_is_what_an_administrator_looks_for(in_deb: dict[str, tarfile.TarInfo]) -> None:
    assert {path for path in in_deb if not path.startswith(f"{OPT}/lib/")} == CONFIGURATION | OTHERS


def test_both_packages_hold_the_same(packages: Packages, in_deb: dict[str, tarfile.TarInfo]) -> None:
    in_rpm = set(printed("rpm", "-qpl", packages.rpm).split("\n"))
    assert in_deb.keys() <= in_rpm
    assert all(any(file.startswith(f"{path}/") for file in in_deb) for path in in_rpm - in_deb.keys() - {""})


def test_all_is_roots_and_only_the_environment_is_secret(in_deb: dict[str, tarfile.TarInfo]) -> None:
    assert {(member.uname, member.gname) for member in in_deb.values()} == {("root", "root")}
    modes = {path: member.mode for path, member in in_deb.items() if member.isfile()}
    assert modes.pop("/etc/glue-mv-exporter/environment") == 0o600
    assert modes.pop(f"{OPT}/bin/glue-mv-exporter") == 0o755
    assert set(modes.values()) == {0o644}


def test_configuration_files_are_declared(packages: Packages) -> None:
    assert set(printed("dpkg-deb", "-I", packages.deb, "conffiles").split()) == CONFIGURATION
    assert set(printed("rpm", "-qpc", packages.rpm).split()) == CONFIGURATION


def test_they_need_python_and_nothing_else(packages: Packages) -> None:
    assert printed("dpkg-deb", "-f", packages.deb, "Depends") == "python3 (>= 3.11)\n"
    required = printed("rpm", "-qp", "--requires", packages.rpm).splitlines()
    assert [line for line in required if not line.startswith("rpmlib(")] == ["python(abi) >= 3.11"]


def test_each_compiled_module_is_there_for_every_python(in_deb: dict[str, tarfile.TarInfo]) -> None:
    """Those with a stable interface, one for all."""
    wanted = {f"cpython-{version.replace('.', '')}" for version in PYTHONS}
    pythons: dict[str, set[str]] = {}
    for path in in_deb:
        if path.endswith(".so"):
            name, tag = path.split(".")[:2]
            pythons.setdefault(name, set()).add(re.sub(r"-x86_64-linux-gnu$", "", tag))
    assert pythons.keys() >= {f"{OPT}/lib/yaml/_yaml", f"{OPT}/lib/markupsafe/_speedups"}
    assert all(found in (wanted, {"abi3"}) for found in pythons.values()), pythons


@pytest.mark.parametrize("script", ["glue-mv-exporter", "postinstall.sh"])
def test_the_scripts_know_the_same_pythons(script: str) -> None:
    text = (ROOT / "deploy" / "packages" / script).read_text()
    assert f"for version in {' '.join(reversed(PYTHONS))}; do" in text


INSTALL = 'dpkg -i "$0" >&2'


def test_the_deb_is_installed_and_removed(packages: Packages, machine: Machine) -> None:
    """What was configured stays until a purge, which leaves nothing."""
    script = f"""
        {INSTALL}
        glue-mv-exporter check-config /etc/glue-mv-exporter/config.yaml
        systemd-analyze verify --man=no glue-mv-exporter.service 2>&1 | grep glue-mv-exporter || true
        find {OPT}/lib/exporter -name '*.pyc' | grep -c cpython-311 >/dev/null
        echo '# changed' >> /etc/glue-mv-exporter/config.yaml
        {INSTALL}
        tail -n 1 /etc/glue-mv-exporter/config.yaml
        dpkg -r glue-mv-exporter >&2
        ls /etc/glue-mv-exporter
        ls -d {OPT} || echo gone
        mkdir -p /var/lib/private/glue-mv-exporter
        dpkg -P glue-mv-exporter >&2
        find /etc /opt /usr /var/lib/private -name '*glue-mv-exporter*' -newer "$0"
    """
    checked, *rest = machine.run(script, packages.deb).splitlines()
    assert "config.yaml: OK (" in checked
    assert rest == ["# changed", "config.yaml", "environment", "gone"]


def test_the_rpm_is_installed_and_removed(packages: Packages, machine: Machine) -> None:
    """Without its dependency: rpm knows nothing of what dpkg has installed here."""
    script = f"""
        rpm -i --nodeps "$0" >&2
        glue-mv-exporter check-config /etc/glue-mv-exporter/config.yaml
        stat -c %a /etc/glue-mv-exporter/environment
        rpm -e glue-mv-exporter >&2
        ls -d {OPT} /usr/bin/glue-mv-exporter || echo gone
    """
    checked, mode, gone = machine.run(script, packages.rpm).splitlines()
    assert "config.yaml: OK (" in checked
    assert (mode, gone) == ("600", "gone")


def test_the_program_of_the_deb_is_scraped(packages: Packages, machine: Machine, tmp_path: Path) -> None:
    """As a user without rights, and with what the unit sets."""
    script = f"""
        {INSTALL}
        install -d -o nobody /var/lib/glue-mv-exporter
        cp "$1" /etc/glue-mv-exporter/config.yaml
        shift
        exec setpriv --reuid=nobody --regid=nogroup --clear-groups {OPT}/bin/glue-mv-exporter "$@"
    """
    with BareGlue() as glue:
        glue.records.put_run(sample_run(1))
        config = write_config(tmp_path, {"targets": [target(glue.url, sample_run_id(1))]})
        env = {
            "GLUE_MV_EXPORTER_CONFIG_FILE": "/etc/glue-mv-exporter/config.yaml",
            "GLUE_MV_EXPORTER_STORAGE_PATH": "/var/lib/glue-mv-exporter",
        }
        command = machine.command(script, packages.deb, config, "serve")
        with Program(tmp_path, command=command, env=env) as program:
            program.scrape_until(lambda scraped: scraped.status(sample_run_id(1)) == "SUCCEEDED")
            assert program.get("/").status == 200
