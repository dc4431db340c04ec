"""Certificates of a test's own, and clients that know them."""

import ssl
from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, in files."""

    cert: Path
    key: Path

    @property
    def der(self) -> bytes:
        return ssl.PEM_cert_to_DER_cert(self.cert.read_text())


class Authority:
    """A certificate authority."""

    def __init__(self, folder: Path, name: str) -> None:
        self._ca = trustme.CA(organization_name=name)
        self._folder = folder
        self.file = folder / f"{name}.ca.pem"
        self._ca.cert_pem.write_to_path(str(self.file))

    def pair(self, name: str, *identities: str) -> Pair:
        issued = self._ca.issue_cert(*(identities or ("127.0.0.1", "localhost")))
        pair = Pair(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        issued.cert_chain_pems[0].write_to_path(str(pair.cert))
        issued.private_key_pem.write_to_path(str(pair.key))
        return pair

    def client(self, pair: Pair | None = None) -> ssl.SSLContext:
        """Return what a client that trusts this authority connects with."""
        context = ssl.create_default_context(cafile=str(self.file))
        if pair is not None:
            context.load_cert_chain(pair.cert, pair.key)
        return context
