"""Which web configuration protects less than another."""

import pytest

from exporter.model.settings import ClientAuthType, TlsSettings, TlsVersion, WebSettings

TLS = TlsSettings(cert_file="c", key_file="k")
MUTUAL = TlsSettings(
    cert_file="c",
    key_file="k",
    client_auth_type=ClientAuthType.REQUIRE_AND_VERIFY_CLIENT_CERT,
    client_ca_file="ca",
)
NEWEST = TlsSettings(cert_file="c", key_file="k", min_version=TlsVersion.TLS13)


@pytest.mark.parametrize(
    ("weaker", "stronger"),
    [
        (WebSettings(), WebSettings(tls=TLS)),
        (WebSettings(), WebSettings(users={"a": "h"})),
        (WebSettings(tls=TLS), WebSettings(tls=MUTUAL)),
        (WebSettings(tls=TLS), WebSettings(tls=NEWEST)),
        (WebSettings(tls=MUTUAL), WebSettings(tls=NEWEST)),
        (WebSettings(tls=MUTUAL), WebSettings(tls=TLS, users={"a": "h"})),
    ],
)
def test_what_lets_in_more_is_weaker(weaker: WebSettings, stronger: WebSettings) -> None:
    assert weaker.weaker_than(stronger)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (WebSettings(users={"a": "h"}), WebSettings(users={"a": "h", "b": "h"})),
        (WebSettings(users={"a": "h"}), WebSettings(users={"a": "another"})),
        (WebSettings(tls=TLS), WebSettings(tls=TlsSettings(cert_file="x", key_file="y"))),
    ],
)
def test_other_users_and_files_are_no_weaker(one: WebSettings, other: WebSettings) -> None:
    assert not one.weaker_than(other)
    assert not other.weaker_than(one)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (WebSettings(), ["off", "NoClientCert", "off"]),
        (WebSettings(users={"alice": "a hash"}), ["off", "NoClientCert", "on"]),
        (WebSettings(tls=MUTUAL), ["on", "RequireAndVerifyClientCert", "off"]),
    ],
)
def test_the_log_tells_how_it_is_protected_and_no_user(settings: WebSettings, words: list[str]) -> None:
    assert settings.in_words() == dict(zip(("tls", "client_certificates", "basic_auth"), words, strict=True))
