"""Whether neighbours of a painted random field hang together as they must, also across borders."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from muralist.bench.seams import Lines, borders
from muralist.canvas import Size
from muralist.events import StageDone
from muralist.generation import generate
from muralist.models import Toy
from muralist.request import Request
from muralist.stage import Method

__all__ = ["Correlation", "Neighbours", "correlation", "neighbours"]

SIZE = Size(64, 64)


class Neighbours(NamedTuple):
    """The correlation of neighbouring cells, over all pairs; NaN where there are none."""

    value: float
    error: float  # standard, by the jackknife over fields
    pairs: int


@dataclass(frozen=True)
class Correlation:
    """How neighbours hang together within views, across their borders, and in the exact field."""

    inside: Neighbours
    across: Neighbours
    exact: float
    fields: int  # independent ones: channels of pictures from different seeds


def correlation(
    method: Method, size: Size = SIZE, seeds: Sequence[int] = range(8), model: Toy | None = None
) -> Correlation:
    """Paints the `toy` field by a method, once for each seed, and measures it.

    `size` is in cells. Cells of the exact field, side by side, correlate by exp(-1 / length). What
    a method paints differs from it by what the method does: where windows know nothing of each
    other, there is no correlation across their borders. Borders are the last step's, as in `seams`.
    """
    toy = model or Toy()
    requests = (
        Request(model=toy, height=size.height, width=size.width, method=method, seed=seed)
        for seed in seeds
    )
    inside, across = neighbours(
        (field, borders(request).views) for request in requests for field in _painted(request)
    )
    return Correlation(inside, across, math.exp(-1 / toy.length), len(seeds) * toy.card.channels)


def neighbours(fields: Iterable[tuple[Tensor, Lines]]) -> tuple[Neighbours, Neighbours]:
    """Within views and across their borders, of independent fields `H W` of mean 0.

    The sum over pairs of the products, over the root of the products of the sums of squares: no
    variance is assumed, so a field that is fainter than it should be may correlate as it should.
    """
    within, beyond = zip(*(_sums(field, lines) for field, lines in fields), strict=True)
    return _correlated(torch.stack(within)), _correlated(torch.stack(beyond))


def _painted(request: Request) -> Iterator[Tensor]:
    """The channels of the last stage: nothing between them, so each is a field of its own."""
    results = [event.result for event in generate(request) if isinstance(event, StageDone)]
    return iter(results[-1].latents[0])


def _sums(field: Tensor, lines: Lines) -> tuple[Tensor, Tensor]:
    """Of pairs within views and across borders: products, both squares, number."""
    total = torch.zeros(2, 4, dtype=torch.float64)
    field = field.double()
    for cells, parted in ((field, lines.vertical), (field.T, lines.horizontal)):
        apart = torch.zeros(cells.shape, dtype=torch.bool)
        for at, start, stop in parted:
            apart[start:stop, at] = True
        one, other, apart = cells[:, :-1], cells[:, 1:], apart[:, 1:]
        products = torch.stack([one * other, one**2, other**2, torch.ones_like(one)])
        total += torch.stack([products[:, ~apart].sum(1), products[:, apart].sum(1)])
    return total[0], total[1]


def _correlated(sums: Tensor) -> Neighbours:
    """Of the sums of each field, `fields 4`; the error is of leaving each field out in turn."""
    whole, count = sums.sum(0), len(sums)
    without = _ratio(whole - sums)
    error = ((count - 1) / count * (without - without.mean()).square().sum()).sqrt()
    return Neighbours(float(_ratio(whole)), float(error), int(whole[3]))


def _ratio(sums: Tensor) -> Tensor:
    products, squares, others, _ = sums.unbind(-1)
    return products / (squares * others).sqrt()
