"""What there is to measure: painted pictures and controls, each beside its base picture."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from torch import Tensor

from muralist.bench.cases import Case
from muralist.bench.controls import copied, enlarged
from muralist.bench.entrants import entrant
from muralist.bench.seams import Borders, borders, lines
from muralist.bench.shades import pixels
from muralist.bench.trials import Trial, Workshop
from muralist.canvas import Size, View
from muralist.shapes.render import NATIVE, render
from muralist.shapes.scene import scenes_of

__all__ = ["Control", "Sample", "sampled", "true_pictures"]

_TRUTH = 1_000  # seed of the first scene that a case's truth is drawn from


class Control(NamedTuple):
    """A picture that nobody paints, by its name in `CONTROLS`."""

    name: str
    case: Case


class Sample(NamedTuple):
    """A large picture, and the base picture of the same run: `3 H W` in [-1, 1]."""

    entrant: str
    case: Case
    large: Tensor
    base: Tensor
    borders: Borders
    known: bool  # whether it is of the embedded world, of which all can be rendered and checked
    cost: Mapping[str, float] = MappingProxyType({})


def sampled(workshop: Workshop, order: Trial | Control) -> Sample:
    """A picture that is there, or a control, which is drawn or made of a native picture there."""
    case, known = order.case, workshop.knows(order.case.prompt)
    if isinstance(order, Trial):
        return Sample(
            order.entrant.name,
            case,
            pixels(workshop.large(order)),
            pixels(workshop.base(order)),
            borders(workshop.request(order)),
            known,
            workshop.cost(order),
        )
    grid = borders(workshop.request(Trial(entrant("multidiffusion"), case)))
    if order.name == "truth":
        sizes = workshop.native_size(case), case.size
        (small,), (large,) = (true_pictures(case, size, 1) for size in sizes)
        return Sample("truth", case, large, small, grid, known)
    base = pixels(workshop.large(workshop.native(case)))
    if order.name == "enlarged":
        return Sample("enlarged", case, enlarged(base, case.size), base, grid, known)
    meet = _copies(case.size, Size(*base.shape[1:]), workshop.card.factor)
    return Sample("copied", case, copied(base, case.size), base, meet, known)


def true_pictures(case: Case, size: Size, count: int) -> list[Tensor]:
    """So many pictures `3 H W` of what a case's caption says, at a size in pixels of its ratio.

    The first ones are the same however many there are, and at every size.
    """
    height, width = (side / max(case.size) for side in case.size)
    scenes = scenes_of(case.prompt, _TRUTH + case.seed, count, width, height)
    # a native ratio is rounded to whole cells: a picture's own longer side is the scenes' unit
    return [render([scene], size, max(size) / NATIVE)[0] for scene in scenes]


def _copies(size: Size, native: Size, cell: int) -> Borders:
    """Where copies of a native picture meet; sizes are in pixels."""
    size, native = (Size(high // cell, wide // cell) for high, wide in (size, native))
    tops, lefts = range(0, size.height, native.height), range(0, size.width, native.width)
    views = [View(top, left, *native) for top in tops for left in lefts]
    return Borders(lines(views, size, cell), lines((), size, cell))
