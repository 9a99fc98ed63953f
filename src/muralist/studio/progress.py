"""How far a picture has come, in words and as a part of all there is to do."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from muralist.events import (
    Event,
    Finished,
    Resumed,
    StageBegun,
    StageDone,
    Ticked,
    TileCounted,
    TileDone,
)
from muralist.planning import Work

__all__ = ["Course", "Progress"]


@dataclass(frozen=True)
class Progress:
    """A moment of a run."""

    words: str = "loading the model"
    stage: int = 0  # that is painted, from 1; 0 before the first
    stages: int = 0
    step: int = 0  # of the stage, the last that is done
    steps: int = 0
    share: float = 0.0  # of all evaluations, 0 to 1; of tiles, once these are done
    seconds_left: float | None = None  # of painting, without the decoding at its end
    preview: int = 0  # the number of the preview that is there


class Course:
    """Reads a run's events, and tells how far it has come."""

    def __init__(self, cost: Work, clock: Callable[[], float] = time.monotonic) -> None:
        self._cost, self._clock = cost, clock
        self._first: tuple[float, float] | None = None  # when a step had ended, and what was done
        self.now = Progress(stages=len(cost.stages))

    def read(self, event: Event) -> None:
        match event:
            case Resumed(stages=stages, steps=steps):
                self._painted("going on", stages, steps)
            case StageBegun(stage=stage):
                words = "beginning" if stage == 1 else f"enlarging stage {stage - 1}"
                self.now = replace(self.now, words=words, stage=stage, step=0)
            case Ticked(stage=stage, step=step, steps=steps):
                words = f"stage {stage} of {self.now.stages}, step {step} of {steps}"
                self._timed(self._cost.done(stage - 1, step))
                self._painted(words, stage - 1, step)
                self.now = replace(self.now, stage=stage, step=step, steps=steps)
            case StageDone(stage=stage):
                self._painted(f"stage {stage} of {self.now.stages} is done", stage)
            case TileCounted(norm=norm, number=number, count=count):
                words = f"decoding: norm {norm}, tile {number} of {count}"
                self.now = replace(self.now, words=words, share=number / count, seconds_left=None)
            case TileDone(number=number, count=count):
                words = f"decoding: tile {number} of {count}"
                self.now = replace(self.now, words=words, share=number / count, seconds_left=None)
            case Finished():
                self.now = replace(self.now, words="saving the picture", share=1.0)

    def saw(self, preview: int) -> None:
        """The number of the preview that is there."""
        self.now = replace(self.now, preview=preview)

    def _timed(self, done: float) -> None:
        """Time is taken from the end of the first step on: that one warms everything up."""
        now = self._clock()
        since, before = self._first = self._first or (now, done)
        if done > before:
            seconds = (self._cost.evaluations - done) * (now - since) / (done - before)
            self.now = replace(self.now, seconds_left=seconds)

    def _painted(self, words: str, stages: int, steps: int = 0) -> None:
        share = self._cost.done(stages, steps) / self._cost.evaluations
        self.now = replace(self.now, words=words, share=share)
