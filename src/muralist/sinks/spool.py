"""Where pixels live until they are saved: in memory, or, where they are many, in a file."""

import math
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, TypeAlias

import numpy as np

__all__ = ["IN_MEMORY", "Room", "existing", "spooled_bytes", "unpainted"]

Room: TypeAlias = Callable[[int, int], np.ndarray]  # for pixels, of a height and a width

IN_MEMORY = 512 << 20  # bytes of pixels that are kept in memory; more go to a file
_ZEROS = bytes(1 << 20)


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
        _reserve(file, count)
        return np.memmap(file, np.uint8, "r+", shape=shape)


def spooled_bytes(height: int, width: int) -> int:
    """What such a picture takes on the disk."""
    count = math.prod((height, width, 3))
    return count if count > IN_MEMORY else 0


def existing(folder: Path) -> Path:
    """The folder, or what there is of the path to it."""
    return next(part for part in (folder, *folder.absolute().parents) if part.exists())


def _reserve(file: IO[bytes], count: int) -> None:
    """Takes the room now: a mapped file that finds none later would kill the process."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, count)
        return
    for start in range(0, count, len(_ZEROS)):
        file.write(_ZEROS[: count - start])
    file.flush()
