"""What a request will cost, found by asking its own stages of a blank network."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from muralist.canvas import Size
from muralist.models import suited
from muralist.models.blank import NO_TEXT, Asked, Blank, Call, Tally
from muralist.photo import Photo
from muralist.place import canvas_place
from muralist.planning.calibration import Seconds
from muralist.planning.footprint import Footprint, footprint
from muralist.planning.rehearsal import Canvases, canvases
from muralist.planning.views import ask
from muralist.query import Estimate, Query
from muralist.request import Request
from muralist.sinks import file_bytes, spooled_bytes
from muralist.solvers.memory import canvases_of
from muralist.solvers.schedule import Schedule
from muralist.stage import Stage

__all__ = ["Plan", "StagePlan", "Work", "plan", "work"]


@dataclass(frozen=True)
class StagePlan:
    """One stage: its canvas in latent cells, and what its steps ask of the network."""

    size: Size
    steps: int
    evaluations: int  # views asked about, all steps together; a guided view counts once
    calls: Mapping[Call, int]  # how often the network is called with so many rows of a size

    @property
    def samples(self) -> int:
        """Rows through the network; a guided view is two, or three."""
        return sum(call.rows * times for call, times in self.calls.items())


@dataclass(frozen=True)
class Work:
    """All stages of a request."""

    stages: tuple[StagePlan, ...]

    @property
    def evaluations(self) -> int:
        return sum(stage.evaluations for stage in self.stages)

    @property
    def samples(self) -> int:
        return sum(stage.samples for stage in self.stages)

    def done(self, stages: int, steps: int = 0) -> float:
        """Evaluations once so many stages are finished, and so many steps of the next."""
        begun = self.stages[stages : stages + 1]
        part = sum(stage.evaluations / stage.steps * steps for stage in begun)
        return sum(stage.evaluations for stage in self.stages[:stages]) + part


@dataclass(frozen=True)
class Plan(Work):
    """The work of a request, and the bytes it takes, at most; its time where that was measured."""

    canvases: Canvases
    canvas_place: Literal["device", "ram", "disk"]  # where they are kept
    dtype: torch.dtype  # of the model
    model: Footprint
    pixels: int  # bytes of the finished picture
    pixels_place: Literal["ram", "disk"]
    job: int  # what a run that is kept takes up, on the disk
    file: int  # about what the picture takes as a file
    image: int = 0  # bytes of the pixels that it starts from
    seconds: Seconds | None = None

    @property
    def canvas_bytes(self) -> int:
        """All canvases together."""
        return self.canvases.total

    @property
    def device(self) -> Mapping[str, int]:
        """Bytes on the device, by what for: `batch` and `tile` are never there together."""
        return {**vars(self.model), **self._canvases_in("device")}

    @property
    def host(self) -> Mapping[str, int]:
        """Bytes in host memory, by what they are for."""
        image = {"image": self.image} if self.image else {}
        return {**self._canvases_in("ram"), **self._pixels_in("ram"), **image}

    @property
    def disk(self) -> Mapping[str, int]:
        """Bytes on the disk, by what they are for; all but the picture go when it is there."""
        kept = {**self._canvases_in("disk"), **self._pixels_in("disk")}
        return {**kept, "job": self.job, "picture": self.file}

    @property
    def device_bytes(self) -> int:
        at_once = max(self.model.batch, self.model.tile)
        return self.model.weights + at_once + self.device.get("canvases", 0)

    @property
    def host_bytes(self) -> int:
        return sum(self.host.values())

    @property
    def disk_bytes(self) -> int:
        return sum(self.disk.values())

    def _canvases_in(self, place: str) -> Mapping[str, int]:
        return {"canvases": self.canvases.total} if self.canvas_place == place else {}

    def _pixels_in(self, place: str) -> Mapping[str, int]:
        return {"pixels": self.pixels} if self.pixels_place == place else {}


def plan(
    request: Request, *, out: str | Path = "picture.png", dtype: torch.dtype | None = None
) -> Plan:
    """The stages, network evaluations and memory of a request.

    `out` is the file the picture is for, of which the ending counts. `dtype` is what the model is
    loaded in; unset, its own where it is loaded, else what suits the best device of this machine.
    Nothing is loaded, computed or written; of a hub id that is not in the local cache, configs are
    fetched. Raises `ModelNotFound`.
    """
    stages = work(request).stages
    calls = {call for stage in stages for call in stage.calls}
    kind = dtype or getattr(getattr(request.model, "network", None), "dtype", None) or suited()
    pixels, held = request.size.times(request.card.factor), canvases(request)
    return Plan(
        stages,
        held,
        canvas_place(request),
        kind,
        footprint(request, calls, kind),
        pixels.area * 3,
        "disk" if spooled_bytes(*pixels) else "ram",
        _job_bytes(request, held),
        file_bytes(Path(out), *pixels),
        request.origin.pixels.nbytes if isinstance(request.origin, Photo) else 0,
    )


def _job_bytes(request: Request, held: Canvases) -> int:
    """Finished stages; the canvas and what the solver looks back on, twice while written."""
    return held.earlier + 2 * held.canvas * (1 + _remembered(request.schedule))


def _remembered(schedule: Schedule) -> int:
    """How many canvases the solver looks back on, at most."""
    x, memory, most = torch.zeros(1, 1, 1, 1), None, 0
    for step in schedule.steps:
        query = Query(step=step, cond=NO_TEXT, canvas=Size(1, 1), final=Size(1, 1))
        x, memory = schedule.solver(Estimate(x, x), query, memory)
        most = max(most, len(list(canvases_of(memory))))
    return most


def work(request: Request) -> Work:
    """What each stage asks of the network. Nothing as large as a canvas is made for that.

    Every step is asked for, of a canvas of a few cells: where views lie is a function of the query.
    """
    network = Blank(request.card.native)
    asked = Asked(request.guided(network))
    stages = request.stages(asked)
    return Work(
        tuple(
            _tallied(request, stage, number, Tally(stage.size, asked, network, request.batch_size))
            for number, stage in enumerate(stages, start=1)
        )
    )


def _tallied(request: Request, stage: Stage, number: int, tally: Tally) -> StagePlan:
    steps = request.schedule.entered(stage.strength).steps
    x = torch.zeros(1, request.card.channels, 2, 2)
    ask(request, stage, number, steps, x, tally)
    return StagePlan(stage.size, len(steps), tally.evaluations, tally.calls)
