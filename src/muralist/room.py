"""Room on a disk, taken before anything is written there."""

import os
from pathlib import Path
from typing import IO

__all__ = ["existing", "reserve"]

_ZEROS = bytes(1 << 20)


def existing(folder: Path) -> Path:
    """The folder, or what there is of the path to it."""
    return next(part for part in (folder, *folder.absolute().parents) if part.exists())


def reserve(file: IO[bytes], count: int) -> None:
    """Takes the room now: a mapped file that finds none later would kill the process."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, count)
        return
    for start in range(0, count, len(_ZEROS)):
        file.write(_ZEROS[: count - start])
    file.flush()
