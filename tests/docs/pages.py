"""The project's pages, and their parts."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_AT_THE_TOP = (ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md"))
PAGES = tuple(sorted([*_AT_THE_TOP, *(ROOT / "docs").rglob("*.md")]))

_BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of one page."""

    page: Path
    line: int
    text: str

    def __str__(self) -> str:
        return f"{name(self.page)}:{self.line}"


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(language: str, *pages: Path) -> list[Block]:
    found: list[Block] = []
    for page in pages or PAGES:
        text = page.read_text()
        for match in _BLOCK.finditer(text):
            indent, found_language, body = match.groups()
            if found_language == language:
                line = text.count("\n", 0, match.start()) + 1
                lines = [written.removeprefix(indent) for written in body.splitlines(keepends=True)]
                found.append(Block(page, line, "".join(lines)))
    return found


def prose(page: Path) -> str:
    return _BLOCK.sub("", page.read_text())


def spans(page: Path) -> list[str]:
    return _SPAN.findall(prose(page))


def links(page: Path) -> list[str]:
    return _LINK.findall(prose(page))


def anchors(page: Path) -> set[str]:
    headings = _HEADING.findall(prose(page))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands() -> Iterator[tuple[Block, str]]:
    """Yield every line of the shell blocks, without comments."""
    for block in blocks("sh"):
        for line in block.text.splitlines():
            if line and not line.startswith("#"):
                yield block, line
