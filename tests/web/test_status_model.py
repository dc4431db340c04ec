"""What is wrong with a view or a target, and what therefore comes first."""

import pytest

from exporter.errors import GlueError, Reason
from tests.support.clock import START
from tests.support.status_scene import HOUR, REGION, Scene, refresh, view, watching

DOWN = GlueError(Reason.ACCESS_DENIED, "no", operation="GetTables")
VIEWS = ("a.fine", "b.failing", "c.overdue", "d.both", "e.going", "f.manual")


@pytest.fixture
def scene() -> Scene:
    """Return a view in every state, all of one target."""
    scene = Scene(watching("prod", "*.*"), runs_per_view=3)
    scene.poll(
        "prod",
        tuple(view(name, refresh_seconds=None if name == "f.manual" else HOUR) for name in VIEWS),
        (
            refresh("a", "a.fine"),
            refresh("b1", "b.failing", ended=START - HOUR),
            refresh("b2", "b.failing", status="FAILED", error_message="Access Denied"),
            refresh("c", "c.overdue", ended=START - 3 * HOUR),
            refresh("d1", "d.both", ended=START - 9 * HOUR),
            refresh("d2", "d.both", ended=START - 2 * HOUR, status="FAILED"),
            refresh("d3", "d.both", ended=START - HOUR, status="FAILED"),
            refresh("e1", "e.going", ended=START - HOUR),
            refresh("e2", "e.going", ended=None),
            refresh("f", "f.manual", ended=START - 1000 * HOUR),
        ),
    )
    return scene


def test_the_failing_and_overdue_come_first_and_what_is_fine_last(scene: Scene) -> None:
    assert scene.views() == ["d.both", "b.failing", "c.overdue", "e.going", "a.fine", "f.manual"]


def test_only_what_is_wrong_can_be_shown(scene: Scene) -> None:
    assert scene.views(show="problems") == ["d.both", "b.failing", "c.overdue"]
    runs = scene.overview(show="problems").runs.rows
    assert [row.run_id for row in runs] == ["b2", "d3", "d2"]


def test_only_what_runs_now_can_be_shown(scene: Scene) -> None:
    page = scene.overview(show="active")
    assert [row.name for row in page.views.rows] == ["e.going"]
    assert [row.run_id for row in page.runs.rows] == ["e2"]


def test_the_summary_counts_everything_whatever_the_filter(scene: Scene) -> None:
    page = scene.overview(q="a.fine")
    assert dict(page.counts) == {"failing": 2, "overdue": 2, "unread": 0, "active": 1, "pending": 0}
    assert (page.views.matching, page.views.total) == (1, 6)


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("view", ["a.fine", "b.failing", "c.overdue", "d.both", "e.going", "f.manual"]),
        ("success", ["f.manual", "d.both", "c.overdue", "b.failing", "e.going", "a.fine"]),
        ("-failures", ["d.both", "b.failing", "c.overdue", "e.going", "a.fine", "f.manual"]),
        ("last_run", ["f.manual", "c.overdue", "d.both", "b.failing", "a.fine", "e.going"]),
    ],
)
def test_views_are_sorted(scene: Scene, order: str, expected: list[str]) -> None:
    assert scene.views(views_sort=order) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("OVERDUE", ["d.both", "c.overdue"]),
        ("access denied", ["b.failing"]),
        ("failing d3", ["d.both"]),
        (REGION, ["d.both", "b.failing", "c.overdue", "e.going", "a.fine", "f.manual"]),
        ("nothing of the kind", []),
    ],
)
def test_views_are_found_by_name_state_message_and_place(
    scene: Scene, text: str, expected: list[str]
) -> None:
    assert scene.views(q=text) == expected


def test_the_filter_of_a_target_is_for_all_tables(scene: Scene) -> None:
    page = scene.overview(target="other")
    assert (page.views.matching, page.runs.matching, page.targets.matching) == (0, 0, 0)


def test_pages_are_cut_and_counted(scene: Scene) -> None:
    page = scene.overview(limit="2", views_page="2").views
    assert [row.name for row in page.rows] == ["c.overdue", "e.going"]
    assert (page.page, page.pages, page.first, page.matching) == (2, 3, 3, 6)


def test_a_page_beyond_the_last_is_empty(scene: Scene) -> None:
    page = scene.overview(views_page="9")
    assert (page.views.rows, page.views.pages) == ([], 1)


@pytest.mark.parametrize(("hours", "overdue"), [(1.0, False), (1.4, False), (1.6, True)])
def test_a_view_is_overdue_after_one_and_a_half_intervals(hours: float, *, overdue: bool) -> None:
    scene = Scene(watching("prod", "a.*"))
    scene.poll("prod", (view("a.x"),), (refresh("r", "a.x", ended=START - hours * HOUR),))
    (row,) = scene.overview().views.rows
    assert (row.overdue, row.freshness) == (overdue, hours * HOUR)


def test_a_view_that_never_succeeded_is_measured_from_its_creation() -> None:
    scene = Scene(watching("prod", "a.*"))
    scene.poll("prod", (view("a.old"), view("a.young", creation_time=START - HOUR)))
    rows = {row.name: row for row in scene.overview().views.rows}
    assert (rows["a.old"].overdue, rows["a.young"].overdue) == (True, False)
    assert rows["a.old"].freshness is None


def test_a_view_without_an_interval_is_never_overdue() -> None:
    scene = Scene(watching("prod", "a.*"))
    scene.poll("prod", (view("a.x", refresh_seconds=None),), (refresh("r", "a.x", ended=START - 900 * HOUR),))
    (row,) = scene.overview().views.rows
    assert row.overdue is None
    assert not row.problem


def test_before_the_first_poll_nothing_is_wrong() -> None:
    scene = Scene(watching("prod", "a.x"))
    page = scene.overview()
    assert [(row.name, row.problem, row.unread) for row in page.views.rows] == [("a.x", False, False)]
    assert page.counts["pending"] == 1
    assert page.down == []


def test_a_target_that_is_down_makes_its_views_unread_and_comes_first() -> None:
    scene = Scene(watching("alpha", "a.*"), watching("omega", "z.*"))
    for name, of in (("alpha", "a.x"), ("omega", "z.x")):
        scene.poll(name, (view(of),), (refresh(f"run-{name}", of),))
    scene.poll("omega", error=DOWN)
    page = scene.overview()
    assert [row.state.target.name for row in page.targets.rows] == ["omega", "alpha"]
    assert [row.state.error for row in page.down] == ["GetTables: no"]
    assert [(row.name, row.unread) for row in page.views.rows] == [("z.x", True), ("a.x", False)]
    assert [row.state.target.name for row in scene.overview(show="problems").targets.rows] == ["omega"]


def test_a_target_with_a_pattern_that_matches_nothing_is_worth_a_look() -> None:
    scene = Scene(watching("alpha", "a.*"), watching("omega", "z.*", "nothing.*"))
    scene.poll("alpha", (view("a.x"),))
    scene.poll("omega", (view("z.x"),))
    page = scene.overview(show="problems")
    assert [(row.state.target.name, row.state.unmatched) for row in page.targets.rows] == [
        ("omega", ("nothing.*",))
    ]


@pytest.mark.parametrize(
    ("order", "first"),
    [("target", "alpha"), ("-target", "omega"), ("poll", "omega"), ("-poll", "alpha"), ("-views", "omega")],
)
def test_targets_are_sorted(order: str, first: str) -> None:
    scene = Scene(watching("alpha", "a.*"), watching("omega", "z.*"), watching("never", "n.*"))
    scene.poll("omega", (view("z.x"), view("z.y")))
    scene.clock.advance(10)
    scene.poll("alpha", (view("a.x"),))
    names = [row.state.target.name for row in scene.overview(targets_sort=order).targets.rows]
    assert names[0] == first
    assert names[-1] == "never" or order.endswith("target")
