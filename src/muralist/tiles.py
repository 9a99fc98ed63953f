"""What is too large to be computed at once, tile by tile: one picture's norms, soft borders."""

import math
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from operator import add
from typing import NamedTuple, Protocol, TypeAlias, TypeVar

import torch
from torch import Tensor

from muralist.canvas import Size, View
from muralist.patches import Moments, Statistics, met_after, normed_by

__all__ = [
    "FEATHER",
    "HALO",
    "Counted",
    "Done",
    "Network",
    "Order",
    "Source",
    "Spread",
    "around",
    "sample",
    "statistics",
    "tiled",
]

HALO = 20  # cells seen around a tile: convolutions of SDXL's decoder reach 17, its encoder's 14
FEATHER = 4  # cells around a tile in which it fades into its neighbours
_WINDOW = 32  # cells, along one side, of what statistics are counted in where tiles are too many
_SAMPLE = 64  # such windows at most

Network: TypeAlias = Callable[[Tensor], Tensor]  # a decoder, or an encoder
Source: TypeAlias = Callable[[View], Tensor]  # what it sees of a canvas
_Asked = TypeVar("_Asked")
_Answer = TypeVar("_Answer")


class Spread(Protocol):
    """Who computes: as the builtin `map`, an answer for each order, in order, when it is asked for.

    The function can be pickled, and so can orders and answers: they may go to another process.
    """

    def __call__(
        self, function: Callable[[_Asked], _Answer], orders: Iterable[_Asked], /
    ) -> Iterator[_Answer]: ...


class Order(NamedTuple):
    """What a network is shown, and which part of it is meant."""

    patch: Tensor  # on the host, a copy: it travels without its canvas
    seen: Size  # of the patch, in cells
    part: View  # of the patch, in cells


class Counted(NamedTuple):
    """One tile is counted in at one group norm, both numbered from 1."""

    norm: int
    tile: int
    tiles: int


class Done(NamedTuple):
    """Finished values `1 C height width`, and where they belong, counted in values."""

    top: int
    left: int
    values: Tensor


def tiled(
    network: Network,
    source: Source,
    tiles: Sequence[View],
    size: Size,
    scale: int,
    spread: Spread = map,
) -> Iterator[Counted | Done]:
    """A canvas of `size` cells by its tiles, which are in reading order; every value once.

    `network(source(view))` is `1 C height width` with `scale` values for a cell, along one side.
    Several tiles are normalised as one picture, are seen with `HALO` cells around them, and fade
    into each other: what is done ends `FEATHER` cells before its tile does. One row of overlaps
    is kept, on the host, where the values are.
    """
    if len(tiles) == 1:
        known, spread = (), map  # nothing to share
    else:
        known = yield from statistics(network, source, tiles, size, spread)
    soft = [around(tile, FEATHER, size) for tile in tiles]
    orders = (_order(source, *both, size) for both in zip(tiles, soft, strict=True))
    answers = spread(_Solved(network, scale, known), orders)
    beside, above = torch.empty(0), dict[int, Tensor]()  # what the neighbours say of an overlap
    for tile, place, values in zip(tiles, soft, answers, strict=True):
        if tile.left:
            values = _faded(beside, values, -1)
        done = scale * _done(tile.left, tile.width, size.width)
        values, beside = values[..., :done], values[..., done:]
        if tile.top:
            values = _faded(above[tile.left], values, -2)
        done = scale * _done(tile.top, tile.height, size.height)
        above[tile.left] = values[..., done:, :].clone()  # a view would keep the tile alive
        yield Done(scale * place.top, scale * place.left, values[..., :done, :])


def around(tile: View, cells: int, size: Size) -> View:
    """A tile, and so many cells around it where the canvas has them."""
    top, left = max(tile.top - cells, 0), max(tile.left - cells, 0)
    bottom = min(tile.top + tile.height + cells, size.height)
    right = min(tile.left + tile.width + cells, size.width)
    return View(top, left, bottom - top, right - left)


def statistics(
    network: Network,
    source: Source,
    tiles: Sequence[View],
    size: Size,
    spread: Spread = map,
) -> Generator[Counted, None, tuple[Statistics, ...]]:
    """What each group norm of a network meets in a whole canvas, by its tiles or by a `sample`.

    A norm can only be counted once those before it are known, so that all of them are gone through
    for each, up to it: half a network on average.
    """
    known, counted = (), sample(tiles, size)
    while True:
        moments: list[Moments] = []
        orders = (_order(source, tile, tile, size) for tile in counted)
        for met in spread(_Met(network, known), orders):
            if met is None:
                return known
            moments.append(met)
            yield Counted(len(known) + 1, len(moments), len(counted))
        known = (*known, reduce(add, moments).statistics)


def _order(source: Source, tile: View, part: View, size: Size) -> Order:
    """To look at a tile and around it, about a part of that."""
    seen = around(tile, HALO, size)
    patch = source(seen).to("cpu", copy=True)
    return Order(patch, Size(seen.height, seen.width), part.moved(-seen.top, -seen.left))


@dataclass(frozen=True)
class _Solved:
    """What a network makes of a part, normalised as its picture is."""

    network: Network
    scale: int
    known: Sequence[Statistics]

    @torch.no_grad()
    def __call__(self, order: Order) -> Tensor:
        with normed_by(self.known):
            answer = self.network(order.patch)
        return order.part.times(self.scale).crop(answer).to("cpu", copy=True)


@dataclass(frozen=True)
class _Met:
    """What the first norm that is not known meets in a part."""

    network: Network
    known: Sequence[Statistics]

    @torch.no_grad()
    def __call__(self, order: Order) -> Moments | None:
        run = partial(self.network, order.patch)
        return met_after(self.known, run, order.seen, order.part)


def sample(tiles: Sequence[View], size: Size) -> Sequence[View]:
    """Where statistics are counted: in all tiles, or in windows where there is less to see of them.

    Windows are no larger than tiles and spread over the canvas; where it is small, they are all of
    it.
    """
    window = Size(min(tiles[0].height, _WINDOW), min(tiles[0].width, _WINDOW))
    down, across = -(-size.height // window.height), -(-size.width // window.width)  # would be all
    rows = min(max(round(math.sqrt(_SAMPLE * down / across)), 1), down)
    columns = min(max(_SAMPLE // rows, 1), across)
    rows = min(_SAMPLE // columns, down)
    windows = [
        View(top, left, height, width)
        for top, height in _spread(size.height, rows, window.height)
        for left, width in _spread(size.width, columns, window.width)
    ]
    return min(tiles, windows, key=lambda views: sum(_area(around(v, HALO, size)) for v in views))


def _spread(extent: int, count: int, most: int) -> Iterator[tuple[int, int]]:
    """Starts and lengths, at most so long, in the middle of equal parts."""
    for number in range(count):
        start, end = number * extent // count, (number + 1) * extent // count
        length = min(most, end - start)
        yield start + (end - start - length) // 2, length


def _area(view: View) -> int:
    return view.height * view.width


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
