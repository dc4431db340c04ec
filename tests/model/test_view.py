"""What source tables are, and since when a view is stale or overdue."""

from typing import Any

import pytest

from exporter.model.view import ViewKey, overdue, parse_source_arn, stale_since

ACCOUNT = "123456789012"
HOUR = 3600.0
CREATED, BEGAN, DATA = 1000.0, 5000.0, 5300.0
NEVER: dict[str, Any] = {"refresh_began": None, "data_time": None}


@pytest.mark.parametrize(
    ("arn", "key"),
    [
        (f"arn:aws:glue:eu-west-1:{ACCOUNT}:table/sales/orders", ("eu-west-1", ACCOUNT, "sales", "orders")),
        (f"arn:aws-us-gov:glue:us-gov-west-1:{ACCOUNT}:table/a/b", ("us-gov-west-1", ACCOUNT, "a", "b")),
        (f"arn:aws-cn:glue:cn-north-1:{ACCOUNT}:table/a b/c.d", ("cn-north-1", ACCOUNT, "a b", "c.d")),
        (
            f"arn:aws:glue:us-east-1:{ACCOUNT}:table/s3tablescatalog/lake/sales/orders",
            ("us-east-1", f"{ACCOUNT}:s3tablescatalog/lake", "sales", "orders"),
        ),
    ],
)
def test_an_arn_names_a_table(arn: str, key: tuple[str, ...]) -> None:
    assert parse_source_arn(arn) == ViewKey(*key)


@pytest.mark.parametrize(
    "arn",
    [
        "",
        "sales.orders",
        f"arn:aws:glue:eu-west-1:{ACCOUNT}:database/sales",
        f"arn:aws:glue:eu-west-1:{ACCOUNT}:table/sales",
        f"arn:aws:glue:eu-west-1:{ACCOUNT}:table/other/lake/sales/orders",
        "arn:aws:glue:eu-west-1:1234:table/sales/orders",
        "arn:aws:s3tables:eu-west-1:123456789012:bucket/lake/table/0b1c",
    ],
)
def test_anything_else_names_none(arn: str) -> None:
    assert parse_source_arn(arn) is None


@pytest.mark.parametrize(
    ("changes", "given", "since"),
    [
        pytest.param([[4000.0], [BEGAN]], {}, None, id="the sources rest"),
        pytest.param([[4000.0, 5100.0, 6000.0], [5900.0]], {}, 5100.0, id="the first change after it began"),
        # A compaction, say: it changes no data, and must not hide what came before.
        pytest.param([[9000.0]], {"kept": 5100.0}, 5100.0, id="a later change moves nothing"),
        pytest.param(
            [[5100.0, 7000.0]], {"kept": 5100.0, "refresh_began": 6000.0}, 7000.0, id="began before a change"
        ),
        pytest.param([[5100.0, 7000.0]], {"kept": 5100.0, "refresh_began": 7000.0}, None, id="began with it"),
        pytest.param([[6000.0], [7000.0]], {"compared": False}, 7000.0, id="a first look: the newest"),
        pytest.param([[4000.0], [4500.0]], {"compared": False}, None, id="a first look: nothing new"),
        pytest.param(None, {}, DATA, id="unreadable sources: its age"),
        pytest.param(None, NEVER, CREATED, id="unreadable sources, never refreshed"),
        pytest.param([[10.0]], NEVER, CREATED, id="never refreshed, old sources"),
        pytest.param([[7000.0]], NEVER, CREATED, id="never refreshed, new sources"),
    ],
)
def test_since_when_a_view_is_stale(
    changes: list[list[float]] | None, given: dict[str, Any], since: float | None
) -> None:
    known: dict[str, Any] = {
        "refresh_began": BEGAN,
        "data_time": DATA,
        "creation_time": CREATED,
        "kept": None,
        "compared": True,
    }
    assert stale_since(**known | given, changes=changes) == since


def late(age: float, *, interval: float | None = HOUR, refreshing: bool = False) -> bool | None:
    """Return whether a view that has been stale this long is overdue."""
    return overdue(now=BEGAN + age, stale_since=BEGAN, interval=interval, refreshing=refreshing)


@pytest.mark.parametrize("interval", [600.0, HOUR, 24 * HOUR, 7 * 24 * HOUR])
def test_a_view_has_one_and_a_half_of_its_own_intervals(interval: float) -> None:
    assert late(1.5 * interval, interval=interval) is False
    assert late(1.5 * interval + 1, interval=interval) is True


def test_a_view_is_not_overdue_while_it_is_refreshed_or_lacks_nothing_or_has_no_interval() -> None:
    assert late(10 * HOUR, refreshing=True) is False
    assert overdue(now=BEGAN, stale_since=None, interval=HOUR, refreshing=False) is False
    assert late(1000 * HOUR, interval=None) is None
