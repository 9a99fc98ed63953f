"""The outer loop: a request's stages, one after another, as events."""

import warnings
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from operator import mul
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from muralist.canvas import Size
from muralist.codec import Latents, ModelCodec, Pixels
from muralist.decode import Tile, place, tiles_of
from muralist.diffuse import diffuse
from muralist.errors import BadRequest
from muralist.events import (
    Event,
    Finished,
    Resumed,
    StageBegun,
    StageDone,
    Started,
    Ticked,
    TileCounted,
    TileDone,
)
from muralist.guides import Reference
from muralist.job import Canvas, Job, Unkept
from muralist.models import Checkpoint, Model, best_device, load
from muralist.models.blank import Blank
from muralist.photo import Photo
from muralist.picture import Picture, StageResult
from muralist.place import canvas_bytes, canvas_place
from muralist.query import Control, Query, seeded
from muralist.request import Request
from muralist.run import Batches, Crew, check_workers, hired
from muralist.sinks import unpainted
from muralist.solvers.memory import recalled
from muralist.solvers.schedule import Schedule
from muralist.stage import Before, Stage
from muralist.strips import blank, cellwise, copied, mapped
from muralist.version import __version__

__all__ = ["Noise", "PromptTooLong", "check_hands", "generate", "kept_by"]

Noise: TypeAlias = Callable[[str, tuple[int, ...]], Tensor]
Fill: TypeAlias = Callable[[str, Tensor], Tensor]  # with noise for a purpose, in place


class PromptTooLong(UserWarning):
    """The text encoder had no room for the end of a prompt."""


def generate(
    request: Request,
    *,
    noise: Noise | None = None,
    latents: Tensor | None = None,
    job: Job | str | Path | None = None,
    spool: str | Path | None = None,
    crew: Crew | None = None,
) -> Iterator[Event]:
    """Paints a request, and tells what happens while it does.

    `noise(purpose, shape)` replaces the noise drawn from the seed: it is asked once for `base`
    and once for each later stage, `stage-2` and so on (and `stage-1` in the place of `base` where
    there is an image), and answers with a standard normal tensor of that shape. `latents` replaces
    `base` alone. Closing the iterator cancels. `job` is a folder
    that keeps finished stages and, from time to time, the canvas: asked again with the same
    request, the run goes on where it was. It stays when all is done. `spool` is the folder for
    pixels beyond 512 MiB and for canvases on the disk, the system's for temporary files if unset.
    `crew` computes views and tiles, and is left as it is; unset, as many workers as the request
    says are there for as long as the run.

    Raises `BadRequest` for latents of the wrong shape, another request's job or more workers than
    there can be, `ModelNotFound`, `UnsupportedModel`, `OSError` where there is no room for pixels
    or canvases, `NotFinite` when the picture turns into NaN, and `WorkersLost` when nobody is left.
    """
    if crew is None:
        check_hands(request)
    fill = _drawn_from(request.seed) if noise is None else _asked_of(noise)
    if latents is not None:
        if request.image is not None:
            raise BadRequest("latents are noise that replaces an image; give one of them")
        first = next(iter(request.stages(request.guided(Blank(request.card.native)))))
        _check_shape(latents, "latents", (1, request.card.channels, *first.size))
        fill = _started_from(latents, fill)
    settings = {"muralist": __version__, **request.to_json()}
    given = noise is not None or latents is not None
    if given:
        settings["noise"] = "given"
    kept = Unkept() if job is None else kept_by(job, request, given)
    return _generate(request, fill, settings, kept, None if spool is None else Path(spool), crew)


def kept_by(job: Job | str | Path, request: Request, given: bool) -> Job:
    """The job of a request; `BadRequest` where its noise is `given`, and not its seed's."""
    if given:
        raise BadRequest("a run from given noise cannot be taken up: job and noise or latents")
    return job if isinstance(job, Job) else Job(job, request)


def check_hands(request: Request) -> None:
    """`BadRequest` where there cannot be so many workers where the model is, or will be."""
    model = request.model
    device = best_device() if isinstance(model, str | Checkpoint) else model.device
    check_workers(request.workers, request.ray, device)


@torch.no_grad()
def _generate(
    request: Request,
    fill: Fill,
    settings: Mapping[str, Any],
    job: Job | Unkept,
    folder: Path | None,
    crew: Crew | None,
) -> Iterator[Event]:
    model = load(request.model) if isinstance(request.model, str | Checkpoint) else request.model
    crew_here = hired(request.workers, request.ray, model.device, model)
    try:
        with crew_here if crew is None else nullcontext(crew) as crew:
            yield from _staged(request, model, fill, settings, job, folder, crew)
    finally:
        model.rest()


def _staged(
    request: Request,
    model: Model,
    fill: Fill,
    settings: Mapping[str, Any],
    job: Job | Unkept,
    folder: Path | None,
    crew: Crew,
) -> Iterator[Event]:
    """The run itself; what is spread over the crew goes through `crew.map`."""
    home, room = _home(request, model, folder), partial(unpainted, folder=folder)
    question, codec = _question(request, model, crew), ModelCodec(model, home, room, crew.map)
    stages = list(request.stages(request.guided(model)))
    schedules = [request.schedule.entered(stage.strength) for stage in stages]
    run = _Run(question, codec, fill, job, _image(request, codec))
    job.begin()
    try:
        yield Started(
            tuple(stage.size for stage in stages), tuple(len(each.steps) for each in schedules)
        )
        pixels = room(*request.size.times(model.card.factor))  # now, while the disk has some
        if any(job.reached()):
            yield Resumed(*job.reached())
        done = run.taken_up(stages)
        for number in range(len(done) + 1, len(stages) + 1):
            stage, schedule = stages[number - 1], schedules[number - 1]
            yield StageBegun(number)
            before = run.before(done)
            asked = run.asked(number, stage, schedule, before)
            x = yield from run.painted(stage, schedule, asked, before)
            del before
            x = stage.end(x, run.first(done, x))
            done.append(run.result(number, x))
            yield StageDone(number, done[-1], stage.explain and partial(stage.explain, asked))
            job.finished(Canvas(number, len(schedule.steps), x, None, _noted(stage)))
        last = yield from _decoded(done[-1], codec, pixels)
        yield Finished(Picture((*done[:-1], last), settings))
    except BaseException:
        job.flush()
        raise
    finally:
        job.end()


@dataclass(frozen=True, eq=False)
class _Run:
    """What is the same at all stages."""

    question: Query
    codec: ModelCodec
    fill: Fill
    job: Job | Unkept
    image: Before | None  # that the first stage starts from, if not from noise

    def taken_up(self, stages: Sequence[Stage]) -> list[StageResult]:
        """The stages that are finished already; the method remembers what it noted."""
        done = []
        for kept, stage in zip(self.job.stages(), stages, strict=False):
            if stage.notes is not None:
                stage.notes.restore(kept.notes)
            done.append(self.result(kept.stage, copied(kept.x, self.codec.home)))
        return done

    def asked(self, number: int, stage: Stage, schedule: Schedule, before: Before | None) -> Query:
        """A stage's question, at its last step."""
        return replace(
            self.question,
            stage=number,
            canvas=stage.size,
            step=schedule.steps[-1],
            controls=self.controls(stage, before),
        )

    def controls(self, stage: Stage, before: Before | None) -> tuple[Control, ...]:
        """What ControlNets are shown: what the stage draws, or what was given."""
        if stage.sketch is not None and before is not None:
            return (stage.sketch(before.pixels),)
        size = stage.size.times(self.codec.factor)
        return tuple(self.reduced(control, size) for control in self.question.controls)

    def reduced(self, control: Control, size: Size) -> Control:
        """A picture larger than the stage as large as it: views would leave pixels out."""
        height, width, _ = control.image.shape
        if height <= size.height and width <= size.width:
            return control
        smaller = self.codec.enlarged(control.image.numpy(), size)
        return replace(control, image=torch.from_numpy(smaller))

    def painted(
        self, stage: Stage, schedule: Schedule, asked: Query, before: Before | None
    ) -> Generator[Event, None, Tensor]:
        """The steps of one stage, from where the job left it."""
        x, reference = self.begun(asked.stage, stage, schedule, before)
        denoise, steps, done, memory = stage.denoiser(reference), schedule.steps, 0, None
        del reference  # and with it noise that nobody needs again
        if kept := self.job.canvas(asked.stage):
            x, done = copied(kept.x, x), kept.steps
            memory = recalled(kept.memory, x)
            if stage.notes is not None:
                stage.notes.restore(kept.notes)
        del kept
        for tick in diffuse(x, denoise, steps[done:], schedule.solver, asked, memory):
            x, memory, done = tick.x, None, done + 1
            self.job.painted(Canvas(asked.stage, done, x, tick.memory, _noted(stage)))
            yield Ticked(asked.stage, done, len(steps), tick.step.timestep, x, tick.x0)
            del tick  # and with it the estimate, before the next one is made
        return x

    def result(self, number: int, latents: Tensor) -> StageResult:
        """A stage's result, whose pixels are decoded when somebody looks."""
        size = Size(*latents.shape[-2:])
        alone = replace(self.codec, spread=map)  # whoever looks may do so when the crew is gone
        return StageResult(number, size, latents, partial(alone.picture, latents))

    def before(self, done: Sequence[StageResult]) -> Before | None:
        """What the next stage starts from; None where that is noise."""
        return Latents(self.codec, done[-1].latents) if done else self.image

    def first(self, done: Sequence[StageResult], x: Tensor) -> Before:
        """What came first: the image, or the result of the first stage, which may be x."""
        return self.image or Latents(self.codec, done[0].latents if done else x)

    def begun(
        self, number: int, stage: Stage, schedule: Schedule, before: Before | None
    ) -> tuple[Tensor, Reference]:
        """The canvas a stage starts from, and the trajectory it may be held to."""
        purpose = "base" if before is None else f"stage-{number}"
        channels = self.codec.model.card.channels
        noise = self.fill(purpose, blank(self.codec.home, 1, channels, *stage.size))
        if before is None:
            nothing = torch.zeros((), device=noise.device).expand(noise.shape)
            return cellwise(mul, noise, schedule.noise_scale), Reference(nothing, noise)
        reference = Reference(stage.begin(before, stage.size, self.codec), noise)
        return reference.at(schedule.steps[0]).x, reference


def _image(request: Request, codec: ModelCodec) -> Before | None:
    """What the first stage starts from, if not from noise."""
    image = request.origin
    if isinstance(image, Photo):
        return Pixels(codec, image.pixels)
    return None if image is None else Latents(codec, copied(image, codec.home))


def _noted(stage: Stage) -> Mapping[str, Tensor]:
    return {} if stage.notes is None else stage.notes.state()


def _question(request: Request, model: Model, crew: Crew) -> Query:
    """What is the same at every step: the prompt, encoded once, and who answers."""
    for name, dropped in model.dropped(request.told).items():
        text = name.replace("_", " ")
        warnings.warn(f"the {text} is too long; left out: {dropped}", PromptTooLong, stacklevel=2)
    cond, negative = model.encode(request.told)
    if request.framing is not None:
        ours, its = request.framing
        cond, negative = replace(cond, framing=(ours,)), replace(negative, framing=(its,))
    return Query(
        step=request.schedule.steps[0],
        cond=cond,
        negative=negative,
        text=model.text(request.told),
        canvas=request.size,
        final=request.size,
        controls=request.controls,
        seed=request.seed,
        run=Batches(request.batch_size, model.device, crew.map, len(crew)),
    )


def _home(request: Request, model: Model, folder: Path | None) -> Tensor:
    """A cell where canvases are kept: they are made where it is."""
    place = canvas_place(request)
    if place == "disk":
        mapped(canvas_bytes(request), folder=folder, dtype=torch.uint8)  # is there room for all?
        return mapped(1, folder=folder, dtype=torch.float32)
    return torch.zeros(1, device=model.device if place == "device" else "cpu")


def _check_shape(given: Tensor, name: str, shape: tuple[int, ...]) -> None:
    if tuple(given.shape) != shape:
        raise BadRequest(f"{name} have shape {tuple(given.shape)}; {shape} is needed")


def _decoded(
    last: StageResult, codec: ModelCodec, pixels: np.ndarray
) -> Generator[Event, None, StageResult]:
    """The result of the last stage with its pixels, decoded tile by tile."""
    count, number = len(tiles_of(codec.model.card, last.size)), 0
    for each in codec.tiles(last.latents):
        if isinstance(each, Tile):
            place(pixels, each)
            number += 1
            yield TileDone(number, count, each)
        else:
            yield TileCounted(*each)
    return replace(last, _decode=lambda: pixels)


def _drawn_from(seed: int) -> Fill:
    def fill(purpose: str, canvas: Tensor) -> Tensor:
        host = canvas.cpu()  # itself, where it is there
        return canvas.copy_(host.normal_(generator=seeded(seed, f"noise/{purpose}")))

    return fill


def _asked_of(noise: Noise) -> Fill:
    def fill(purpose: str, canvas: Tensor) -> Tensor:
        given = noise(purpose, tuple(canvas.shape))
        _check_shape(given, f"noise for {purpose}", tuple(canvas.shape))
        return canvas.copy_(given)

    return fill


def _started_from(latents: Tensor, rest: Fill) -> Fill:
    def fill(purpose: str, canvas: Tensor) -> Tensor:
        return canvas.copy_(latents) if purpose == "base" else rest(purpose, canvas)

    return fill
