"""The web configuration: what it may say, and the line for each mistake."""

from pathlib import Path

import pytest

from exporter.config.web import load_web
from exporter.errors import ConfigurationError
from exporter.model.settings import ClientAuthType, RateLimit, TlsSettings, TlsVersion, WebSettings

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
        "",
        "# nothing yet\n",
        "{}",
        "tls_server_config: {}\nbasic_auth_users: {}\nhttp_server_config: {}\n",
        "rate_limit: {interval: 0, burst: 1}\n",
        "---\n",
    ],
)
def test_a_file_that_protects_nothing_is_refused(tmp_path: Path, text: str) -> None:
    """Nothing is what the flag's absence asks for; the file may have been emptied by mistake."""
    (mistake,) = mistakes(tmp_path, text)
    assert mistake == (
        "web.yml: protects nothing: write tls_server_config or basic_auth_users,"
        " or leave out --web.config.file to serve plain HTTP without passwords"
    )


def test_files_are_relative_to_the_folder_of_the_file(tmp_path: Path) -> None:
    settings = load(
        tmp_path, "tls_server_config:\n  cert_file: tls/server.crt\n  key_file: /etc/ssl/server.key\n"
    )
    assert settings.tls == TlsSettings(
        cert_file=f"{tmp_path}/tls/server.crt",
        key_file="/etc/ssl/server.key",
        client_auth_type=ClientAuthType.NO_CLIENT_CERT,
        client_ca_file=None,
        min_version=TlsVersion.TLS12,
    )


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


TLS = "tls_server_config:\n  cert_file: a\n  key_file: b\n"
MUTUAL = TLS + "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: c\n"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[]", "web.yml:1: must be a mapping, not a list"),
        ("x", "web.yml:1: must be a mapping, not text"),
        (
            "tls_server_config:\n",
            "web.yml:1: tls_server_config: has no value: write one, or remove the key",
        ),
        ("tls_server_config: {cert_file: a}", "web.yml:1: tls_server_config.key_file: is missing"),
        (
            TLS + "  client_auth_typ: NoClientCert\n",
            "web.yml:4: tls_server_config.client_auth_typ: unknown key; did you mean client_auth_type?",
        ),
        (
            TLS + "  client_auth_type: Nobody\n",
            (
                "web.yml:4: tls_server_config.client_auth_type: must be one of NoClientCert,"
                " VerifyClientCertIfGiven, RequireAndVerifyClientCert"
            ),
        ),
        (
            TLS + "  client_auth_type: RequireAndVerifyClientCert\n",
            (
                "web.yml:4: tls_server_config.client_auth_type: needs client_ca_file: the CA certificates"
                " that sign the clients' certificates"
            ),
        ),
        (
            TLS + "  client_ca_file: c\n",
            (
                "web.yml:4: tls_server_config.client_ca_file: has no effect without client_auth_type:"
                " RequireAndVerifyClientCert"
            ),
        ),
        (
            TLS + "  min_version: TLS11\n",
            (
                "web.yml:4: tls_server_config.min_version: is insecure, and OpenSSL disables it by"
                " default: write TLS12 or TLS13"
            ),
        ),
        (
            TLS + "  min_version: 1.2\n",
            (
                "web.yml:4: tls_server_config.min_version: YAML reads this as a number"
                ' (and drops leading zeros): put it in "quotes"'
            ),
        ),
        (
            TLS + "  min_version: SSL3\n",
            "web.yml:4: tls_server_config.min_version: must be one of TLS12, TLS13",
        ),
        (
            "basic_auth_users: [alice]",
            "web.yml:1: basic_auth_users: must be a mapping of user names to hashes, not a list",
        ),
        (
            f"basic_auth_users:\n  alice: {HASH}\n  alice: {HASH}\n",
            "web.yml:3: basic_auth_users.alice: duplicate key: it is already set on line 2",
        ),
        (
            f"basic_auth_users:\n  'a:b': {HASH}\n",
            "web.yml:2: basic_auth_users.a…: a user name must not hold a colon: browsers end it there",
        ),
        (
            f"basic_auth_users:\n  alice: {HASH.replace('$10$', '$15$')}\n",
            (
                "web.yml:2: basic_auth_users.alice: takes seconds for each check: hash the password with a"
                " cost of at most 14"
            ),
        ),
        (
            TLS + "  client_allowed_sans: [a]\n",
            (
                "web.yml:4: tls_server_config.client_allowed_sans: needs client_auth_type:"
                " RequireAndVerifyClientCert, or a client without a certificate would get in"
            ),
        ),
        (
            MUTUAL + "  client_allowed_sans: []\n",
            (
                "web.yml:6: tls_server_config.client_allowed_sans: is an empty list:"
                " write at least one item, or remove the key"
            ),
        ),
        (
            "http_server_config:\n  headers:\n    Server: x\n",
            (
                "web.yml:3: http_server_config.headers.Server: cannot be set: headers that can are"
                " Content-Security-Policy, Strict-Transport-Security, X-Content-Type-Options,"
                " X-Frame-Options, X-XSS-Protection"
            ),
        ),
        (
            "http_server_config: {headers: {X-Frame-Options: DENY}}",
            "web.yml:1: http_server_config.headers.X-Frame-Options: must be deny or sameorigin",
        ),
        (
            'http_server_config: {headers: {X-XSS-Protection: "0\\r\\nSet-Cookie: a=b"}}',
            (
                'web.yml:1: http_server_config.headers.X-XSS-Protection: "0\\r\\nSet-Cookie: a=b" holds'
                " what a header cannot: write printable ASCII in one line"
            ),
        ),
        (
            "http_server_config: {headers: []}",
            (
                "web.yml:1: http_server_config.headers: must be a mapping of header names to values,"
                " not a list"
            ),
        ),
        (
            "rate_limit: {interval: 1, burst: 1}",
            (
                "web.yml:1: rate_limit.interval: a duration needs its unit: write 1s for seconds,"
                " or use m and h"
            ),
        ),
        ("rate_limit: {interval: 1s, burst: 0}", "web.yml:1: rate_limit.burst: must be 1 or more"),
        ("cert_file: a", "web.yml:1: cert_file: unknown key here; it belongs in tls_server_config"),
        ("basic_auth_user: {}", "web.yml:1: basic_auth_user: unknown key; did you mean basic_auth_users?"),
    ],
)
def test_each_mistake_has_its_line(tmp_path: Path, text: str, line: str) -> None:
    assert mistakes(tmp_path, text) == [line]


@pytest.mark.parametrize("kind", ["RequestClientCert", "RequireAnyClientCert", "RequireClientCert"])
def test_certificates_that_would_go_unverified_are_refused(tmp_path: Path, kind: str) -> None:
    """Python's TLS cannot ask for them; NoClientCert in their place would be something else in silence."""
    (line,) = mistakes(tmp_path, TLS + f"  client_auth_type: {kind}\n")
    assert "tls_server_config.client_auth_type: requests certificates without verifying them" in line


@pytest.mark.parametrize(
    ("section", "key"),
    [
        ("tls_server_config", "cert"),
        ("tls_server_config", "key"),
        ("tls_server_config", "client_ca"),
        ("tls_server_config", "max_version"),
        ("tls_server_config", "cipher_suites"),
        ("tls_server_config", "curve_preferences"),
        ("tls_server_config", "prefer_server_cipher_suites"),
        ("http_server_config", "http2"),
    ],
)
def test_the_toolkits_other_keys_are_refused_by_name(tmp_path: Path, section: str, key: str) -> None:
    text = f"{TLS}  {key}: x\n" if section == "tls_server_config" else f"\n\n{section}:\n  {key}: true\n"
    (line,) = mistakes(tmp_path, text)
    assert line.startswith(f"web.yml:4: {section}.{key}: is not supported: ")


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


def test_everything_wrong_is_told_at_once(tmp_path: Path) -> None:
    text = (
        "tls_server_config:\n  cert_file: 1\n  cert: x\nbasic_auth_users:\n  a: b\n  c:\n"
        "rate_limit: {interval: 1s}\n"
    )
    assert [line.split(": ")[1] for line in mistakes(tmp_path, text)] == [
        "tls_server_config.key_file",
        "tls_server_config.cert_file",
        "tls_server_config.cert",
        "basic_auth_users.a",
        "basic_auth_users.c",
        "rate_limit.burst",
    ]


def test_a_missing_file_names_the_flag(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"name another with --web\.config\.file"):
        load_web(tmp_path / "none.yml")


def test_a_huge_file_is_not_even_parsed(tmp_path: Path) -> None:
    assert mistakes(tmp_path, "#" * 1_100_000) == [
        "web.yml: is larger than 1 MiB: it should hold a few paths and users"
    ]
