"""What source tables are, and since when a view is stale or overdue."""

import pytest

from exporter.model.view import SourceKey, SourceTable, View, overdue, parse_source_arn, stale_since

ACCOUNT = "123456789012"
HOUR = 3600.0
CREATED, BEGAN, DATA = 1000.0, 5000.0, 5300.0


def test_a_view_is_a_source_like_an_iceberg_table() -> None:
    view = View(database="sales", table="daily", update_time=5.0)
    assert view.as_source() == SourceTable(table="daily", update_time=5.0, iceberg=True)


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
    assert parse_source_arn(arn) == SourceKey(*key)


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


def stale(
    *changes: list[float], began: float | None = BEGAN, kept: float | None = None, compared: bool = True
) -> float | None:
    """Return since when a view with these sources is stale; without any: with sources that cannot be read."""
    return stale_since(
        refresh_began=began,
        data_time=None if began is None else DATA,
        creation_time=CREATED,
        changes=changes or None,
        kept=kept,
        compared=compared,
    )


def test_a_view_whose_sources_rest_lacks_nothing() -> None:
    assert stale([4000.0], [BEGAN]) is None


def test_a_view_is_stale_since_the_first_change_after_its_refresh_began() -> None:
    assert stale([4000.0, 5100.0, 6000.0], [5900.0]) == 5100.0


def test_later_changes_move_nothing() -> None:
    """A compaction, say: it changes no data, and must not hide what came before."""
    assert stale([9000.0], kept=5100.0) == 5100.0


def test_a_refresh_that_began_before_a_change_does_not_hold_it() -> None:
    assert stale([5100.0, 7000.0], began=6000.0, kept=5100.0) == 7000.0
    assert stale([5100.0, 7000.0], began=7000.0, kept=5100.0) is None


def test_at_a_first_look_only_the_newest_change_is_known_to_be_one() -> None:
    assert stale([6000.0], [7000.0], compared=False) == 7000.0
    assert stale([4000.0], [4500.0], compared=False) is None


def test_without_the_sources_times_age_alone_tells() -> None:
    assert stale() == DATA
    assert stale(began=None) == CREATED


def test_a_view_that_was_never_refreshed_lacks_everything_since_its_creation() -> None:
    assert stale([10.0], began=None) == CREATED
    assert stale([7000.0], began=None) == CREATED


def late(age: float, *, interval: float | None = HOUR, refreshing: bool = False) -> bool | None:
    """Return whether a view that has been stale this long is overdue."""
    return overdue(now=BEGAN + age, stale_since=BEGAN, interval=interval, refreshing=refreshing)


@pytest.mark.parametrize("interval", [600.0, HOUR, 24 * HOUR, 7 * 24 * HOUR])
def test_a_view_has_one_and_a_half_of_its_own_intervals(interval: float) -> None:
    assert late(1.5 * interval, interval=interval) is False
    assert late(1.5 * interval + 1, interval=interval) is True


def test_a_view_that_is_being_refreshed_is_not_overdue() -> None:
    assert late(10 * HOUR, refreshing=True) is False


def test_a_view_that_lacks_nothing_is_not_overdue() -> None:
    assert overdue(now=BEGAN, stale_since=None, interval=HOUR, refreshing=False) is False


def test_without_an_interval_nothing_was_promised() -> None:
    assert late(1000 * HOUR, interval=None) is None
