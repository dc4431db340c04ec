"""Which web configuration protects less than another, and what of both is kept."""

from dataclasses import replace

import pytest

from exporter.model.settings import ClientAuthType, RateLimit, TlsSettings, TlsVersion, WebSettings

TLS = TlsSettings(cert_file="c", key_file="k")
MUTUAL = TlsSettings(
    cert_file="c",
    key_file="k",
    client_auth_type=ClientAuthType.REQUIRE_AND_VERIFY_CLIENT_CERT,
    client_ca_file="ca",
)
SOME_CLIENTS = replace(MUTUAL, client_allowed_sans=frozenset({"prometheus.example.org"}))
OTHER_CLIENTS = replace(MUTUAL, client_allowed_sans=frozenset({"10.0.0.1"}))
LIMIT = RateLimit(interval=1.0, burst=1)
NEWEST = TlsSettings(cert_file="c", key_file="k", min_version=TlsVersion.TLS13)


USERS = {"alice": "a hash"}
OTHER_TLS = TlsSettings(cert_file="x", key_file="y")


@pytest.mark.parametrize(
    ("new", "before", "kept"),
    [
        (WebSettings(), WebSettings(tls=TLS), WebSettings(tls=TLS)),
        (WebSettings(tls=TLS), WebSettings(tls=MUTUAL), WebSettings(tls=MUTUAL)),
        (WebSettings(tls=TLS), WebSettings(tls=NEWEST), WebSettings(tls=NEWEST)),
        (WebSettings(tls=MUTUAL), WebSettings(tls=NEWEST), WebSettings(tls=NEWEST)),
        (WebSettings(tls=MUTUAL), WebSettings(tls=SOME_CLIENTS), WebSettings(tls=SOME_CLIENTS)),
        (WebSettings(users=USERS), WebSettings(rate_limit=LIMIT), WebSettings(users=USERS, rate_limit=LIMIT)),
        (WebSettings(tls=OTHER_TLS), WebSettings(users=USERS), WebSettings(tls=OTHER_TLS, users=USERS)),
        (
            WebSettings(users={"bob": "h"}),
            WebSettings(tls=TLS, users=USERS),
            WebSettings(tls=TLS, users={"bob": "h"}),
        ),
    ],
)
def test_where_new_settings_protect_less_the_ones_before_are_kept(
    new: WebSettings, before: WebSettings, kept: WebSettings
) -> None:
    assert new.at_least(before) == kept


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (WebSettings(users=USERS), WebSettings(users={**USERS, "bob": "h"})),
        (WebSettings(users=USERS), WebSettings(users={"alice": "another"})),
        (WebSettings(tls=TLS), WebSettings(tls=OTHER_TLS)),
        (WebSettings(tls=SOME_CLIENTS), WebSettings(tls=OTHER_CLIENTS)),
        (WebSettings(rate_limit=LIMIT), WebSettings(rate_limit=RateLimit(interval=0.1, burst=100))),
        (WebSettings(headers={"X-Frame-Options": "sameorigin"}), WebSettings()),
    ],
)
def test_other_users_and_files_protect_no_less(one: WebSettings, other: WebSettings) -> None:
    assert one.at_least(other) == one
    assert other.at_least(one) == other
