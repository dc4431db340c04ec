"""Cheap bcrypt hashes: the lowest cost takes a millisecond."""

import base64

import bcrypt


def hashed(password: str, prefix: str = "2b") -> str:
    """Return a hash as users write it into the file."""
    stored = bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(4)).decode()
    return stored.replace("2b", prefix, 1)


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}
