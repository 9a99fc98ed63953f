"""What is too large to be computed at once, tile by tile: one picture's norms, soft borders."""

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial, reduce
from operator import add
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor

from muralist.canvas import Size, View
from muralist.patches import Moments, Statistics, met_after, normed_by

__all__ = ["FEATHER", "HALO", "Ask", "Done", "around", "statistics", "tiled"]

HALO = 20  # cells seen around a tile: convolutions of SDXL's decoder reach 17, its encoder's 14
FEATHER = 4  # cells around a tile in which it fades into its neighbours
_SAMPLE = 16  # tiles at most in which statistics are counted

Ask: TypeAlias = Callable[[View], Tensor]


class Done(NamedTuple):
    """Finished values `1 C height width`, and where they belong, counted in values."""

    top: int
    left: int
    values: Tensor


def tiled(ask: Ask, tiles: Sequence[View], size: Size, scale: int) -> Iterator[Done]:
    """A canvas of `size` cells by its tiles, which are in reading order; every value once.

    `ask(view)` answers `1 C height width` with `scale` values for a cell, along one side. Several
    tiles are normalised as one picture, are asked for with `HALO` cells around them, and fade
    into each other: what is done ends `FEATHER` cells before its tile does. One row of overlaps
    is kept.
    """
    known = statistics(ask, tiles, size) if len(tiles) > 1 else ()
    beside, above = torch.empty(0), dict[int, Tensor]()  # what the neighbours say of an overlap
    for tile in tiles:
        seen, soft = around(tile, HALO, size), around(tile, FEATHER, size)
        with normed_by(known):
            answer = ask(seen)
        values = soft.moved(-seen.top, -seen.left).times(scale).crop(answer)
        if tile.left:
            values = _faded(beside, values, -1)
        done = scale * _done(tile.left, tile.width, size.width)
        values, beside = values[..., :done], values[..., done:]
        if tile.top:
            values = _faded(above[tile.left], values, -2)
        done = scale * _done(tile.top, tile.height, size.height)
        above[tile.left] = values[..., done:, :].clone()  # a view would keep the tile alive
        yield Done(scale * soft.top, scale * soft.left, values[..., :done, :])


def around(tile: View, cells: int, size: Size) -> View:
    """A tile, and so many cells around it where the canvas has them."""
    top, left = max(tile.top - cells, 0), max(tile.left - cells, 0)
    bottom = min(tile.top + tile.height + cells, size.height)
    right = min(tile.left + tile.width + cells, size.width)
    return View(top, left, bottom - top, right - left)


def statistics(ask: Ask, tiles: Sequence[View], size: Size) -> tuple[Statistics, ...]:
    """What each group norm of a network meets in a whole canvas, by its tiles or a sample of them.

    A norm can only be counted once those before it are known, so that the tiles are gone through
    for each of them, up to it: half a network on average.
    """
    known: tuple[Statistics, ...] = ()
    views = [(tile, around(tile, HALO, size)) for tile in _sample(tiles)]
    while True:
        moments: list[Moments] = []
        for tile, seen in views:
            met = met_after(known, partial(ask, seen), seen, tile)
            if met is None:
                return known
            moments.append(met)
        known = (*known, reduce(add, moments).statistics)


def _sample(tiles: Sequence[View]) -> list[View]:
    """Tiles that are spread over the canvas, `_SAMPLE` at most; all where they are few."""
    tops, lefts = {tile.top for tile in tiles}, {tile.left for tile in tiles}
    square = math.isqrt(_SAMPLE)
    tops = _spread(tops, _SAMPLE // min(len(lefts), square))
    lefts = _spread(lefts, _SAMPLE // len(tops))
    return [tile for tile in tiles if tile.top in tops and tile.left in lefts]


def _spread(places: Collection[int], most: int) -> Collection[int]:
    ordered, count = sorted(places), min(len(places), most)
    return {ordered[(2 * number + 1) * len(ordered) // (2 * count)] for number in range(count)}


def _done(start: int, length: int, extent: int) -> int:
    """How many of the cells that a tile and its feather have, along one axis, no other tile has.

    Those before have faded into it: all but what it shares with the next.
    """
    first, end = max(start - FEATHER, 0), start + length
    return (end if end == extent else end - FEATHER) - first


def _faded(before: Tensor, values: Tensor, dim: int) -> Tensor:
    """Values whose beginning fades in over what was said before of the same place."""
    count = before.shape[dim]
    ramp = (torch.arange(count).to(values) + 0.5) / count
    begin, rest = values.split([count, values.shape[dim] - count], dim)
    weight = ramp.view(-1, *[1] * (-dim - 1))
    return torch.cat([torch.lerp(before, begin, weight.expand_as(begin)), rest], dim)
