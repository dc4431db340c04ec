"""What a level says at a scrape: the families that have a sample, with what rests, moves and grows."""

from dataclasses import dataclass

from exporter.metrics.encoding import Format, Grown
from exporter.metrics.family import Elapsed, Family, Sample
from exporter.metrics.labels import labels
from exporter.metrics.level import Level, LevelText


@dataclass(frozen=True)
class Thing:
    """Something with a size, which may be unknown, and perhaps still growing older."""

    name: str
    size: int | None = None
    since: float | None = None


SIZE: Family[Thing] = Family(
    name="size",
    type="gauge",
    help="Its size.",
    labels=("name",),
    samples=lambda it: [] if it.size is None else [Sample(labels(name=it.name), it.size)],
)
AGE: Family[Thing] = Family(
    name="age_seconds",
    type="gauge",
    help="Its age.",
    labels=("name",),
    samples=lambda it: [] if it.since is None else [Sample(labels(name=it.name), Elapsed(it.since))],
)


def level(*things: Thing) -> Level[str, Thing, Thing]:
    """Return a level with these things; what does not grow older rests, two to a block."""
    made = Level[str, Thing, Thing](
        [SIZE, AGE], read=lambda thing: thing, rests=lambda thing: thing.since is None, block_items=2
    )
    made.apply({thing.name: thing for thing in things})
    return made


def said(text: LevelText, now: float) -> str:
    """Return what a scrape reads."""
    pieces = (one.at(now) if isinstance(one, Grown) else one for one in text.pieces(Format.TEXT))
    return b"".join(one if isinstance(one, bytes) else one.text() for one in pieces).decode()


SIZE_HEAD = "# HELP size Its size.\n# TYPE size gauge\n"
AGE_HEAD = "# HELP age_seconds Its age.\n# TYPE age_seconds gauge\n"


def test_nothing_says_nothing() -> None:
    assert said(level().text(), 10.0) == ""


def test_a_family_without_a_sample_is_left_out() -> None:
    assert said(level(Thing("a", size=1)).text(), 10.0) == f'{SIZE_HEAD}size{{name="a"}} 1\n'


def test_a_family_may_have_nothing_but_what_grows() -> None:
    aged = level(Thing("a", since=4.0), Thing("b", since=5.0)).text()
    assert said(aged, 10.0) == f'{AGE_HEAD}age_seconds{{name="a"}} 6.000\nage_seconds{{name="b"}} 5.000\n'


def test_what_rests_in_blocks_follows_what_does_not() -> None:
    things = [Thing(name, size=1) for name in "abc"] + [Thing("d", size=2, since=4.0)]
    assert said(level(*things).text(), 10.0) == (
        f'{SIZE_HEAD}size{{name="d"}} 2\nsize{{name="c"}} 1\nsize{{name="a"}} 1\nsize{{name="b"}} 1\n'
        f'{AGE_HEAD}age_seconds{{name="d"}} 6.000\n'
    )


def test_between_two_scrapes_only_what_grows_is_written_anew() -> None:
    text = level(Thing("a", size=1, since=4.0), Thing("b", size=2)).text()
    anew = [piece.at(20.0) for piece in text.pieces(Format.TEXT) if isinstance(piece, Grown)]
    assert anew == [b'age_seconds{name="a"} 16.000\n']


def test_what_was_said_stays_while_the_level_changes() -> None:
    changing = level(Thing("a", size=1))
    text = changing.text()
    changing.apply({"a": None})
    assert said(text, 10.0) == f'{SIZE_HEAD}size{{name="a"}} 1\n'
    assert said(changing.text(), 10.0) == ""


def test_what_rests_already_is_said_once_when_it_is_told_of_again() -> None:
    """A block at a time or not."""
    changing = level(*(Thing(name, size=1) for name in "abc"))
    changing.apply({name: Thing(name, size=2) for name in "abcd"})
    lines = said(changing.text(), 10.0).removeprefix(SIZE_HEAD).splitlines()
    assert sorted(lines) == [f'size{{name="{name}"}} 2' for name in "abcd"]


def test_what_rests_one_by_one_comes_into_a_block_as_well() -> None:
    changing = level(Thing("a", size=1))
    changing.apply({"b": Thing("b", size=1)})
    assert changing.text().shelved.loose == ()
