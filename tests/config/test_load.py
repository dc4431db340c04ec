"""Files that cannot be read at all."""

from pathlib import Path

import pytest

from exporter import config
from exporter.config import yaml_lines
from exporter.errors import ConfigurationError


def error(path: str | Path) -> str:
    with pytest.raises(ConfigurationError) as caught:
        config.load(path)
    return str(caught.value)


def test_a_missing_file_names_the_flag(tmp_path: Path) -> None:
    """Nobody knows the defaults by heart."""
    path = tmp_path / "config.yaml"
    assert error(path) == (
        f"{path}: no such file: name another with --config.file, or begin with a copy of config.example.yaml"
    )


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    """A ConfigMap that is mounted one level too high, say."""
    assert error(tmp_path) == f"{tmp_path}: is a folder: name the file in it"


def test_a_file_as_folder_is_told_as_the_system_tells_it(tmp_path: Path) -> None:
    """What has no sentence of its own has the system's."""
    file = tmp_path / "a"
    file.touch()
    assert error(file / "b") == f"{file}/b: cannot be read: Not a directory"


def test_a_name_that_no_file_can_have_is_refused() -> None:
    """A NUL in it raises ValueError, not OSError."""
    assert error("a\0b").endswith("cannot be read: its name is malformed")


def test_a_loop_of_links_is_refused(tmp_path: Path) -> None:
    """And not followed without end."""
    link = tmp_path / "link"
    link.symlink_to(link)
    assert "cannot be read" in error(link)


def test_an_endless_file_is_not_read_to_its_end() -> None:
    """Nor into memory without a bound."""
    assert error("/dev/zero") == "/dev/zero: is larger than 32 MiB: split it over several processes"


def test_the_limit_is_the_last_size_that_is_read() -> None:
    """One byte less is read, and judged."""
    with pytest.raises(ConfigurationError, match="is empty"):
        config.parse(b"#" * yaml_lines.LARGEST, "f")
    with pytest.raises(ConfigurationError, match="larger"):
        config.parse(b"#" * (yaml_lines.LARGEST + 1), "f")


def test_paths_may_be_text_or_paths(tmp_path: Path) -> None:
    """The file is called as the user calls it."""
    file = tmp_path / "config.yaml"
    file.write_text('targets: [{views: ["*.*"]}]')
    assert config.load(file) == config.load(str(file))
    assert config.load(file).file == str(file)
