"""The views of a step as shapes over the picture: rectangles, and lattices of samples."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from muralist.canvas import Size, View
from muralist.models.blank import Blank
from muralist.planning import views_of
from muralist.request import Request

__all__ = ["MOST", "canvas_of", "drawn", "spread"]

MOST = 2000  # shapes of a kind: more are no picture, and slow to draw

T = TypeVar("T")


def drawn(request: Request, stage: int, step: int) -> dict[str, Any]:
    """What a step looks at, as JSON values; stages and steps are numbered from 1.

    `width` and `height` are pixels of the stage's picture, and all lengths are in these:
    `windows` are rectangles, left, top, width and height, which may hang over the picture; one
    that goes round it is two. `lattices` are views that take every so many cells: `columns` by
    `rows` squares of `cell` pixels, the first at `left` and `top`, the others `step` pixels apart.
    Of many views up to `MOST` of a kind are told, evenly among all; `count` says how many there
    are.

    Raises `BadRequest` where there is no such stage or step.
    """
    views, factor = views_of(request, stage, step), request.card.factor
    canvas = canvas_of(request, stage)
    windows = [view for view in views if view.step == 1]
    lattices = [view for view in views if view.step > 1]
    pieces = (piece for view in spread(windows, MOST) for piece in _pieces(view, canvas, factor))
    return {
        "stage": stage,
        "step": step,
        "width": canvas.width,
        "height": canvas.height,
        "count": {"windows": len(windows), "lattices": len(lattices)},
        "windows": list(pieces),
        "lattices": [_lattice(view, factor) for view in spread(lattices, MOST)],
    }


def canvas_of(request: Request, stage: int) -> Size:
    """The picture of a stage that there is, in pixels."""
    stages = list(request.stages(request.guided(Blank(request.card.native))))
    return stages[stage - 1].size.times(request.card.factor)


def spread(every: Sequence[T], most: int) -> Sequence[T]:
    """All of them, or `most` at equal distances, the first and the last among them."""
    if len(every) <= most:
        return every
    return [every[at * (len(every) - 1) // (most - 1)] for at in range(most)]


def _pieces(view: View, canvas: Size, factor: int) -> Iterator[list[int]]:
    top, left, height, width = (factor * at for at in view[:4])
    if view.wrap:
        left %= canvas.width
    if not view.wrap or left + width <= canvas.width:
        yield [left, top, width, height]
        return
    yield [left, top, canvas.width - left, height]
    yield [0, top, left + width - canvas.width, height]


def _lattice(view: View, factor: int) -> dict[str, int]:
    return {
        "left": factor * view.left,
        "top": factor * view.top,
        "columns": view.width,
        "rows": view.height,
        "step": factor * view.step,
        "cell": factor,
    }
