"""Rendezvous hashing: every target on one shard, few that move, and never another answer than today's."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.model.sharding import MOST_SHARDS, Shard, owner

names = st.lists(st.text(min_size=1, max_size=40).filter(str.isprintable), unique=True, max_size=30)
counts = st.integers(min_value=1, max_value=40)


@pytest.mark.parametrize(
    ("name", "of_2", "of_3", "of_4", "of_8"),
    [
        ("default", 0, 0, 3, 7),
        ("prod", 0, 2, 2, 6),
        ("eu-west-1", 1, 2, 2, 7),
        ("eu-west-1/123456789012", 0, 2, 2, 2),
        ("lake/eu-west-1", 0, 0, 0, 6),
        ("lake/us-east-1", 1, 2, 2, 2),
        ("größe", 1, 2, 2, 2),
        ("a b", 0, 0, 0, 7),
    ],
)
def test_the_assignment_is_what_it_has_always_been(
    name: str, of_2: int, of_3: int, of_4: int, of_8: int
) -> None:
    """A hash that changed would take every target from the process that holds its state."""
    assert [owner(name, count) for count in (2, 3, 4, 8)] == [of_2, of_3, of_4, of_8]


@given(names, counts)
def test_a_target_that_moves_when_a_shard_is_added_moves_to_the_new_one(found: list[str], count: int) -> None:
    for name in found:
        assert owner(name, count + 1) in {owner(name, count), count}


@pytest.mark.parametrize("count", [2, 3, 8])
def test_shards_are_about_equal_and_one_target_in_n_moves_when_one_is_added(count: int) -> None:
    names = [f"account-{number}/eu-west-1" for number in range(4000)]
    sizes = Counter(owner(name, count) for name in names)
    assert [sizes[index] for index in range(count)] == pytest.approx([4000 / count] * count, rel=0.15)
    moved = sum(owner(name, count) != owner(name, count + 1) for name in names)
    assert moved == pytest.approx(4000 / (count + 1), rel=0.15)


@pytest.mark.parametrize(
    ("text", "shard"),
    [
        ("0/1", Shard(0, 1)),
        ("2/3", Shard(2, 3)),
        ("00/3", Shard(0, 3)),
        (f"{MOST_SHARDS - 1}/{MOST_SHARDS}", Shard(MOST_SHARDS - 1, MOST_SHARDS)),
        ("glue-mv-exporter-2/3", Shard(2, 3)),
        ("eu.glue-7-10/11", Shard(10, 11)),
    ],
)
def test_a_shard_is_written_i_of_n_or_with_the_name_of_a_pod(text: str, shard: Shard) -> None:
    assert Shard.parse(text) == Shard.parse(str(shard)) == shard


REFUSED = [
    *("", "a/b", "-1/3", "1/-3", "1", "/", "1/", "/3", "1/3/5", " 1/3", "1/3\n", "0x1/3", "1.0/3"),
    *("\u0660/\u0663", "glue-mv-exporter-7c9d8f6b5-x2kqz/3", "glue-mv-exporter/3", "glue2/3", "-2/3"),
    *("Glue-2/3", "$(POD_NAME)/3"),
]


@pytest.mark.parametrize("text", REFUSED)
def test_anything_else_is_no_shard(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a valid shard: .*; write i/n, such as 0/3 for the first of"):
        Shard.parse(text)


@pytest.mark.parametrize("text", ["2/2", "1/1", "0/0", "0/1001", "0/999999999"])
def test_a_shard_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=f"'{text}'; .*: i must be below n, and n at most 1000"):
        Shard.parse(text)
