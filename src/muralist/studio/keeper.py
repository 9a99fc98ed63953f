"""What a run brings, as files in the picture's folder: stages, previews, the picture itself."""

import time
from dataclasses import replace

import numpy as np

from muralist.events import Event, Finished, StageDone, Started, Ticked
from muralist.models import Model
from muralist.sinks import save
from muralist.studio import why
from muralist.studio.preview import Previews, write_jpeg
from muralist.studio.rates import Rates
from muralist.studio.work import Work

__all__ = ["Keeper"]

_THUMBNAIL = 320  # pixels


class Keeper:
    """Reads a run's events. Files are there before the event that tells of them is passed on."""

    def __init__(self, work: Work, model: Model, rates: Rates) -> None:
        self._work, self._model, self._rates = work, model, rates
        self._previews = Previews(work.preview, number=int(time.time()))  # no number comes twice
        self._last = 0  # of the stages
        self._first: tuple[int, float] | None = None  # step of a stage that this run did, and when

    def read(self, event: Event) -> None:
        match event:
            case Started(sizes=sizes):
                self._last = len(sizes)
            case Ticked(step=step, x0=x0):
                self._first = self._first or (step, time.monotonic())
                self._previews.show(self._model, x0)
            case StageDone(stage=stage, result=result, explain=explain):
                self._learn(stage)
                if stage < self._last:
                    self._keep(stage, replace(result).pixels)  # which are let go then
                if explain is not None:
                    why.keep(self._work, stage, explain())
            case Finished(picture=picture):
                for result in picture.stages[:-1]:
                    if not self._work.stage(result.stage).exists():
                        self._keep(result.stage, replace(result).pixels)
                write_jpeg(picture.pixels, self._work.thumbnail, _THUMBNAIL)
                picture.save(self._work.picture)

    @property
    def preview(self) -> int:
        """The number of the preview that is there."""
        return self._previews.number

    def _keep(self, stage: int, pixels: np.ndarray) -> None:
        write_jpeg(pixels, self._work.thumbnail, _THUMBNAIL)
        settings = {**self._work.request.to_json(), "stage": stage}
        save(pixels, self._work.stage(stage), settings)

    def _learn(self, stage: int) -> None:
        """How fast the stage was, from the end of the first step on: that one warms things up."""
        plan, first, self._first = self._work.cost.stages[stage - 1], self._first, None
        if first is not None:
            step, began = first
            share, seconds = (plan.steps - step) / plan.steps, time.monotonic() - began
            self._rates.learn(self._work.request, plan, share, seconds)
