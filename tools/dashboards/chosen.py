"""The views that the variables of the fleet's dashboard choose."""

from tools.dashboards.promql import RELEASES, VIEW

WHERE = f'{RELEASES}, aws_region=~"$aws_region", database=~"$database"'
CHOSEN = f'glue_mv_refresh_view_info{{{WHERE}, target=~"$target", owner=~"$owner"}}'
"""The views that the variables choose; other series do not know their target and owner."""
MONEY = "currencyUSD"


def chosen(expr: str) -> str:
    """Return of these views those that the variables choose."""
    return f"({expr})\nand on ({VIEW}) {CHOSEN}"


def number(expr: str) -> str:
    """Return how many of the chosen views are among these; 0 only where views are known."""
    return f"count({chosen(expr)}) or 0 * count({CHOSEN})"


def money(dpu_seconds: str) -> str:
    """Return what these DPU seconds cost."""
    return f"{dpu_seconds} / 3600 * $price"
