"""The web configuration and the files that it names, read the way every command wants them."""

from exporter.config.web import load_web
from exporter.web.security import LiveSecurity, Security, UnusableFilesError
from exporter.web.tls import TlsFileError


def load_security(file: str) -> Security:
    """Read the file of ``--web.config.file``, and certificates and keys. Raises ConfigurationError."""
    loaded = load_web(file)
    try:
        return Security.of(loaded.settings)
    except TlsFileError as error:
        tls = loaded.settings.tls
        problem = loaded.problem(error.key, error.message)
        raise UnusableFilesError(problem, tls.files if tls else ()) from None


def live_security(file: str) -> LiveSecurity:
    """Return what follows the file while the program runs."""
    return LiveSecurity(file, lambda: load_security(file))
