"""Repeated objects, counted: what a large picture shows beside what its base picture shows.

It is for pictures of the embedded world, of which colours and outlines are known; `duplicates` and
`detector` are for others. Counts alone mislead: a blurred enlargement repeats nothing. Show them
beside measures of detail.
"""

import math
from dataclasses import dataclass
from itertools import combinations

import torch.nn.functional as F
from torch import Tensor

from muralist.bench.assignment import assigned
from muralist.canvas import Size
from muralist.shapes.checker import NATIVE, NATIVE_OBJECT, SMALLEST, Found, read
from muralist.shapes.scene import parse_caption
from muralist.shapes.sight import Sight, look

__all__ = ["Comparison", "Repetition", "compared", "comparison", "repetition"]

# What may have become of an object of the base picture. Distances, and prices that are weighed
# against them, are shares of the longer side.
FAR = 0.5  # further away there is another object
NEAR = 0.2  # the same for one of another colour, and for specks,
ALIKE = 2.0  # which are at most so many times larger or smaller
SIZE = 0.1  # price of being e times larger or smaller
RECOLOURED = 0.5  # price of another colour
NONE = 10.0  # price of having no counterpart: more than any counterpart's


@dataclass(frozen=True)
class Repetition:
    """What a large picture repeats, loses and changes; 0 is best, but for `found` and `base`.

    Excess, missing, fragments and drift are relative to the base picture: `found - excess` is
    `base - missing`. Colours and shapes are relative to the caption, which the base picture may
    miss itself: compare with the base picture, enlarged.
    """

    found: int  # objects in the large picture
    base: int  # objects in the base picture
    excess: int  # objects of the large picture that the base picture has not
    index: float  # excess over that of copies in every native window; nan without objects there
    missing: int  # objects of the base picture that the large one has not
    wrong_colours: int  # objects in both, of another colour than the caption says
    wrong_shapes: int
    fragments: int  # pieces of broken objects, and debris, beyond the base picture's
    drift: float  # mean way of objects in both, share of the longer side; nan without any

    @property
    def right(self) -> float:
        """1 where it shows the base picture's objects and no others, as the caption says them, and
        else 0; nan where the base picture shows none.
        """
        wrong = self.excess or self.missing or self.wrong_colours or self.wrong_shapes
        return float(not wrong) if self.base else math.nan


@dataclass(frozen=True)
class Comparison:
    """Which objects of a large picture are those of its base picture."""

    kept: tuple[tuple[Found, Found], ...]  # of the base and the large picture, left to right
    extra: tuple[Found, ...]
    missing: tuple[Found, ...]  # of the base picture
    before: Sight  # of the base picture, enlarged
    after: Sight
    windows: float  # of the base picture's size that the large one holds side by side


def compared(large: Tensor, base: Tensor, caption: str) -> Repetition:
    """Counts a large picture `3 H W` in [-1, 1] against its base picture `3 h w` and its caption.

    Raises ValueError for a text that is not a caption of the world.
    """
    return repetition(comparison(large, base), caption)


def repetition(both: Comparison, caption: str) -> Repetition:
    """The numbers of a comparison, and what a caption says of it.

    Raises ValueError for a text that is not a caption of the world.
    """
    things, _ = parse_caption(caption)
    count = len(both.kept) + len(both.missing)
    copies = count * (both.windows - 1)
    colours, shapes = _mistakes([after for _, after in both.kept], things)
    ways = [_way(before, after, both.after.size) for before, after in both.kept]
    return Repetition(
        found=len(both.kept) + len(both.extra),
        base=count,
        excess=len(both.extra),
        index=len(both.extra) / copies if copies > 0 else math.nan,
        missing=len(both.missing),
        wrong_colours=colours,
        wrong_shapes=shapes,
        fragments=max(0, len(both.after.fragments) - len(both.before.fragments)),
        drift=sum(ways) / len(ways) if ways else math.nan,
    )


def comparison(large: Tensor, base: Tensor) -> Comparison:
    """Matches the objects of a large picture to those of its base picture, both `3 H W`.

    What has about as many pixels as an object of the base picture is an object in the large one.
    The base picture is enlarged and looked at alike, so that a speck of it, which is then as large
    as an object, is known, and neither excess nor missing.
    """
    typical = _typical(base)
    enlarged = F.interpolate(base[None].float(), large.shape[-2:], mode="bicubic")[0]
    before, after = look(enlarged, typical), look(large, typical)
    costs = [[_cost(one, other, after.size) for other in after.objects] for one in before.objects]
    lonely = [NONE] * len(before.objects)
    columns = assigned([row + lonely for row in costs])
    pairs = [
        (before.objects[row], after.objects[column])
        for row, column in enumerate(columns)
        if column < len(after.objects) and costs[row][column] < NONE
    ]
    known = {id(one) for pair in pairs for one in pair}
    return Comparison(
        kept=tuple((one, other) for one, other in pairs if one.share >= SMALLEST),
        extra=tuple(one for one in after.objects if id(one) not in known),
        missing=tuple(
            one for one in before.objects if id(one) not in known and one.share >= SMALLEST
        ),
        before=before,
        after=after,
        windows=large[0].numel() / base[0].numel(),
    )


def _typical(base: Tensor) -> float:
    """Pixels of an object of a base picture; the world's, where it shows none."""
    objects = read(base).objects
    if not objects:
        return NATIVE_OBJECT / NATIVE**2 * base[0].numel()
    return sum(one.pixels for one in objects) / len(objects)


def _way(one: Found, other: Found, size: Size) -> float:
    """How far apart two objects are, as a share of the longer side of a picture of that size."""
    height, width = size
    return math.hypot((one.x - other.x) * width, (one.y - other.y) * height) / max(height, width)


def _cost(one: Found, other: Found, size: Size) -> float:
    """Of taking two objects for one: nearer, of one size and colour is cheaper."""
    away, times = _way(one, other, size), abs(math.log(one.share / other.share))
    recoloured = one.colour != other.colour
    strict = recoloured or one.share < SMALLEST
    if away > FAR or (strict and (away > NEAR or times > math.log(ALIKE))):
        return NONE
    return away + SIZE * times + RECOLOURED * recoloured


def _mistakes(objects: list[Found], things: tuple[tuple[str, str, str], ...]) -> tuple[int, int]:
    """Wrong colours and shapes of objects, from left to right as the caption says them.

    Where there are more of either, those that agree best are compared.
    """
    count = min(len(objects), len(things))
    counted = (
        (
            sum(one.colour != colour for one, (_, colour, _) in zip(some, said, strict=True)),
            sum(one.shape != shape for one, (shape, _, _) in zip(some, said, strict=True)),
        )
        for some in combinations(objects, count)
        for said in combinations(things, count)
    )
    return min(counted, key=sum)
