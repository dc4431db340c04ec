"""A TLS context from files, or a sentence about the file that it cannot use; which clients it lets in."""

import ipaddress
import ssl

from exporter.errors import ExporterError
from exporter.model.settings import ClientAuthType, TlsSettings, TlsVersion

_VERIFY = {
    ClientAuthType.NO_CLIENT_CERT: ssl.CERT_NONE,
    ClientAuthType.VERIFY_CLIENT_CERT_IF_GIVEN: ssl.CERT_OPTIONAL,
    ClientAuthType.REQUIRE_AND_VERIFY_CLIENT_CERT: ssl.CERT_REQUIRED,
}
_VERSIONS = {TlsVersion.TLS12: ssl.TLSVersion.TLSv1_2, TlsVersion.TLS13: ssl.TLSVersion.TLSv1_3}


class TlsFileError(ExporterError):
    """A file of the TLS settings cannot be used."""

    def __init__(self, key: str, message: str) -> None:
        """``key`` names the file, such as ``cert_file``."""
        super().__init__(f"{key}: {message}")
        self.key = key
        self.message = message


class ServerContext(ssl.SSLContext):
    """A context that knows which clients it is for."""

    client_allowed_sans: frozenset[str] = frozenset()


def make_server_context(tls: TlsSettings) -> ssl.SSLContext:
    """Return a fresh context for a server. Raises TlsFileError.

    Fresh, because nothing can be taken out of one: neither the CAs of clients nor sessions to resume.
    """
    context = ServerContext(ssl.PROTOCOL_TLS_SERVER)
    context.client_allowed_sans = tls.client_allowed_sans
    context.minimum_version = _VERSIONS[tls.min_version]
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    load_pair(context, tls)
    context.verify_mode = _VERIFY[tls.client_auth_type]
    if tls.client_ca_file is not None:
        # As in Go, whatever the file holds is trusted, also a CA that another one has signed.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        try:
            context.load_verify_locations(cafile=tls.client_ca_file)
        except (OSError, ValueError) as error:
            raise _unusable("client_ca_file", error, "holds no certificate in PEM") from None
    return context


def is_allowed(connection: ssl.SSLObject) -> bool:
    """Return whether the client's certificate has one of the names that the context wants, if it wants any.

    For use after the handshake: Python's TLS calls nothing that could judge the certificate during it.
    """
    context = connection.context
    if not (isinstance(context, ServerContext) and context.client_allowed_sans):
        return True
    names = (connection.getpeercert() or {}).get("subjectAltName", ())
    return any(_as_go_writes(*name) in context.client_allowed_sans for name in names)


def _as_go_writes(kind: str, name: str) -> str | None:
    """Return a name as the toolkit compares it; None for a kind that it does not look at."""
    if kind == "IP Address":
        return str(ipaddress.ip_address(name.strip()))
    return name if kind in {"DNS", "email", "URI"} else None


def load_pair(context: ssl.SSLContext, tls: TlsSettings) -> None:
    """Load the certificate and its key into the context. Raises TlsFileError."""
    for key, file in (("cert_file", tls.cert_file), ("key_file", tls.key_file)):
        try:
            with open(file, "rb"):  # noqa: PTH123 (only whether it can be opened: OpenSSL does not say which)
                pass
        except (OSError, ValueError) as error:
            raise _unusable(key, error, "cannot be opened") from None
    try:
        # A password, though none is right: without one OpenSSL asks on the terminal, and waits.
        context.load_cert_chain(tls.cert_file, tls.key_file, password="")
    except (OSError, ValueError) as error:
        if isinstance(error, ssl.SSLError) and error.reason == "KEY_VALUES_MISMATCH":
            raise TlsFileError("key_file", "does not belong to the certificate in cert_file") from None
        # OpenSSL names no file: a certificate that loads by itself is not the one that is wrong.
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=tls.cert_file)
        except OSError:
            wrong = "cert_file", "holds no certificate in PEM that OpenSSL accepts"
        else:
            wrong = "key_file", "holds no key in PEM that OpenSSL accepts, without a password, for cert_file"
        raise TlsFileError(*wrong) from None


def _unusable(key: str, error: Exception, otherwise: str) -> TlsFileError:
    if isinstance(error, ssl.SSLError) or not isinstance(error, OSError):
        return TlsFileError(key, otherwise)
    return TlsFileError(key, f"cannot be read: {error.strerror or otherwise}")
