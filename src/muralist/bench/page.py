"""A page as data: headings, words, tables and pictures, of which renderers make files."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = [
    "Block",
    "Body",
    "Cell",
    "Code",
    "Column",
    "Figure",
    "Heading",
    "Item",
    "Link",
    "Page",
    "Paragraph",
    "Table",
    "Terms",
    "Thumbnail",
]


@dataclass(frozen=True)
class Heading:
    """Where a part begins; 2 is a part, 3 a part of one."""

    text: str
    level: Literal[2, 3] = 2


@dataclass(frozen=True)
class Paragraph:
    """Plain words."""

    text: str


@dataclass(frozen=True)
class Code:
    """What is typed in a terminal."""

    text: str


@dataclass(frozen=True)
class Terms:
    """Words and what they mean."""

    meanings: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Figure:
    """A picture of the page's width, with words for who cannot see it and words beneath."""

    file: str  # relative to the page
    alt: str
    caption: str


@dataclass(frozen=True)
class Thumbnail:
    """A small picture in a table, that leads to the large one."""

    file: str  # relative to the page, as is the large one
    large: str
    alt: str


@dataclass(frozen=True)
class Link:
    """Words in a table that lead elsewhere."""

    text: str
    to: str  # a file or a folder, relative to the page


@dataclass(frozen=True)
class Cell:
    """What stands in a table."""

    text: str
    best: bool = False  # of its column


Item: TypeAlias = Cell | Link | Thumbnail


@dataclass(frozen=True)
class Column:
    """How a table's column is headed; numbers stand at the right."""

    heading: str
    align: Literal["left", "right"] = "right"
    meaning: str = ""


@dataclass(frozen=True)
class Body:
    """Lines of a table that belong together."""

    lines: Sequence[Sequence[Item]]
    label: str = ""
    quiet: bool = False  # not what the table is about, but what it is read against


@dataclass(frozen=True)
class Table:
    """Lines under columns; every line has as many cells as there are columns."""

    columns: Sequence[Column]
    bodies: Sequence[Body]

    def __post_init__(self) -> None:
        widths = {len(line) for body in self.bodies for line in body.lines}
        assert widths <= {len(self.columns)}, (
            f"lines of {widths} cells, {len(self.columns)} columns"
        )


Block: TypeAlias = Heading | Paragraph | Code | Terms | Figure | Table


@dataclass(frozen=True)
class Page:
    """A title and what is under it."""

    title: str
    blocks: Sequence[Block]
