"""A long list of run IDs is read as YAML reads it, wherever it stands and whatever is around it."""

import uuid
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter import config
from exporter.config.document import Items, Section
from exporter.config.reader import MOST_VALUES, UnreadableError, read
from exporter.config.run_lists import LEAST, MARK, Shortened, shortened
from exporter.errors import ConfigurationError

IDS = [str(uuid.UUID(int=number * 0x9E3779B97F4A7C15)) for number in range(1, 9)]
SINGLE, DOUBLE, TAB = "'", '"', "\t"
NEVER = 10**9
"""A length that no list has."""


def lines(indent: str = "    ", quote: str = "", ids: list[str] = IDS) -> str:
    """Return a list with a line for each ID."""
    return "".join(f"{indent}- {quote}{run_id}{quote}\n" for run_id in ids)


def everything(node: object) -> object:
    """Return all that is known of a part of a document, to be compared."""
    if isinstance(node, Section):
        return node.line, node.lines, {key: everything(value) for key, value in node.items()}
    if isinstance(node, Items):
        return node.line, list(node.lines), list(node.positions), [everything(value) for value in node]
    return node


def outcome(text: str, *, longest_list: int) -> object:
    """Return what reading the text leads to: the document and its problems, or why it cannot be read."""
    try:
        found = read(text, longest_list=longest_list)
    except UnreadableError as error:
        return error.problems
    return everything(found.document.root), found.problems, found.spoiled


LIST = f"runs:\n{lines()}"
TEXTS = {
    "alone": lines(""),
    "of a target": f"targets:\n  - name: a\n    runs:\n{lines()}  - name: b\n    runs:\n{lines()}",
    "in quotes": f"runs:\n{lines(quote=DOUBLE)}",
    "in single quotes": f"runs:\n{lines(quote=SINGLE)}more:\n{lines(quote=DOUBLE)}",
    "at the indentation of its key": f"runs:\n{lines('')}",
    "with others around": f"runs:\n    - first\n{lines()}    - last\nother: 1\n",
    "with a comment within": f"runs:\n{lines(ids=IDS[:4])}    # four more\n{lines(ids=IDS[4:])}",
    "with an empty line within": f"runs:\n{lines(ids=IDS[:4])}\n{lines(ids=IDS[4:])}",
    "with a comment behind one": f"runs:\n{lines(ids=IDS[:4])}    - {IDS[4]} # this\n{lines(ids=IDS[5:])}",
    "with an item of another kind within": f"runs:\n{lines(ids=IDS[:4])}    - {{a: 1}}\n{lines(ids=IDS[4:])}",
    "without a line end": LIST[:-1],
    "with line ends of Windows": LIST.replace("\n", "\r\n"),
    "indented by a tab": f"runs:\n{lines(TAB)}",
    "in a text": f"note: |\n{lines()}more: 1\n",
    "in a folded text": f"note: >\n{lines()}more: 1\n",
    "in a quoted text": f'note: "\n{lines()}"\nmore: 1\n',
    "in a plain text": f"note: word\n{lines()}more: 1\n",
    "with its last item going on": f"{LIST}      and more\nother: 1\n",
    "in brackets": f"runs: [\n{lines()}]\n",
    "in braces": f"runs: {{\n{lines()}}}\n",
    "under a key that comes twice": f"runs: 1\nruns:\n{lines()}other: 1\n",
    "with a name that comes again": f"runs: &all\n{lines()}more: *all\n",
    "with a tag": f"runs: !!seq\n{lines()}",
    "with a tag of another kind": f"runs: !!map\n{lines()}",
    "under a key in question": f"? runs\n:\n{lines()}",
    "as a key": f"?\n{lines()}: 1\n",
    "as what a section takes in": f"<<:\n{lines()}",
    "less indented than what comes before": f"runs:\n      - first\n{lines()}",
    "more indented than what comes before": f"runs:\n  - first\n{lines()}",
    "before something that is wrong": f"{LIST}other: [\n",
    "behind something that is wrong": f"other: ]\n{LIST}",
    "after the end of the document": f"runs: 1\n...\n{lines('')}",
    "in a second document": f"runs: 1\n---\n{lines('')}",
    "nested too deep": "".join(f"{'  ' * n}a:\n" for n in range(40)) + lines("  " * 41),
    "with the word that stands for lists": f"{LIST}note: {MARK}0\n",
    "with that word as a comment": f"{LIST}# {MARK}1\n",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("longest_list", [1, 4, 5, 8])
def test_it_says_the_same_wherever_it_stands(text: str, longest_list: int) -> None:
    assert outcome(text, longest_list=longest_list) == outcome(text, longest_list=NEVER)


PIECES = st.sampled_from(
    [
        lines(),
        lines(""),
        lines("  "),
        lines("  ", quote='"', ids=IDS[:3]),
        "a:\n", "b:\n", "  c:\n", "    - d\n", "  - name: x\n", "    runs:\n", "note: |\n", "note: >-\n",
        'note: "\n', '"\n', "'\n", "[\n", "]\n", "{\n", "}\n", "\n", "    \n", "# remark\n", "&x ", "*x\n",
        "? ", ": ", "- ", "--- ", "...\n", "!!str ", "<<: ", "\t", f"{IDS[0]}\n", "      more\n",
    ]
)  # fmt: skip


@given(st.lists(PIECES, max_size=12).map("".join))
def test_it_says_the_same_in_any_text(text: str) -> None:
    assert outcome(text, longest_list=2) == outcome(text, longest_list=NEVER)


def test_most_of_it_is_not_left_to_yaml() -> None:
    """And every line keeps its number."""
    short = shortened(f"{LIST}other: 1\n", least=len(IDS))
    assert short == Shortened("runs:\n    - run-list-0\n\n\n\n\n\n\n\nother: 1\n", {"run-list-0": IDS})
    assert shortened(LIST, least=len(IDS) + 1) is None


def test_each_list_has_an_item_of_its_own() -> None:
    short = shortened(f"{LIST}more:\n{lines(quote=DOUBLE, ids=IDS[:2])}", least=2)
    assert short
    assert short.lists == {f"{MARK}0": IDS, f"{MARK}1": IDS[:2]}


@pytest.mark.parametrize(
    "other",
    [
        "no-run-id",
        IDS[0][:-1],
        f"{IDS[0]}0",
        f"{IDS[0]} ",
        IDS[0].replace("0", "g"),
        f"'{IDS[0]}'",
        f"[{IDS[0]}]",
    ],
)
def test_what_is_not_quite_an_item_of_it_is_left_to_yaml(other: str) -> None:
    text = f"runs:\n{lines(ids=IDS[:3])}    - {other}\n{lines(ids=IDS[3:])}"
    short = shortened(text, least=3)
    assert short
    assert [*short.lists.values()] == [IDS[:3], IDS[3:]]
    assert outcome(text, longest_list=3) == outcome(text, longest_list=NEVER)


def generated(text: Callable[[str], str]) -> bytes:
    """Return a configuration with the fewest runs that are not left to YAML."""
    ids = [str(uuid.UUID(int=number)) for number in range(LEAST)]
    return text(lines("  ", ids=ids)).encode()


TARGET = 'targets:\n- aws_region: eu-west-1\n  catalog_id: "123456789012"\n  runs:\n'


def test_a_configuration_with_many_runs_watches_all_of_them() -> None:
    content = generated(lambda runs: f"{TARGET}{runs}  name: many\n")
    assert shortened(content.decode())
    (target,) = config.parse(content, "many.yaml").settings.targets
    assert target.run_ids == tuple(str(uuid.UUID(int=number)) for number in range(LEAST))
    assert target.name == "many"


def test_what_is_wrong_behind_many_runs_is_told_with_its_line() -> None:
    content = generated(lambda runs: f"{TARGET}{runs}  - no-run-id\n  - {uuid.UUID(int=7)}\n")
    with pytest.raises(ConfigurationError) as refused:
        config.parse(content, "many.yaml")
    (line,) = refused.value.lines()
    assert line.startswith(f"many.yaml:{4 + LEAST + 1}: targets[0].runs[{LEAST}]: ")
    fine = config.parse(content.replace(b"  - no-run-id\n", b""), "many.yaml")
    assert fine.warning_lines == (
        f"many.yaml:{4 + LEAST + 1}: targets[0].runs[{LEAST}]: the same as on line {4 + 8}: watched once",
    )


def test_too_many_are_too_many() -> None:
    """Aliases written out, as ever."""
    many = lines("", ids=[str(uuid.UUID(int=number)) for number in range(MOST_VALUES // 10)])
    text = f"a: &a\n{many}b: [{', '.join(['*a'] * 10)}]\n"
    assert outcome(text, longest_list=LEAST) == outcome(text, longest_list=NEVER)
    with pytest.raises(UnreadableError, match="holds more than"):
        read(text)
