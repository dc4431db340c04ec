"""The web configuration: what it may say, and the line for each mistake."""

from pathlib import Path

import pytest

from exporter.config.web import UNSUPPORTED, load_web
from exporter.errors import ConfigurationError
from exporter.model.settings import ClientAuthType, RateLimit, TlsSettings, TlsVersion, WebSettings

DATA = Path(__file__).parents[1] / "testdata" / "config" / "web"
HASH = "$2y$10$mDwo.lAisC94iLAyP81MCesa29IzH37oigHC/42V2pdJlUprsJPze"


def written(folder: Path, text: str) -> Path:
    file = folder / "web.yml"
    file.write_text(text)
    return file


def load(folder: Path, text: str) -> WebSettings:
    return load_web(written(folder, text)).settings


def mistakes(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load(folder, text)
    return [line.removeprefix(f"{folder}/") for line in caught.value.lines()]


@pytest.mark.parametrize(
    "text",
    [
        "# nothing yet\n",
        "{}",
        "tls_server_config: {}\nbasic_auth_users: {}\nhttp_server_config: {}\n",
        "rate_limit: {interval: 1s, burst: 1}\n",
        "http_server_config: {headers: {X-Frame-Options: deny}}\nbasic_auth_users: {}\n",
    ],
)
def test_a_file_that_protects_nothing_is_refused(tmp_path: Path, text: str) -> None:
    """Neither headers nor a rate limit keep anybody out; the users may be missing by mistake."""
    (mistake,) = mistakes(tmp_path, text)
    assert mistake == (
        "web.yml: protects nothing: write tls_server_config or basic_auth_users,"
        " or leave out --web.config.file to serve plain HTTP without passwords"
    )


def test_files_are_relative_to_the_folder_of_the_file(tmp_path: Path) -> None:
    settings = load(tmp_path, "tls_server_config: {cert_file: tls/server.crt, key_file: /etc/server.key}")
    assert settings.tls == TlsSettings(cert_file=f"{tmp_path}/tls/server.crt", key_file="/etc/server.key")


def test_all_keys_together(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        f"""
tls_server_config:
  cert_file: a
  key_file: b
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: c
  client_allowed_sans: [prometheus.example.org, 10.0.0.1]
  min_version: TLS13
http_server_config:
  headers:
    Strict-Transport-Security: max-age=31536000
    X-Frame-Options: sameorigin
    X-XSS-Protection: ""
rate_limit: {{interval: 100ms, burst: 20}}
basic_auth_users:
  alice: {HASH}
  "0815": {HASH}
  Jürgen Ö: {HASH}
""",
    )
    assert settings.tls is not None
    assert settings.tls.client_auth_type is ClientAuthType.REQUIRE_AND_VERIFY_CLIENT_CERT
    assert settings.tls.min_version is TlsVersion.TLS13
    assert settings.tls.files == (f"{tmp_path}/a", f"{tmp_path}/b", f"{tmp_path}/c")
    assert settings.tls.client_allowed_sans == {"prometheus.example.org", "10.0.0.1"}
    assert settings.headers == {
        "Strict-Transport-Security": "max-age=31536000",
        "X-Frame-Options": "sameorigin",
    }
    assert settings.rate_limit == RateLimit(interval=0.1, burst=20)
    assert dict(settings.users) == {"alice": HASH, "0815": HASH, "Jürgen Ö": HASH}


def test_hashes_are_in_no_repr(tmp_path: Path) -> None:
    loaded = load_web(written(tmp_path, f"basic_auth_users: {{alice: {HASH}}}"))
    assert HASH not in repr(loaded)


@pytest.mark.parametrize("file", sorted(DATA.glob("*.yaml")), ids=lambda file: file.stem)
def test_each_mistake_leads_to_its_lines(file: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_web(file)
    assert str(caught.value).replace(str(file), "web.yml") + "\n" == file.with_suffix(".expected").read_text()


def test_the_lines_name_each_of_the_toolkits_other_keys() -> None:
    lines = (DATA / "unsupported.expected").read_text()
    assert [key for key in UNSUPPORTED if f".{key}: is not supported: " not in lines] == []


@pytest.mark.parametrize(
    "stored",
    [
        "hunter2",
        "$2b$10$hunter2",
        HASH[:-1],
        HASH + "x",
        HASH.replace("$2y", "$2z"),
        f"{HASH[:28]}9{HASH[29:]}",
        "$1$hunter2$abcdefghijklmnopqrstuv",
        "''",
    ],
)
def test_an_invalid_bcrypt_hash_is_refused_and_not_shown(tmp_path: Path, stored: str) -> None:
    """It may be the password itself."""
    (line,) = mistakes(tmp_path, f"basic_auth_users:\n  alice: {stored}\n")
    assert line.startswith("web.yml:2: basic_auth_users.alice: not a valid ")
    assert "bcrypt hash" in line
    assert "hunter2" not in line
    assert HASH[7:20] not in line


def test_a_missing_file_names_the_flag(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"name another with --web\.config\.file"):
        load_web(tmp_path / "none.yml")


def test_a_huge_file_is_not_even_parsed(tmp_path: Path) -> None:
    assert mistakes(tmp_path, "#" * 1_100_000) == ["web.yml: is larger than 1 MiB"]
