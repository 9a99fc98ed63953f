"""Where pixels live until they are saved: in memory, or, where they are many, in a file."""

import math
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np

from muralist.room import existing, reserve

__all__ = ["IN_MEMORY", "Room", "spooled_bytes", "unpainted"]

Room: TypeAlias = Callable[[int, int], np.ndarray]  # for pixels, of a height and a width

IN_MEMORY = 512 << 20  # bytes of pixels that are kept in memory; more go to a file


def unpainted(height: int, width: int, folder: str | Path | None = None) -> np.ndarray:
    """A picture to be filled: `height width 3`, uint8, black.

    Beyond `IN_MEMORY` bytes it is a file in `folder` (in the system's folder for temporary ones,
    `TMPDIR`, if unset). The file has no name, and is gone with the array, whatever happens.

    Raises `OSError` where the disk has no room for all of it.
    """
    shape = (height, width, 3)
    count = spooled_bytes(height, width)
    if not count:
        return np.zeros(shape, np.uint8)
    with tempfile.TemporaryFile(dir=folder and existing(Path(folder))) as file:
        reserve(file, count)
        return np.memmap(file, np.uint8, "r+", shape=shape)


def spooled_bytes(height: int, width: int) -> int:
    """What such a picture takes on the disk."""
    count = math.prod((height, width, 3))
    return count if count > IN_MEMORY else 0
