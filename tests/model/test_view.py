"""Which table an ARN names."""

import pytest

from exporter.model.view import ViewKey, parse_source_arn

ACCOUNT = "123456789012"


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
