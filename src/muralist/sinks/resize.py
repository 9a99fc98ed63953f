"""Pictures of any size made larger or smaller, in strips."""

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
    return _along(0, height, _along(1, width, pixels, room), room)


def _along(axis: int, length: int, pixels: np.ndarray, room: Room) -> np.ndarray:
    """The picture with lines of another length; itself where they have that already."""
    shape = list(pixels.shape[:2])
    before, shape[axis] = shape[axis], length
    if length == before:
        return pixels
    answer, most = room(*shape), max(STRIP // (4 * (before + length)), 1)
    for start in range(0, shape[1 - axis], most):
        lines = slice(start, start + most)
        strip = (lines, slice(None)) if axis else (slice(None), lines)
        height, width, _ = answer[strip].shape
        image = Image.fromarray(pixels[strip])
        answer[strip] = image.resize((width, height), Image.Resampling.LANCZOS)
    return answer
