"""What a URL asks the status page for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.web.status_query import Cut, StatusQuery

ODD = {
    "q": "a b",
    "target": "prod",
    "show": "problems",
    "limit": "50",
    "runs_sort": "-dpu",
    "views_page": "3",
}


def test_without_parameters_everything_is_shown_and_the_worst_comes_first() -> None:
    query = StatusQuery.parse({})
    assert (query.text, query.target, query.show, query.limit) == ("", "", "", 100)
    assert set(query.cuts.values()) == {Cut(order="status", descending=False, page=1)}
    assert query.parameters == {}


def test_every_parameter_is_read_and_written_the_same() -> None:
    query = StatusQuery.parse(ODD)
    assert query.words == ("a", "b")
    assert query.cuts["runs"] == Cut(order="dpu", descending=True)
    assert query.cuts["views"] == Cut(page=3)
    assert query.parameters == ODD


def test_empty_parameters_are_as_if_they_were_not_there() -> None:
    """A form sends its empty fields."""
    assert StatusQuery.parse(dict.fromkeys(ODD, "")) == StatusQuery.parse({})


def test_unknown_parameters_do_not_matter() -> None:
    assert StatusQuery.parse({"utm_source": "mail"}) == StatusQuery.parse({})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("q", "x" * 201),
        ("show", "everything"),
        ("limit", "0"),
        ("limit", "1001"),
        ("limit", "ten"),
        ("limit", "-1"),
        ("limit", "9" * 5000),
        ("limit", "\u0661\u0660"),
        ("runs_page", "0"),
        ("views_page", "1.5"),
        ("runs_sort", "role"),
        ("views_sort", "--view"),
        ("targets_sort", "target; DROP TABLE runs"),
    ],
)
def test_what_cannot_be_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=rf"^{name} "):
        StatusQuery.parse({name: value})


def test_a_click_on_a_column_sorts_by_it_and_a_second_one_turns_it_round() -> None:
    once = StatusQuery.parse(ODD).sorted_by("views", "view")
    twice = once.sorted_by("views", "view")
    assert (once.cuts["views"], twice.cuts["views"]) == (
        Cut(order="view", descending=False),
        Cut(order="view", descending=True),
    )
    assert once.cuts["runs"] == Cut(order="dpu", descending=True), "the other table stays"


def test_numbers_and_times_are_sorted_from_the_largest_down_first() -> None:
    assert StatusQuery.parse({}).sorted_by("runs", "bytes").url == "?runs_sort=-bytes"


def test_sorting_begins_at_the_first_page_and_paging_keeps_the_order() -> None:
    query = StatusQuery.parse({"runs_sort": "dpu"}).on_page("runs", 4)
    assert query.url == "?runs_sort=dpu&runs_page=4"
    assert query.sorted_by("runs", "view").url == "?runs_sort=view"


def test_the_url_of_the_plain_page_is_not_empty() -> None:
    """An empty one would mean the present page, parameters and all."""
    assert StatusQuery.parse({}).url == "?"


@given(st.text(st.characters(), max_size=200))
def test_any_text_can_be_put_into_a_link(text: str) -> None:
    assert StatusQuery.parse({"q": text}).url.isascii()
