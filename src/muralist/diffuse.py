"""The inner loop: ask the denoiser, let the solver step."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from muralist.errors import NotFinite
from muralist.query import Denoiser, Query, Step
from muralist.solvers.memory import Memory
from muralist.solvers.pairs import Solver

__all__ = ["Tick", "diffuse"]


class Tick(NamedTuple):
    """One step done: where it led, and the clean picture it was led by."""

    step: Step
    x: Tensor
    x0: Tensor
    memory: Memory | None  # what the solver will look back on


def diffuse(
    x: Tensor,
    denoise: Denoiser,
    steps: Sequence[Step],
    solver: Solver,
    question: Query,
    memory: Memory | None = None,
) -> Iterator[Tick]:
    """Follows the steps from canvas x, `1 C H W`; asks `question` anew at each.

    `memory` is the solver's, after the step before the first, where a run is taken up.

    Keeps one canvas, the estimate at hand and what the solver looks back on. Raises `NotFinite`
    at the step where the picture turns into NaN or infinity (one look a step, at its end).
    """
    for step in steps:
        asked = replace(question, step=step)
        estimate = denoise(x, asked)
        x, memory = solver(estimate, asked, memory)
        if not bool(torch.stack(torch.aminmax(x)).isfinite().all()):  # NaN is both
            raise NotFinite(
                f"stage {question.stage} turned into NaN at step {step.index + 1} of {step.count};"
                " in float16 this is most often an overflow: try bfloat16 or float32"
            )
        tick = Tick(step, x, estimate.x0, memory)
        del estimate
        yield tick
        del tick
