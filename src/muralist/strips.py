"""Canvases of any size: made where others are, and worked on strip by strip."""

import math
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from muralist.room import existing, reserve

__all__ = ["STRIP", "blank", "cellwise", "copied", "mapped", "strips"]

STRIP = 4 << 20  # bytes of a canvas that are worked on at once


def mapped(*shape: int, folder: str | Path | None = None, dtype: torch.dtype) -> Tensor:
    """Zeros in a file in `folder`; in the system's for temporary files, `TMPDIR`, if unset.

    The file has no name, and is gone with the tensor, whatever happens.

    Raises `OSError` where it cannot be made, or the disk has no room for all of it.
    """
    there, count = existing(Path(folder or tempfile.gettempdir())), math.prod(shape)
    try:
        handle, name = tempfile.mkstemp(prefix=".canvas-", dir=there)
        with os.fdopen(handle, "r+b") as file:
            try:
                canvas = torch.from_file(name, shared=True, size=count, dtype=dtype)
            finally:
                Path(name).unlink()
            reserve(file, canvas.nbytes)
    except (OSError, RuntimeError) as error:
        size, reason = count * dtype.itemsize / (1 << 20), getattr(error, "strerror", None) or error
        raise OSError(f"{there} cannot hold {size:,.1f} MiB of canvas: {reason}") from error
    return canvas.view(shape)


def blank(like: Tensor, *shape: int, dtype: torch.dtype | None = None) -> Tensor:
    """Zeros where `like` is, of its shape and dtype if unset.

    On its device, or, where it is a mapped file, in another one in the same folder.
    """
    shape, dtype = shape or tuple(like.shape), dtype or like.dtype
    if name := _file(like):
        return mapped(*shape, folder=Path(name).parent, dtype=dtype)
    return like.new_zeros(shape, dtype=dtype)


def copied(tensor: Tensor, like: Tensor) -> Tensor:
    """A copy where `like` is, in its dtype."""
    return blank(like, *tensor.shape).copy_(tensor)


def strips(canvas: Tensor, step: int = 1) -> list[slice]:
    """The rows of a canvas `... H W`, in order: as few strips as have at most `STRIP` bytes.

    Each begins at a multiple of `step` rows.
    """
    height = canvas.shape[-2]
    rows = max(STRIP * height // canvas.nbytes // step, 1) * step
    return [slice(top, min(top + rows, height)) for top in range(0, height, rows)]


def cellwise(make: Callable[..., Tensor], *canvases: Tensor | float) -> Tensor:
    """What `make` makes of canvases, cell by cell, and of numbers: where the first canvas is.

    Canvases are `... H W`; `make` is shown strips of them.
    """
    first = next(each for each in canvases if isinstance(each, Tensor))
    if len(strips(first)) == 1 and not _file(first):
        return make(*canvases)
    made = blank(first)
    for rows in strips(first):
        shown = (each[..., rows, :] if isinstance(each, Tensor) else each for each in canvases)
        made[..., rows, :] = make(*shown)
    return made


def _file(canvas: Tensor) -> str | None:
    """The file that a canvas is mapped from, and that others are to lie beside."""
    return canvas.untyped_storage().filename if canvas.device.type == "cpu" else None
