"""Where: sizes of canvases, and the views through which they are painted."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["Size", "Unclaimed", "View", "gather"]


class Size(NamedTuple):
    """Height and width of a canvas, in latent cells unless a name says pixels."""

    height: int
    width: int

    def times(self, factor: int) -> "Size":
        return Size(self.height * factor, self.width * factor)

    @property
    def area(self) -> int:
        return self.height * self.width

    def __str__(self) -> str:
        """Width first, as sizes are typed on the command line."""
        return f"{self.width}x{self.height}"


class View(NamedTuple):
    """A rectangle of canvas cells, taken every `step`-th.

    It may hang over the edge: there it reads zeros and writes nothing. With `wrap` its columns go
    round the canvas instead, so that left and right border are neighbours.
    """

    top: int
    left: int
    height: int
    width: int
    step: int = 1
    wrap: bool = False

    def crop(self, canvas: Tensor) -> Tensor:
        """What the view sees: `... H W` to `... height width`; zero outside the canvas.

        Not to be written to: a view wholly inside is a window into the canvas itself.
        """
        overlaps = list(self._overlaps(canvas))
        if len(overlaps) == 1 and (whole := canvas[overlaps[0][1]]).shape[-2:] == self[2:4]:
            return whole
        patch = canvas.new_zeros(*canvas.shape[:-2], self.height, self.width)
        for inside, there in overlaps:
            patch[inside] = canvas[there]
        return patch

    def add(self, canvas: Tensor, patch: Tensor) -> None:
        """Adds `patch` to the canvas, in place, where it came from; what hangs over is dropped."""
        for inside, there in self._overlaps(canvas):
            canvas[there].add_(patch[inside])  # `+=` would copy the window onto itself

    def fill(self, canvas: Tensor, value: float) -> None:
        """Sets the cells that the view sees, in place."""
        for _, there in self._overlaps(canvas):
            canvas[there] = value

    def moved(self, down: int, right: int) -> "View":
        """The same view, elsewhere."""
        return self._replace(top=self.top + down, left=self.left + right)

    def times(self, factor: int) -> "View":
        """The same view of a canvas whose cells are squares of `factor` by `factor` cells.

        Where it leaves cells out it takes every `step`-th still, from the first of its first
        square: as many times closer, it may hang over at the bottom and the right.
        """
        top, left, height, width = (factor * at for at in self[:4])
        return View(top, left, height, width, self.step, self.wrap)

    def _overlaps(self, canvas: Tensor) -> Iterator[tuple[tuple, tuple]]:
        """Index pairs (into the patch, into the canvas) of the cells both have."""
        height, width = canvas.shape[-2:]
        for rows, canvas_rows in _segments(self.top, self.height, self.step, height, wrap=False):
            for cols, canvas_cols in _segments(self.left, self.width, self.step, width, self.wrap):
                yield (..., rows, cols), (..., canvas_rows, canvas_cols)


def gather(canvas: Tensor, views: Sequence[View]) -> Tensor:
    """The views of a canvas `1 C H W`, one per row of the batch; all of the same size.

    On its device; of a canvas on the disk, in memory.
    """
    return torch.cat([view.crop(canvas) for view in views])


class Unclaimed:
    """The cells of a canvas that no view has claimed yet; a byte per cell, on the CPU."""

    def __init__(self, canvas: Size) -> None:
        self._free = torch.ones(tuple(canvas), dtype=torch.bool)

    def claim(self, view: View) -> Tensor:
        """Which cells of the view, of those on the canvas, nobody has claimed before: they are its.

        `height width`, true or false.
        """
        mine = view.crop(self._free).clone()
        view.fill(self._free, False)
        return mine

    def free(self, cells: Tensor) -> Tensor:
        """Those of some cells, numbered in reading order, that nobody has claimed."""
        return cells[self._free.view(-1)[cells]]


def _segments(
    start: int, count: int, step: int, extent: int, wrap: bool
) -> Iterator[tuple[slice, slice]]:
    """Slices (of the view, of the canvas) along one axis; several where a view goes round."""
    if wrap:
        assert count * step <= extent, "a view that goes round may not meet itself"
        start %= extent
    done = 0
    while done < count:
        first = max(done, -(start // step))  # the first sample at or past the border
        last = min(count, -((start - extent) // step))
        if first < last:
            at = start + first * step
            yield slice(first, last), slice(at, start + (last - 1) * step + 1, step)
        if not wrap or last >= count:
            return
        done, start = last, start - extent
