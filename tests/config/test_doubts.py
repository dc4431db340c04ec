"""What is valid, and yet surely not meant."""

from pathlib import Path

import botocore.session
import pytest

from exporter import config

DATA = Path(__file__).parents[1] / "testdata" / "config" / "valid"


def warnings(text: str) -> tuple[str, ...]:
    return config.parse(text.encode(), "config.yaml").warning_lines


def test_patterns_that_cannot_mean_what_they_say_are_warned_of() -> None:
    """Each with its line, and the others not at all."""
    told = warnings((DATA / "doubtful_patterns.yaml").read_text())
    braces = "braces are not wildcards: write a pattern for each name"
    anchors = "^ and $ are not anchors: a pattern always matches the whole name"
    unclosed = "the [ is never closed, and stands for itself"
    quotes = "typographic quotes are part of the name"
    blank = "the blank is part of the name"
    expected = [
        ("4: targets[0].views[0]", "{orders,returns}", braces),
        ("5: targets[0].views[1]", "^sales", anchors),
        ("6: targets[0].views[2]", "orders$", anchors),
        ("7: targets[0].views[3]", "[^a]*", "[^…] does not negate: write [!…]"),
        ("8: targets[0].views[4]", "[a-m*", unclosed),
        ("9: targets[0].views[5]", "[!]", unclosed),
        ("10: targets[0].views[6]", "orders”", quotes),
        ("10: targets[0].views[6]", "“sales", quotes),
        ("11: targets[0].views[7]", "daily orders", blank),
        ("12: targets[0].views[8]", " sales", blank),
        ("13: targets[0].views[9]", "ord%", "% is not a wildcard: write *"),
        ("14: targets[0].views[10]", "a{b}", braces),
        ("15: targets[0].exclude_views[0]", "tmp{1}", braces),
    ]
    assert told[: len(expected)] == tuple(
        f'config.yaml:{place}: "{text}" may not mean what it says: {meaning}'
        for place, text, meaning in expected
    )
    assert told[len(expected) :] == (
        (
            "config.yaml:26: targets[2].exclude_views: excludes everything that targets[2].views (line 25)"
            " matches"
        ),
        (
            'config.yaml:31: targets[4].aws_region: "eu-wset-1" is not a region that the AWS SDK knows: '
            "is it misspelt?"
        ),
        (
            'config.yaml:34: targets[5].aws_regions[1]: "xx-east-1" is not a region that the AWS SDK knows: '
            "is it misspelt?"
        ),
    )


@pytest.mark.parametrize(
    ("view", "excluded", "nothing_left"),
    [
        ("sales.orders", "sales.orders", True),
        ("sales.orders", "sales.[o-p]rders", True),
        ("sales.[o-p]*", "sales.[o-p]*", True),
        ("sales.a?", "s*.a*", True),
        ("sales.a*", "sales.a?", False),
        ("sales.[a-z]", "sales.[a-m]", False),
        ("sales.*", "sales.a*", False),
    ],
)
def test_nothing_left_is_warned_of_where_it_is_certain(view: str, excluded: str, nothing_left: bool) -> None:  # noqa: FBT001 (a table of examples)
    told = warnings(f"targets: [{{views: ['{view}'], exclude_views: ['{excluded}']}}]")
    assert bool(told) is nothing_left


def test_a_default_that_excludes_everything_is_named_where_it_stands() -> None:
    told = warnings("defaults:\n  exclude_views: ['*.*']\ntargets:\n  - views: ['a.b']\n")
    assert told == (
        "config.yaml:2: defaults.exclude_views: excludes everything that targets[0].views (line 4) matches",
    )


def test_every_region_of_the_sdk_is_known() -> None:
    """In each of its partitions."""
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
    for region in sorted(regions):
        assert warnings(f"targets: [{{views: ['a.b'], aws_region: {region}}}]") == ()
