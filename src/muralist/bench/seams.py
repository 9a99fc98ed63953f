"""Seams: how much more a picture changes across the borders of its views than beside them."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from muralist.canvas import Size, View
from muralist.decode import tiles_of
from muralist.models.blank import Blank
from muralist.planning import views_of
from muralist.request import Request

__all__ = ["Border", "Borders", "Lines", "borders", "energy", "lines"]

REACH = 4  # cells to each side of a border in which it is compared with lines beside it
TRIMMED = 0.2  # share of the comparisons left out at either end: true edges are among them
SHADE = (2 / 255) ** 2  # square of one shade of 8 bits: a change below it is none


class Border(NamedTuple):
    """A straight line across a picture, in pixels: just before column or row `at`, for a while."""

    at: int
    start: int
    stop: int


@dataclass(frozen=True)
class Lines:
    """Borders inside a picture; its own frame is none. All lie between latent cells."""

    cell: int  # pixels along one side of a latent cell
    vertical: tuple[Border, ...] = ()  # `at` counts columns; start and stop are rows
    horizontal: tuple[Border, ...] = ()  # `at` counts rows; start and stop are columns


@dataclass(frozen=True)
class Borders:
    """Where a picture may have seams: between its views, and between the tiles it is decoded in."""

    views: Lines
    tiles: Lines


def borders(request: Request) -> Borders:
    """Where the borders of a request's views and decode tiles lie in its finished picture.

    Of the views, those of the last step, whose seams nothing smooths any more. Where windows move
    from step to step they proved a little stronger than earlier steps', which are all alike. A
    border that another view hides, as where the first one owns a cell, counts too.
    """
    blank, size, cell = Blank(request.card.native), request.size, request.card.factor
    *earlier, last = request.stages(request.guided(blank))
    steps = request.schedule.entered(last.strength).steps
    views = views_of(request, len(earlier) + 1, len(steps))
    return Borders(lines(views, size, cell), lines(tiles_of(request.card, size), size, cell))


def lines(views: Iterable[View], size: Size, cell: int = 1) -> Lines:
    """The borders of views of a canvas of `size`, whose cells are squares of `cell` pixels.

    Views that leave cells out have none. What hangs over the canvas is left out.
    """
    upright, level = set[Border](), set[Border]()
    for view in views:
        if view.step > 1:
            continue
        rows = list(_on_canvas(view.top, view.height, size.height))
        columns = list(_on_canvas(view.left, view.width, size.width, view.wrap))
        upright |= _sides(columns, rows, size.width)
        level |= _sides(rows, columns, size.height)
    return Lines(cell, *(_scaled(sorted(each), cell) for each in (upright, level)))


def energy(image: Tensor, lines: Lines) -> float:
    """Squared change across borders over that across lines beside them; 1 is seamless.

    The picture `3 H W` is in [-1, 1], and whole cells large. The squared difference of neighbouring
    pixels is averaged over stretches of borders, a cell long and half a cell deep to either side,
    since a decoder spreads an edge that far. Each stretch is compared with those of parallel lines
    2 to 4 cells away that are no borders, as a ratio in which less than a shade of 8 bits is no
    change. The mean of the logarithms, a fifth of them left out at either end, says how much
    stronger borders are. Edges of objects cross a border as often as a line beside it, and both
    signs of such a pair are equally likely: what is true cancels, and is trimmed. Steps of a,
    alike in all channels, on grain whose neighbours differ by v, squared, give 1 + a^2 / (v cell).

    NaN where there is nothing to compare: no borders, or no line that is none.
    """
    pairs = [
        *_compared(image, lines.vertical, lines.cell),
        *_compared(image.transpose(1, 2), lines.horizontal, lines.cell),
    ]
    ratios = torch.cat(pairs).sort().values if pairs else torch.empty(0)
    if not len(ratios):
        return math.nan
    left_out = int(TRIMMED * len(ratios))
    return math.exp(float(ratios[left_out : len(ratios) - left_out].mean()))


def _compared(image: Tensor, borders: Sequence[Border], cell: int) -> Iterator[Tensor]:
    """Logarithms of how much stronger stretches of vertical borders are than others beside them."""
    strength = (_changes(image, cell) + SHADE / cell).log()
    there = torch.zeros(strength.shape, dtype=torch.bool)
    for at, start, stop in borders:
        there[start // cell : stop // cell, at // cell - 1] = True
    near = there.clone()  # a seam may reach into the next cell
    near[:, 1:] |= there[:, :-1]
    near[:, :-1] |= there[:, 1:]
    for away in range(2, min(REACH + 1, strength.shape[1])):
        left, right = slice(None, -away), slice(away, None)
        for mine, other in ((left, right), (right, left)):
            fair = there[:, mine] & ~near[:, other]
            yield (strength[:, mine] - strength[:, other])[fair]


def _changes(image: Tensor, cell: int) -> Tensor:
    """Mean squared change from column to column: of each row of cells, around each line of them.

    `rows columns-1`, in cells. Around a line, as many differences are counted as a cell has pixels:
    so what decoders do within every cell is in all of them.
    """
    squared = image.float().diff(dim=2).square().mean(0)
    rows, columns = squared.shape[0] // cell, (squared.shape[1] + 1) // cell - 1
    around = squared[:, cell // 2 :][: rows * cell, : columns * cell]
    return around.reshape(rows, cell, columns, cell).mean((1, 3))


def _on_canvas(
    start: int, count: int, extent: int, wrap: bool = False
) -> Iterator[tuple[int, int]]:
    """Begin and end of what lies on the canvas, along one axis; two where a view goes round."""
    if not wrap:
        yield max(start, 0), min(start + count, extent)
        return
    start %= extent
    yield start, min(start + count, extent)
    if start + count > extent:
        yield 0, start + count - extent


def _sides(
    across: Sequence[tuple[int, int]], along: Sequence[tuple[int, int]], extent: int
) -> set[Border]:
    """The borders at both ends of spans, but for those that are the canvas's own."""
    ends = {end for span in across for end in span if 0 < end < extent}
    return {Border(end, *span) for end in ends for span in along}


def _scaled(borders: Sequence[Border], cell: int) -> tuple[Border, ...]:
    return tuple(Border(*(cell * each for each in border)) for border in borders)
