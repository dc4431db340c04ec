"""What the benchmark found: lines of a table, each against its goal, and the machine it ran on."""

import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Line:
    """One measured goal."""

    what: str
    ours: str
    """The measured value, with its unit."""
    other: str
    """What it is compared with, and that one's value."""
    ratio: float
    """What the goal is about."""
    goal: float
    at_least: bool = False
    """Whether the ratio shall be no less than the goal; else no more."""
    unit: str = " times"

    @property
    def met(self) -> bool:
        """Tell whether the goal is reached."""
        return self.ratio >= self.goal if self.at_least else self.ratio <= self.goal

    @property
    def measured(self) -> str:
        """Return the ratio for people."""
        return f"{self.ratio:,.3g}{self.unit}" if self.ratio < 100 else f"{self.ratio:,.0f}{self.unit}"

    @property
    def wanted(self) -> str:
        """Return the goal for people."""
        return f"{'≥' if self.at_least else '≤'} {self.goal:,g}{self.unit}"


def machine() -> dict[str, Any]:
    """Describe where this runs."""
    processors = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    memory = Path("/proc/meminfo").read_text().split()[1]
    return {
        "processor": processors[0] if processors else platform.processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(int(memory) / 2**20, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_average": [round(one, 2) for one in os.getloadavg()],
    }


def milliseconds(seconds: float) -> str:
    """Write a time for people."""
    return f"{seconds * 1000:,.2f} ms" if seconds < 1 else f"{seconds:,.2f} s"
