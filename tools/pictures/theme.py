"""The colours of the pictures: Grafana's names, as its dark theme shows them."""

BACKGROUND, PANEL, EDGE = "#111217", "#181b1f", "#2a2d33"
TEXT, FAINT, GRID, LINK = "#d5d6dd", "#8e9099", "#25282e", "#6e9fff"
PALETTE = ("#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#f2495c", "#5794f2", "#b877d9", "#37872d")
"""For series without a colour of their own, in their order."""
_NAMED = {
    "green": "#73bf69",
    "red": "#f2495c",
    "dark-red": "#c4162a",
    "orange": "#ff9830",
    "yellow": "#fade2a",
    "blue": "#5794f2",
    "light-blue": "#8ab8ff",
    "purple": "#b877d9",
    "text": TEXT,
    "transparent": PANEL,
}


def colour(name: str) -> str:
    """Return a colour that Grafana knows by name, or as it is written."""
    return _NAMED.get(name, name)
