"""``--web.config.file`` on the command line: check-config and healthcheck."""

from pathlib import Path

import pytest
from starlette.responses import PlainTextResponse

from exporter.cli.logs import configure_logs
from exporter.cli.main import run
from tests.support.certificates import Authority
from tests.support.passwords import hashed
from tests.support.web import WebServer

HEALTHY = PlainTextResponse("healthy\n")
STUCK = PlainTextResponse("the poll loop is stuck\n", 503)
TLS = "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n"
MUTUAL = TLS + "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: {}\n"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    authority = Authority(tmp_path, "own")
    authority.pair("server")
    return authority


@pytest.fixture
def config(tmp_path: Path, authority: Authority) -> Path:  # noqa: ARG001 (its files are named)
    configure_logs()  # requests are logged at debug
    file = tmp_path / "web.yml"
    file.write_text(TLS)
    return file


Output = pytest.CaptureFixture[str]


def test_check_config_checks_the_web_configuration_by_itself(config: Path, capsys: Output) -> None:
    assert run(["check-config", f"--web.config.file={config}"]) == 0
    assert capsys.readouterr() == (f"{config}: OK\n", "")


def test_check_config_checks_both_and_tells_all(config: Path, tmp_path: Path, capsys: Output) -> None:
    config.write_text("basic_auth_users:\n  alice: hunter2\nrate_limit: x\n")
    assert run(["check-config", f"{tmp_path}/none.yaml", f"--web.config.file={config}"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert [line.split(": ")[0] for line in err.splitlines()] == [
        f"{tmp_path}/none.yaml",
        f"{config}:2",
        f"{config}:3",
    ]
    assert "hunter2" not in err


def test_check_config_tries_the_files_that_are_named(config: Path, tmp_path: Path, capsys: Output) -> None:
    (tmp_path / "server.key").unlink()
    assert run(["check-config", f"--web.config.file={config}"]) == 2
    assert capsys.readouterr().err == (
        f"{config}:3: tls_server_config.key_file: cannot be read: No such file or directory\n"
    )


def check(server: WebServer, config: Path | None) -> int:
    address = f"--web.listen-address=127.0.0.1:{server.port}"
    return run(["healthcheck", address, *([f"--web.config.file={config}"] if config else [])])


USERS = f"basic_auth_users:\n  alice: {hashed('wonderland')}\n"


@pytest.mark.parametrize("text", [TLS, USERS], ids=["TLS", "users"])
def test_health_is_asked_through_tls_and_without_a_password(config: Path, text: str, capsys: Output) -> None:
    """Nobody needs to trust the certificate, nor does it need to name this address."""
    config.write_text(text)
    with WebServer(HEALTHY, config=config) as server:
        assert check(server, config) == 0
    assert capsys.readouterr().out == "healthy\n"


def test_without_the_flag_an_exporter_with_tls_is_not_reached(config: Path, capsys: Output) -> None:
    with WebServer(HEALTHY, config=config) as server:
        assert check(server, None) == 1
    told = capsys.readouterr().err
    assert told.startswith("no healthy exporter: ")
    assert told.endswith(" (if it speaks TLS, give its --web.config.file)\n")


@pytest.mark.parametrize("content", ["", "tls_server_config: {cert_fil: x}", "{{", None])
def test_a_file_that_has_been_broken_meanwhile_is_no_reason_to_restart(
    config: Path, content: str | None, capsys: Output
) -> None:
    """The exporter goes on with what was good, or with more protection than the file asks for now."""
    with WebServer(HEALTHY, config=config) as server:
        if content is None:
            config.unlink()
        else:
            config.write_text(content)
        assert check(server, config) == 0
    assert capsys.readouterr().out.endswith("healthy\n")


def test_the_servers_own_certificate_is_shown_where_one_is_required(
    config: Path, authority: Authority, capsys: Output
) -> None:
    config.write_text(MUTUAL.format(authority.file.name))
    with WebServer(STUCK, config=config) as server:
        assert check(server, config) == 1
    assert capsys.readouterr().err == "not healthy: the poll loop is stuck\n"


def test_a_refused_certificate_is_status_1_with_what_to_do(
    config: Path, tmp_path: Path, capsys: Output
) -> None:
    """Whether the exporter polls is not known then."""
    config.write_text(MUTUAL.format(Authority(tmp_path, "clients").file.name))
    with WebServer(HEALTHY, config=config) as server:
        assert check(server, config) == 1
    out, err = capsys.readouterr()
    assert out.splitlines()[-1:] != ["healthy"]
    assert "which an authority in client_ca_file must have signed" in err
