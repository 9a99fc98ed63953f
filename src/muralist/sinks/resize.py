"""Pictures of any size made larger or smaller, in strips."""

from collections.abc import Iterator

import numpy as np
from PIL import Image

from muralist.sinks.spool import Room, unpainted

__all__ = ["resized"]

STRIP = 128 << 20  # bytes of a strip before and after, as PIL holds it; a line at least


def resized(pixels: np.ndarray, height: int, width: int, room: Room = unpainted) -> np.ndarray:
    """A picture `rows columns 3`, uint8, as one of `height width 3`, by Lanczos.

    Where it grows, to the bit what PIL makes of the whole: along the rows, then along the columns,
    each line by itself, with 8 bits in between. (Where a picture is made lower, some versions of
    PIL begin with the columns.) `room` is what is in between is kept in, and the answer.
    """
    rows = _along_rows(pixels, width, room)
    return _along_rows(rows.swapaxes(0, 1), height, _turned(room)).swapaxes(0, 1)


def _along_rows(pixels: np.ndarray, width: int, room: Room) -> np.ndarray:
    """The rows of a picture at another width; the picture itself where it has that width."""
    count, before, _ = pixels.shape
    if width == before:
        return pixels
    answer = room(count, width)
    for rows in _strips(count, max(STRIP // (4 * (before + width)), 1)):
        strip = Image.fromarray(np.ascontiguousarray(pixels[rows]))
        answer[rows] = strip.resize((width, strip.height), Image.Resampling.LANCZOS)
    return answer


def _strips(count: int, most: int) -> Iterator[slice]:
    return (slice(start, start + most) for start in range(0, count, most))


def _turned(room: Room) -> Room:
    """Room for a picture whose rows are columns."""
    return lambda height, width: room(width, height).swapaxes(0, 1)
