"""What a URL must be that somebody writes into a configuration or a flag."""

from urllib.parse import urlsplit


def check_http_url(text: str, *, example: str) -> None:
    """Raise ValueError, with a sentence, for what is not an http or https URL that ends with its path.

    A user name or a password in it is refused, and not shown. ``example``: what to write instead.
    """
    wrong = f"not a valid http or https URL with a host: write one such as {example}"
    try:
        parts = urlsplit(text)
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise ValueError(wrong) from None
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not hold a user name or a password")
    well_formed = text.isascii() and text.isprintable() and " " not in text and "\\" not in text
    if not text.startswith(("http://", "https://")) or not has_host or not well_formed:
        raise ValueError(wrong)
    if "?" in text or "#" in text:
        raise ValueError("must end with the path: no ? and no #")
