"""What is in a picture of any size: whole objects, broken ones, and fragments."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import torch
from torch import Tensor

from muralist.canvas import Size
from muralist.shapes.areas import Area, closed, rim, united
from muralist.shapes.checker import NATIVE_OBJECT, Found, areas_of, found

# Shares of a typical object's pixels.
SPECK = 0.03  # less is not looked at
SMALL = 0.15  # less is a fragment
LARGE = 0.5  # as much is an object, whatever its outline
CUT = 0.25  # the same at the border, where half of an object may be hidden

# Of 300 true objects cut by a band of up to a fifth of their width, pieces of less than a half are
# less like any outline than `CLEAR`, but for the tips of triangles and stars, which are triangles;
# pieces put together have 0.77 and more, a gain of 0.2 in most and of 0.07 in 95 %. Whole objects
# of any size have 0.81 and more, and objects in a row or a square are less like one than that.
CLEAR = 0.7  # likeness of an outline that can be told
WHOLE = 0.75  # likeness of a broken object
GAIN = 0.08  # of likeness, at which pieces are one
GAP = 0.25  # between pieces, in square roots of their area


@dataclass(frozen=True)
class Sight:
    """Objects of a picture, each of one piece or of several, and other pieces."""

    size: Size  # pixels
    background: str
    objects: tuple[Found, ...]  # from left to right
    fragments: tuple[Found, ...]  # debris, and the lesser pieces of broken objects


def look(image: Tensor, typical: float = NATIVE_OBJECT) -> Sight:
    """Looks for objects of any palette colour but the background's in `3 H W` in [-1, 1].

    `typical` is how many pixels an object has: windows repeat objects at about the native size,
    so it is the native picture's for pictures of any size. A piece with a clear outline is an
    object. Pieces of one colour, close together, that are more like an outline than each of them
    is are one broken object. Of other pieces the large ones are objects, and the rest fragments.
    Objects of one colour that have grown together count as one.
    """
    size = Size(*image.shape[-2:])
    background, pieces = areas_of(image, SPECK * typical)
    objects: list[Found] = []
    fragments: list[Found] = []
    for thing in _things(pieces, size):
        if _is_object(thing.whole, typical):
            objects.append(thing.whole)
            fragments += sorted(thing.pieces, key=lambda piece: piece.pixels)[:-1]
        else:
            fragments += thing.pieces
    ordered = tuple(sorted(objects, key=lambda one: one.x))
    return Sight(size, background, ordered, tuple(fragments))


def _is_object(one: Found, typical: float) -> bool:
    large = CUT if one.touches else LARGE
    clear = one.likeness >= CLEAR and one.pixels >= SMALL * typical
    return clear or one.pixels >= large * typical


@dataclass(frozen=True, eq=False)
class _Thing:
    """Pieces that are one, and what they are together."""

    pieces: tuple[Found, ...]
    whole: Found


def _things(pieces: Sequence[Found], size: Size) -> list[_Thing]:
    """What the pieces make up: the nearest are tried together first, then ever more of them."""
    clusters = [[_Thing((piece,), piece)] for piece in pieces]
    for gap, one, other in sorted(_gaps(pieces)):
        mine, theirs = clusters[one], clusters[other]
        if mine is theirs:
            continue
        both = mine + theirs
        pixels = sum(thing.whole.pixels for thing in both)
        if gap > GAP * math.sqrt(pixels):
            continue
        joined = _joined(both, gap, size)
        apart = sum(thing.whole.pixels * thing.whole.likeness for thing in both) / pixels
        if joined.whole.likeness >= max(WHOLE, apart + GAIN):
            both = [joined]
        clusters = [both if each is mine or each is theirs else each for each in clusters]
    return [thing for cluster in {id(one): one for one in clusters}.values() for thing in cluster]


def _joined(things: Sequence[_Thing], gap: float, size: Size) -> _Thing:
    """All of their pieces as one, with gaps of that many pixels filled."""
    pieces = tuple(piece for thing in things for piece in thing.pieces)
    area = united([piece.area for piece in pieces])
    whole = Area(area.top, area.left, closed(area.mask, math.ceil(gap / 2) + 1))
    return _Thing(pieces, found(whole, pieces[0].colour, size))


def _gaps(pieces: Sequence[Found]) -> Iterator[tuple[float, int, int]]:
    """Distances in pixels between pieces of one colour, where they are not too far to be one."""
    rims = [rim(piece.area) for piece in pieces]
    reach = GAP * math.sqrt(sum(piece.pixels for piece in pieces))
    for one, other in combinations(range(len(pieces)), 2):
        near = _between(pieces[one].area, pieces[other].area) <= reach
        if near and pieces[one].colour == pieces[other].colour:
            gap = float(torch.cdist(rims[one], rims[other]).min())
            if gap <= reach:
                yield gap, one, other


def _between(one: Area, other: Area) -> int:
    """Pixels between the boxes of two areas, down or across; none where they overlap."""
    down = max(one.top, other.top) - min(one.bottom, other.bottom)
    across = max(one.left, other.left) - min(one.right, other.right)
    return max(down, across)
