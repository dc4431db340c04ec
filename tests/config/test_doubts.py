"""What is valid, and yet surely not meant."""

from pathlib import Path

import botocore.session
import pytest

from exporter import config

DATA = Path(__file__).parents[1] / "testdata" / "config" / "valid"
BRACES = "braces are not wildcards: write a pattern for each name"
ANCHORS = "^ and $ are not anchors: a pattern always matches the whole name"
UNCLOSED = "the [ is never closed, and stands for itself"
QUOTES = "typographic quotes are part of the name"
BLANK = "the blank is part of the name"
PATTERNS = [
    ("4: targets[0].views[0]", "{orders,returns}", BRACES),
    ("5: targets[0].views[1]", "^sales", ANCHORS),
    ("6: targets[0].views[2]", "orders$", ANCHORS),
    ("7: targets[0].views[3]", "[^a]*", "[^…] does not negate: write [!…]"),
    ("8: targets[0].views[4]", "[a-m*", UNCLOSED),
    ("9: targets[0].views[5]", "[!]", UNCLOSED),
    ("10: targets[0].views[6]", "orders”", QUOTES),
    ("10: targets[0].views[6]", "“sales", QUOTES),
    ("11: targets[0].views[7]", "daily orders", BLANK),
    ("12: targets[0].views[8]", " sales", BLANK),
    ("13: targets[0].views[9]", "ord%", "% is not a wildcard: write *"),
    ("14: targets[0].views[10]", "a{b}", BRACES),
    ("15: targets[0].exclude_views[0]", "tmp{1}", BRACES),
]


def warnings(text: str) -> list[str]:
    lines = config.parse(text.encode(), "config.yaml").warning_lines
    return [line.removeprefix("config.yaml:") for line in lines]


def test_what_cannot_mean_what_it_says_is_warned_of_and_nothing_else() -> None:
    assert warnings((DATA / "doubtful_patterns.yaml").read_text()) == [
        *(f'{place}: "{text}" may not mean what it says: {meaning}' for place, text, meaning in PATTERNS),
        "25: targets[2].views: exclude_views excludes everything that these match",
        '31: targets[4].aws_region: "eu-wset-1" is not a region that the AWS SDK knows: is it misspelt?',
        '34: targets[5].aws_regions[1]: "xx-east-1" is not a region that the AWS SDK knows: is it misspelt?',
    ]


@pytest.mark.parametrize(
    ("view", "excluded", "nothing_left"),
    [
        ("sales.orders", "sales.orders", True),
        ("sales.orders", "sales.[o-p]rders", True),
        ("sales.a?", "s*.a*", True),
        ("sales.a*", "sales.a?", False),
        ("sales.[a-z]", "sales.[a-m]", False),
        ("sales.*", "sales.a*", False),
    ],
)
def test_nothing_left_is_warned_of_where_it_is_certain(
    view: str, excluded: str, *, nothing_left: bool
) -> None:
    found = warnings(f"defaults: {{exclude_views: ['{excluded}']}}\ntargets: [{{views: ['{view}']}}]")
    assert bool(found) is nothing_left


def test_every_region_of_the_sdk_is_known() -> None:
    session = botocore.session.get_session()
    partitions = session.get_available_partitions()
    assert {"aws", "aws-cn", "aws-us-gov", "aws-eusc"} <= set(partitions)
    regions = {
        region
        for partition in partitions
        for service in ("ec2", "glue", "sts")
        for region in session.get_available_regions(service, partition)
        if not region.endswith("-global")
    }
    assert len(regions) > 30
    assert warnings(f"targets: [{{views: ['a.b'], aws_regions: [{', '.join(regions)}]}}]") == []
