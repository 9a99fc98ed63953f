"""Deep Zoom of a pyramidal TIFF: every tile is made when it is asked for, of what it needs."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pyvips

from muralist.canvas import Size
from muralist.errors import BadRequest
from muralist.sinks import deepzoom

__all__ = ["SIDE", "Place", "Pyramid"]

SIDE = 512  # pixels of a tile: a tile of the TIFF, so that one of ours is made of one of its


class Place(NamedTuple):
    """Where a tile is, as Deep Zoom counts: level 0 is one pixel, the last is the picture."""

    level: int
    column: int
    row: int


@dataclass(frozen=True)
class Pyramid:
    """A TIFF whose pages are the picture and its halves, as tiles `SIDE` pixels long, side by side.

    The file is opened anew for every tile, which takes a third of a millisecond at any size: so
    nothing is held that could grow, be shared between threads, or be older than the file.

    Raises `OSError` where the file is gone or is no picture.
    """

    path: Path

    @property
    def image(self) -> Any:
        """The whole picture as an image of libvips', whose pixels are read when they are needed."""
        return self._page(0)

    @property
    def size(self) -> Size:
        """In pixels."""
        image = self.image
        return Size(image.height, image.width)

    def dzi(self, text: str = "") -> str:
        """What viewers open first, XML; `text` are settings to keep in it."""
        return deepzoom.descriptor(*self.size, SIDE, 0, text)

    def places(self) -> Iterator[Place]:
        """Of all tiles."""
        size = self.size
        for level in range(_last(size) + 1):
            rows, columns = _tiles(_halved(size, _last(size) - level))
            yield from (Place(level, at, row) for row in range(rows) for at in range(columns))

    def tile(self, level: int, column: int, row: int) -> bytes:
        """A JPEG of `SIDE` pixels, fewer at the end of rows and columns.

        Raises `BadRequest` where there is no such tile.
        """
        whole = self.image
        size = Size(whole.height, whole.width)
        halvings = _last(size) - _checked("level", level, _last(size) + 1)
        shape = _halved(size, halvings)
        rows, columns = _tiles(shape)
        top, left = SIDE * _checked("row", row, rows), SIDE * _checked("column", column, columns)
        page = min(halvings, whole.get("n-pages") - 1)
        image = _whole_cells(self._page(page), _halved(size, page))
        if halvings > page:  # the last page is one tile, or a line
            image = image.thumbnail_image(shape.width, height=shape.height, size="force")
        part = image.crop(left, top, min(SIDE, shape.width - left), min(SIDE, shape.height - top))
        try:
            return part.jpegsave_buffer(Q=deepzoom.QUALITY, keep="none")
        except pyvips.Error as error:
            raise OSError(f"{self.path.name} cannot be read") from error

    def _page(self, number: int) -> Any:
        try:  # libvips remembers what it has opened by name, and would not see another file there
            return pyvips.Image.tiffload(str(self.path), page=number, revalidate=True)
        except pyvips.Error as error:
            raise OSError(f"{self.path.name} cannot be read") from error


def _last(size: Size) -> int:
    """The number of the level that is the picture."""
    return (max(size) - 1).bit_length()


def _halved(size: Size, times: int) -> Size:
    """Deep Zoom rounds up."""
    return Size(*(-(-side // 2**times) for side in size))


def _tiles(size: Size) -> Size:
    return Size(*(-(-side // SIDE) for side in size))


def _whole_cells(page: Any, size: Size) -> Any:
    """Pages round down: what is left over at the right and below is what is beside it."""
    if (page.height, page.width) == size:
        return page
    return page.embed(0, 0, size.width, size.height, extend="copy")


def _checked(name: str, value: int, count: int) -> int:
    if not 0 <= value < count:
        raise BadRequest(f"{name} is {value}; there are 0 to {count - 1}")
    return value
