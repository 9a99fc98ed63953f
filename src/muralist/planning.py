"""What a request will cost, found by asking its own stages of a blank network."""

from dataclasses import dataclass
from typing import Literal

import psutil
import torch

from muralist.canvas import Size
from muralist.guides import Reference
from muralist.models.blank import NO_TEXT, Asked, Blank, once
from muralist.query import Query
from muralist.request import Request
from muralist.stage import Stage

__all__ = ["CANVASES", "Plan", "StagePlan", "canvas_bytes", "canvas_place", "plan"]

CANVASES = 13  # canvas-sized float32 tensors alive at once, at most; a test counts them
ON_DEVICE = 1 << 30  # bytes of canvases that a device has room for beside a model


@dataclass(frozen=True)
class StagePlan:
    """One stage: its canvas in latent cells, and what its steps ask of the network."""

    size: Size
    steps: int
    evaluations: int  # views asked about, all steps together; a guided view counts once
    samples: int  # rows through the network; a guided view is two, or three


@dataclass(frozen=True)
class Plan:
    """All stages of a request."""

    stages: tuple[StagePlan, ...]
    canvas_bytes: int  # all canvases of the last stage together, at most
    canvas_place: Literal["device", "ram", "disk"]  # where they are kept

    @property
    def evaluations(self) -> int:
        return sum(stage.evaluations for stage in self.stages)

    @property
    def samples(self) -> int:
        return sum(stage.samples for stage in self.stages)


def plan(request: Request) -> Plan:
    """The stages, network evaluations and canvas memory of a request.

    Nothing is loaded: every step of every stage runs, on tensors without data.
    """
    network = Blank(request.card.native)
    asked = Asked(request.guided(network))
    stages = []
    for number, stage in enumerate(request.method.stages(asked, request.size), start=1):
        asked.views.clear()
        network.rows.clear()
        steps = _dry_run(request, stage, number)
        stages.append(StagePlan(stage.size, steps, sum(asked.views), sum(network.rows)))
    return Plan(tuple(stages), canvas_bytes(request), canvas_place(request))


def canvas_bytes(request: Request) -> int:
    """All canvases of the last stage together, at most."""
    return CANVASES * request.size.area * request.card.channels * 4


def canvas_place(request: Request) -> Literal["device", "ram", "disk"]:
    """Where canvases are kept: as asked, or as their size asks.

    That is the device as long as they are small beside the model, host memory as long as they
    would fill no more than half of it, and the disk beyond that.
    """
    if request.canvas or canvas_bytes(request) <= ON_DEVICE:
        return request.canvas or "device"
    return "ram" if canvas_bytes(request) <= psutil.virtual_memory().total / 2 else "disk"


def _dry_run(request: Request, stage: Stage, number: int) -> int:
    x = torch.empty(1, request.card.channels, *stage.size, device="meta")
    denoise = stage.denoiser(Reference(x, x))
    steps = request.schedule.entered(stage.strength).steps
    for step in steps:
        denoise(
            x,
            Query(
                step=step,
                cond=NO_TEXT,
                negative=NO_TEXT,
                canvas=stage.size,
                final=request.size,
                seed=request.seed,
                stage=number,
                run=once,
            ),
        )
    return len(steps)
