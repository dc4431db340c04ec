"""Blocks as a file: what comes back is what was kept, or nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.metrics.block import Block
from exporter.metrics.kept_blocks import KeptBlock, UnusableBlocksError, dump, load

KEPT = (
    KeptBlock(
        ("eu-west-1", "123456789012"),
        Block.of({"a": (b"x 1\n", b""), "b": (b"x 2\n", b""), "c": (b"x" * 70_000, b"")}),
    ),
    KeptBlock(("us-east-1", "210987654321"), Block.of({"\xe4": ("y \xe4\n".encode(), b"z 1\n")})),
)
STAMP = "of this state"


def file() -> bytes:
    """Return what is written."""
    return b"".join(dump(KEPT, STAMP))


def test_what_was_kept_comes_back() -> None:
    """Lengths of either width, families without a line and all."""
    kept = load(file())
    assert (kept.stamp, kept.blocks) == (STAMP, list(KEPT))
    assert [one.block.items() for one in kept.blocks] == [one.block.items() for one in KEPT]


def test_nothing_comes_back_as_nothing() -> None:
    assert load(b"".join(dump([], STAMP))) == (STAMP, [])


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\n",
        b"[]\n",
        b"7\n",
        b'["a","b"]\n',
        b'["a","b","c"]\n',
        b'["a","\\ud800","c"]\n',
        b"\xff\n",
        b"{",
    ],
)
def test_a_file_of_another_kind_is_refused(head: bytes) -> None:
    with pytest.raises(UnusableBlocksError):
        load(head + file()[1:])
    with pytest.raises(UnusableBlocksError):
        load(head)


@given(st.floats(0, 1, exclude_max=True), st.integers(1, 255))
def test_a_file_with_one_other_byte_is_refused(place: float, change: int) -> None:
    damaged = bytearray(file())
    damaged[int(place * len(damaged))] ^= change
    with pytest.raises(UnusableBlocksError):
        load(bytes(damaged))


@given(st.floats(0, 1, exclude_max=True))
def test_a_file_that_was_cut_is_refused(part: float) -> None:
    with pytest.raises(UnusableBlocksError):
        load(file()[: int(part * len(file()))])
