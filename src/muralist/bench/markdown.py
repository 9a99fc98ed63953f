"""Pages as Markdown, with GitHub's tables."""

import re
from collections.abc import Iterator, Sequence

from muralist.bench.page import (
    Block,
    Body,
    Cell,
    Code,
    Figure,
    Heading,
    Item,
    Link,
    Page,
    Paragraph,
    Table,
    Terms,
    Thumbnail,
)

__all__ = ["markdown"]


def markdown(page: Page) -> str:
    """The text of a file."""
    return "\n\n".join([f"# {_plain(page.title)}", *map(_block, page.blocks)]) + "\n"


def _block(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"{'#' * level} {_plain(text)}"
        case Paragraph(text):
            return _plain(text)
        case Code(text):
            return f"```sh\n{text}\n```"
        case Terms(meanings):
            return "\n".join(f"- **{_plain(word)}**: {_plain(said)}" for word, said in meanings)
        case Figure(file, alt, caption):
            return f"![{_plain(alt)}]({file})\n\n*{_plain(caption)}*"
        case Table():
            return "\n".join(_table(block))


def _table(table: Table) -> Iterator[str]:
    yield _line([_plain(column.heading) for column in table.columns])
    yield _line(["---" if column.align == "left" else "---:" for column in table.columns])
    for body in table.bodies:
        yield from _body(body, len(table.columns))


def _body(body: Body, width: int) -> Iterator[str]:
    if body.label:
        yield _line([f"*{_plain(body.label)}*", *[""] * (width - 1)])
    for line in body.lines:
        yield _line([_cell(cell) for cell in line])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(cell: Item) -> str:
    match cell:
        case Link(text, to):
            return f"[{_plain(text)}]({to})"
        case Thumbnail(file, large, alt):
            return f"[![{_plain(alt)}]({file})]({large})"
        case Cell(text, best):
            return f"**{_plain(text)}**" if best and text else _plain(text)


def _plain(text: str) -> str:
    """Text that means itself, on one line."""
    line = re.sub(r"([\\`*_\[\]<>|~&#!])", r"\\\1", " ".join(text.split()))
    return re.sub(r"^(\d*)([-+=.)])(?=[-=\s]|$)", r"\1\\\2", line)  # else a list, or a rule
