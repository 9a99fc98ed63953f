"""Areas: the connected parts of a picture that have one colour, and what is done with masks."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from muralist.canvas import Size


@dataclass(frozen=True, eq=False)
class Area:
    """Some pixels of a picture: a mask `h w` whose first row and column are `top` and `left`."""

    top: int
    left: int
    mask: Tensor  # bool

    @cached_property
    def pixels(self) -> int:
        return int(self.mask.sum())

    @cached_property
    def centre(self) -> tuple[float, float]:
        """The mean (y, x) of its pixels, in the picture; a pixel's middle is at one half."""
        y, x = self.mask.nonzero().double().mean(0).tolist()
        return self.top + y + 0.5, self.left + x + 0.5

    @property
    def bottom(self) -> int:
        return self.top + self.mask.shape[0]

    @property
    def right(self) -> int:
        return self.left + self.mask.shape[1]

    def on(self, size: Size) -> Tensor:
        """The mask `H W` of a whole picture of that many pixels."""
        canvas = torch.zeros(tuple(size), dtype=torch.bool)
        canvas[self.top : self.bottom, self.left : self.right] = self.mask
        return canvas

    def touches(self, size: Size) -> bool:
        """Whether it goes on to the border of a picture of that many pixels."""
        ends = self.top, self.left, size.height - self.bottom, size.width - self.right
        return min(ends) == 0


def united(areas: Sequence[Area]) -> Area:
    """All of their pixels as one area."""
    top, left = min(one.top for one in areas), min(one.left for one in areas)
    height = max(one.bottom for one in areas) - top
    width = max(one.right for one in areas) - left
    mask = torch.zeros(height, width, dtype=torch.bool)
    for one in areas:
        mask[one.top - top : one.bottom - top, one.left - left : one.right - left] |= one.mask
    return Area(top, left, mask)


def connected(labels: Tensor, least: float = 1) -> list[tuple[int, Area]]:
    """The areas `(label, area)` of at least `least` pixels in a picture `H W` of labels.

    Pixels of one label are connected side by side, not corner to corner; label 0 is nothing.
    """
    numbers = numbered(labels)
    ys, xs = numbers.nonzero().unbind(1)
    named = numbers[ys, xs]
    count = int(numbers.max()) + 1 if numbers.numel() else 1
    sizes = named.bincount(minlength=count)
    boxes = [
        torch.zeros(count, dtype=torch.int64).scatter_reduce(0, named, at, how, include_self=False)
        for at in (ys, xs)
        for how in ("amin", "amax")
    ]
    values = torch.zeros(count, dtype=torch.int64).scatter_(0, named, labels[ys, xs].long())
    found = []
    for number in (sizes >= max(least, 1)).nonzero().flatten().tolist():
        top, bottom, left, right = (int(box[number]) for box in boxes)
        mask = numbers[top : bottom + 1, left : right + 1] == number
        found.append((int(values[number]), Area(top, left, mask)))
    return found


def numbered(labels: Tensor) -> Tensor:
    """A picture `H W` of labels with its areas numbered from 1; 0 where the label is 0.

    The runs of equal pixels of each row are joined to those above that they touch.
    """
    width = labels.shape[1] + 1  # a column of nothing ends every row
    flat = F.pad(labels.long(), (0, 1)).flatten()
    starts = F.pad(flat.diff() != 0, (1, 0), value=True).nonzero().flatten()
    ends = F.pad(starts[1:], (0, 1), value=len(flat))
    values = flat[starts]
    lower, upper = _touching(starts, ends, width)
    same = (values[lower] == values[upper]) & (values[lower] > 0)
    roots = _joined(len(starts), lower[same], upper[same])
    roots[values == 0] = -1
    names = roots.unique(return_inverse=True)[1]
    if not bool((values == 0).any()):
        names = names + 1
    return names.repeat_interleave(ends - starts).view(-1, width)[:, :-1]


def _touching(starts: Tensor, ends: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """Pairs of runs of which the first lies below the second; all rows one after another."""
    first = torch.searchsorted(ends, starts - width, right=True)
    last = torch.searchsorted(starts, ends - width)
    counts = (last - first).clamp(min=0)
    lower = torch.arange(len(starts)).repeat_interleave(counts)
    within = torch.arange(len(lower)) - (counts.cumsum(0) - counts).repeat_interleave(counts)
    return lower, first.repeat_interleave(counts) + within


def _joined(count: int, one: Tensor, other: Tensor) -> Tensor:
    """The smallest name among all that each of `count` is connected to by pairs (one, other)."""
    roots = torch.arange(count)
    while True:
        a, b = roots[one], roots[other]
        if bool((a == b).all()):
            return roots
        roots.scatter_reduce_(0, torch.maximum(a, b), torch.minimum(a, b), "amin")
        while bool((roots[roots] != roots).any()):
            roots = roots[roots]


def rim(area: Area) -> Tensor:
    """Places `N 2` (y, x) in the picture of those pixels of an area that lie at its edge."""
    inner = ~dilated(F.pad(~area.mask, (1,) * 4, value=True), 1)[1:-1, 1:-1]
    return (area.mask & ~inner).nonzero().float() + torch.tensor([area.top, area.left])


def dilated(mask: Tensor, radius: int) -> Tensor:
    """A mask `H W`, grown by squares of `2 radius + 1` pixels a side."""
    grown = F.pad(mask, (radius,) * 4)
    return _any(_any(grown, 2 * radius + 1, 0), 2 * radius + 1, 1)


def opened(mask: Tensor, radius: int) -> Tensor:
    """A mask without what is thinner than `2 radius + 1` pixels; the border thins nothing."""
    return dilated(~dilated(~mask, radius), radius) & mask


def closed(mask: Tensor, radius: int) -> Tensor:
    """A mask with its gaps of up to `2 radius` pixels filled."""
    wide = F.pad(mask, (radius,) * 4)
    return ~dilated(~dilated(wide, radius), radius)[radius:-radius, radius:-radius]


def _any(mask: Tensor, count: int, dim: int) -> Tensor:
    """Whether any of `count` pixels in a row is true, by windows twice as wide each time."""
    done = 1
    while done < count:
        step = min(done, count - done)
        length = mask.shape[dim] - step
        mask = mask.narrow(dim, 0, length) | mask.narrow(dim, step, length)
        done += step
    return mask


def filled(area: Area, largest: float) -> Area:
    """An area with its holes filled that are smaller than a share `largest` of it."""
    outside = numbered(~area.mask)
    small = outside.flatten().bincount() < largest * area.pixels
    rim = outside[0], outside[-1], outside[:, 0], outside[:, -1]
    small[torch.cat(rim).unique()] = False
    small[0] = False
    return Area(area.top, area.left, area.mask | small[outside])
