"""Credentials that are handed over, for a Glue that takes any: the simulated one."""

from typing import Any

import botocore.session


def fixed_session(_profile: str | None) -> Any:
    """Return a session with made-up credentials: it never looks at the environment for real ones."""
    no_profile = {"profile": (None, None, None, None)}  # nor for AWS_PROFILE, which may name a missing one
    session = botocore.session.Session(session_vars=no_profile)
    session.set_credentials("simulated", "simulated")
    return session
