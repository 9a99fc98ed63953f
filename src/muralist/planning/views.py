"""Which views a step asks about, found by asking its stage of a blank network."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from muralist.canvas import Size, View
from muralist.errors import BadRequest
from muralist.guides import Reference
from muralist.models.blank import NO_TEXT, Blank
from muralist.query import Denoiser, Part, Query, Runner, Step
from muralist.request import Request
from muralist.stage import Stage

__all__ = ["ask", "views_of"]


def views_of(request: Request, stage: int, step: int) -> tuple[View, ...]:
    """The views that a step of a run asks about, in their order.

    They are in latent cells of the stage's canvas: windows and subsamplings of a method that asks
    about both. Stages and steps are numbered from 1, as events are. What is drawn at random is
    drawn from the request's seed, so these are the run's own. Raises `BadRequest` where there is no
    such stage or step.
    """
    stages = list(request.stages(request.guided(Blank(request.card.native))))
    if not 1 <= stage <= len(stages):
        raise BadRequest(f"stage is {stage}; 1 to {len(stages)} are painted")
    steps = request.schedule.entered(stages[stage - 1].strength).steps
    if not 1 <= step <= len(steps):
        raise BadRequest(f"step is {step}; stage {stage} takes 1 to {len(steps)}")
    asked = stages[stage - 1]
    noted = _Noted(asked.size)
    x = torch.empty(1, request.card.channels, *asked.size, device="meta")
    ask(request, asked, stage, steps[step - 1 : step], x, noted)
    return tuple(noted.views)


def ask(
    request: Request, stage: Stage, number: int, steps: Iterable[Step], x: Tensor, run: Runner
) -> None:
    """Puts the questions of some steps to a stage's denoiser; `run` learns what is asked of whom.

    Views are a function of the query, so x may be a canvas `1 C H W` of any size, or without data,
    where whoever is asked makes nothing of its size or its values. `run` need not answer.
    """
    denoise = stage.denoiser(Reference(x, x))
    for step in steps:
        query = Query(
            step=step,
            cond=NO_TEXT,
            negative=NO_TEXT,
            canvas=stage.size,
            final=request.size,
            seed=request.seed,
            stage=number,
            run=run,
        )
        denoise(x, query)


@dataclass(frozen=True)
class _Noted:
    """A runner that notes the views, and asks nobody about them."""

    canvas: Size
    views: list[View] = field(default_factory=list)

    def __call__(
        self, inner: Denoiser, x: Tensor, q: Query, views: Sequence[View]
    ) -> Iterator[Part]:
        # a part may have completed the canvas at the top and the left
        down, right = self.canvas.height - q.canvas.height, self.canvas.width - q.canvas.width
        self.views.extend(view.moved(down, right) for view in views)
        return iter(())
