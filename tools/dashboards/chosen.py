"""The views that the variables of the fleet's dashboard choose."""

from tools.dashboards.promql import VIEW

WHERE = 'aws_region=~"$aws_region", database=~"$database"'
CHOSEN = f'glue_mv_refresh_view_info{{target=~"$target", {WHERE}}}'
"""The views that the variables choose; other series do not know their target."""
MONEY = "currencyUSD"


def chosen(expr: str) -> str:
    """Return of these views those that the variables choose."""
    return f"({expr})\nand on ({VIEW}) {CHOSEN}"


def money(dpu_seconds: str) -> str:
    """Return what these DPU seconds cost."""
    return f"{dpu_seconds} / 3600 * $price"
