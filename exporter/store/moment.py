"""When something is taken in, and by which settings."""

from dataclasses import dataclass

from exporter.model.settings import Settings


@dataclass(frozen=True, slots=True)
class Moment:
    """One commit's now."""

    now: float
    """Unix time."""
    monotonic: float
    settings: Settings
