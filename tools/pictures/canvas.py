"""A picture measured in pixels from its upper left corner, with room for graphs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle
from PIL import Image

from tools.pictures.theme import BACKGROUND, EDGE, FAINT, GRID, PANEL, TEXT

DPI = 100
mpl.rcParams["font.family"] = ["DejaVu Sans"]


@dataclass(frozen=True, slots=True)
class Box:
    """A place on the picture."""

    x: float
    y: float
    width: float
    height: float

    def inside(self, left: float, top: float, right: float, bottom: float) -> "Box":
        """Return what is left within margins."""
        return Box(self.x + left, self.y + top, self.width - left - right, max(1, self.height - top - bottom))


class Canvas:
    """Draws on one picture."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor=BACKGROUND)
        self._page = self._figure.add_axes((0, 0, 1, 1))
        self._page.set_xlim(0, width)
        self._page.set_ylim(height, 0)
        self._page.axis("off")

    def panel(self, box: Box, title: str) -> Box:
        """Draw a panel's frame and title, and return what is left for its content."""
        self._page.add_patch(
            FancyBboxPatch(
                (box.x, box.y), box.width, box.height, boxstyle="round,pad=0,rounding_size=3",
                facecolor=PANEL, edgecolor=EDGE, linewidth=0.8,
            )
        )  # fmt: skip
        self.text(box.x + 10, box.y + 17, title, size=8.5, weight="bold")
        return box.inside(10, 32, 10, 8)

    def rectangle(self, box: Box, colour: str, alpha: float = 1) -> None:
        """Fill a rectangle."""
        self._page.add_patch(
            Rectangle((box.x, box.y), box.width, box.height, color=colour, alpha=alpha, linewidth=0)
        )

    def rule(self, x: float, y: float, width: float) -> None:
        """Draw a thin line from left to right."""
        self._page.plot([x, x + width], [y, y], color=EDGE, linewidth=0.7)

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float = 8,
        colour: str = TEXT,
        align: str = "left",
        weight: str = "normal",
        within: float | None = None,
    ) -> None:
        """Write a line, its middle at ``y``; what is longer than ``within`` is cut."""
        if within is not None:
            most = max(1, int(within / (size * 0.83)))
            text = text if len(text) <= most else text[: most - 1] + "\N{HORIZONTAL ELLIPSIS}"
        self._page.text(
            x, y, text.replace("$", r"\$"), fontsize=size, color=colour, ha=align, va="center_baseline",
            fontweight=weight,
        )  # fmt: skip

    def legend(self, box: Box, entries: Sequence[tuple[str, str]]) -> None:
        """Write a legend in one line, from left to right."""
        x = box.x
        for name, colour in entries:
            if x + 16 + 6.2 * len(name) > box.x + box.width:
                break
            self.rectangle(Box(x, box.y + box.height / 2 - 2, 11, 3.5), colour)
            self.text(x + 16, box.y + box.height / 2, name, size=7.5, colour=FAINT)
            x += 30 + 6.2 * len(name)

    def graph(self, box: Box) -> Any:
        """Return axes at this place."""
        axes = self._figure.add_axes(
            (
                box.x / self.width,
                1 - (box.y + box.height) / self.height,
                box.width / self.width,
                box.height / self.height,
            ),
            facecolor=PANEL,
        )
        for side in ("top", "right", "left", "bottom"):
            axes.spines[side].set_visible(False)
        axes.tick_params(length=0, labelsize=7.5, labelcolor=FAINT, pad=4)
        axes.grid(visible=True, color=GRID, linewidth=0.8)
        axes.set_axisbelow(True)
        return axes

    def save(self, path: Path) -> None:
        """Write the picture with a palette: flat colours need no more."""
        self._figure.savefig(path, dpi=DPI, facecolor=BACKGROUND)
        with Image.open(path) as picture:
            picture.convert("RGB").quantize(128, dither=Image.Dither.NONE).save(path, optimize=True)
