"""Readers of events, for those who paint from Python: a bar, and callbacks as of diffusers."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeAlias

from torch import Tensor

from muralist.errors import BadRequest
from muralist.events import Event, Resumed, Ticked
from muralist.planning import Work

__all__ = ["Reader", "StepEnd", "bar", "step_end"]

Reader: TypeAlias = Callable[[Event], Any]
StepEnd: TypeAlias = Callable[[Any, int, int, dict[str, Tensor]], dict[str, Any] | None]


def step_end(callback: StepEnd, pipe: Any) -> Reader:
    """A reader that calls `callback(pipe, step, timestep, {"latents": latents})` after each step.

    As diffusers' `callback_on_step_end`: steps count from 0, through all stages, and latents are
    `1 C H W`, of the stage's size. They are to look at: `BadRequest` where others are given back,
    for a canvas may lie in a file, and a job has kept it already.
    """
    steps = -1

    def read(event: Event) -> None:
        nonlocal steps
        if not isinstance(event, Ticked):
            return
        steps += 1
        back = callback(pipe, steps, int(event.timestep), {"latents": event.latents})
        given = back.get("latents") if isinstance(back, Mapping) else None
        if given is not None and given is not event.latents:
            raise BadRequest("callback_on_step_end gave other latents back; they cannot be changed")

    return read


@contextmanager
def bar(work: Work, **config: Any) -> Iterator[Reader]:
    """A reader that shows a bar of network evaluations, by tqdm; `config` is tqdm's.

    Silent where diffusers' own bars are.
    """
    from diffusers.utils import logging
    from tqdm.auto import tqdm

    silent = config.pop("disable", False) or not logging.is_progress_bar_enabled()
    with tqdm(total=work.evaluations, unit="view", disable=silent, **config) as shown:

        def read(event: Event) -> None:
            if isinstance(event, Resumed):
                shown.update(int(work.done(event.stages, event.steps)) - shown.n)
            if isinstance(event, Ticked):
                shown.set_description(f"stage {event.stage} of {len(work.stages)}", refresh=False)
                shown.update(int(work.done(event.stage - 1, event.step)) - shown.n)

        yield read
