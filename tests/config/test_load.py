"""Files that cannot be read at all."""

from pathlib import Path

import pytest

from exporter import config
from exporter.errors import ConfigurationError


def error(path: str | Path) -> str:
    with pytest.raises(ConfigurationError) as caught:
        config.load(path)
    return str(caught.value)


def test_a_missing_file_names_the_flag(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    assert error(path) == (
        f"{path}: no such file: name another with --config.file, or begin with a copy of config.example.yaml"
    )


def test_what_cannot_be_read_is_an_error_as_the_system_writes_it(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    assert error(tmp_path) == f"{tmp_path}: cannot be read: Is a directory"
    assert "cannot be read: Too many levels" in error(loop)
    assert error("a\0b").endswith("cannot be read: not a valid file name")


def test_an_endless_file_is_not_read_to_its_end() -> None:
    assert error("/dev/zero") == "/dev/zero: is larger than 32 MiB"
