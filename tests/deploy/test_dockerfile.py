"""The Dockerfile, as far as it can be read without building it. `make image-test` builds and runs it."""

import re
from pathlib import Path

import botocore
import pytest

from deploy.image import strip_root, trim_botocore
from exporter import __version__

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
INSTRUCTIONS = re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.MULTILINE).replace("\\\n", " ").splitlines()
STAGES = re.findall(r"^FROM (\S+) AS (\S+)$", DOCKERFILE, re.MULTILINE)


def test_every_stage_comes_from_the_pinned_base_or_from_another_stage() -> None:
    assert {source for source, _ in STAGES} - {name for _, name in STAGES} == {"${PYTHON_IMAGE}", "scratch"}
    assert re.search(r"^ARG PYTHON_IMAGE=python:3\.\d+-slim-[a-z]+$", DOCKERFILE, re.MULTILINE)
    assert STAGES[-1] == ("image", "exporter")
    assert INSTRUCTIONS[-1] == "USER 65532:65532"


def test_nothing_is_installed_without_a_hash_but_the_wheel_that_was_just_built() -> None:
    installs = [part for line in INSTRUCTIONS for part in re.findall(r"pip[^&]*? install [^&]*", line)]
    assert len(installs) == 5
    for install in installs:
        assert "--require-hashes -r /src/requirements/" in install or "--no-deps /dist/*.whl" in install


def test_the_version_is_written_in_the_program_alone() -> None:
    """A release hands it to the build."""
    assert re.findall(r"^ARG (VERSION.*)$", DOCKERFILE, re.MULTILINE) == ["VERSION"]
    assert __version__ not in DOCKERFILE


def test_the_build_gets_what_is_copied_and_nothing_else() -> None:
    """A file that .dockerignore leaves out ends the build; one too many may be a secret."""
    ignored = (ROOT / ".dockerignore").read_text()
    let_through = [Path(name) for name in re.findall(r"^!(\S+)$", ignored, re.MULTILINE)]
    assert ignored.splitlines()[1] == "*"
    copies = [line for line in INSTRUCTIONS if line.startswith("COPY ") and "--from" not in line]
    copied = [Path(word) for line in copies for word in line.split()[1:-1]]
    for path in copied:
        assert (ROOT / path).exists(), path
        assert any(path.is_relative_to(name) for name in let_through), path
    for name in let_through:
        assert any(path.is_relative_to(name) for path in copied), name


def test_botocore_asks_no_service_for_credentials_that_the_image_leaves_out() -> None:
    """A new version may know another way to credentials: then its service has to stay, too."""
    folder = Path(botocore.__file__).parent
    source = (folder / "credentials.py").read_text() + (folder / "tokens.py").read_text()
    call = r"(?:client_creator|create_client|create_nested_client)\(\s*(?:self\._session,\s*)?"
    asked = set(re.findall(call + r"['\"]([a-z0-9-]+)['\"]", source))
    assert asked == {"sts", "sso", "sso-oidc", "signin"}
    assert asked | {"glue"} == trim_botocore.KEPT


def test_trimming_keeps_what_is_needed_and_refuses_a_botocore_that_lacks_it(tmp_path: Path) -> None:
    for name in (*trim_botocore.KEPT, "ec2", "s3"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "service-2.json.gz").write_bytes(b"x")
    (tmp_path / "endpoints.json").write_text("{}")
    trim_botocore.trim(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {*trim_botocore.KEPT, "endpoints.json"}
    (tmp_path / "sts").rename(tmp_path / "elsewhere")
    with pytest.raises(SystemExit, match="lacks sts"):
        trim_botocore.trim(tmp_path)


def test_stripping_removes_shells_and_installers_of_either_layout(tmp_path: Path) -> None:
    """Debian's, where /bin is a link, and that of the official Python images, below /usr/local."""
    unwanted = (
        "usr/bin/sh", "usr/bin/dash", "usr/bin/bash", "usr/bin/pip3", "usr/local/bin/pip",
        "usr/local/bin/pip3.13", "usr/lib/python3/dist-packages/pip/__init__.py",
        "usr/lib/python3.13/ensurepip/__init__.py",
        "usr/share/python-wheels/pip-25.1-py3-none-any.whl",
        "usr/local/lib/python3.13/ensurepip/_bundled/pip-25.3-py3-none-any.whl",
        "usr/local/lib/python3.13/site-packages/pip/__init__.py",
        "usr/local/lib/python3.13/site-packages/pip-25.3.dist-info/METADATA",
    )  # fmt: skip
    kept = ("usr/bin/python3", "usr/local/bin/python3", "usr/local/lib/python3.13/pipes.py")
    for name in (*unwanted, *kept):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    (tmp_path / "bin").symlink_to("usr/bin")
    assert strip_root.strip(tmp_path)
    assert list(strip_root.unwanted(tmp_path)) == []
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()} >= set(kept)
    assert [name for name in unwanted if (tmp_path / name).exists()] == []
