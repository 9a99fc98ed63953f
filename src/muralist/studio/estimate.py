"""What a picture will cost, before it is asked for, and whether there is room for it."""

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import torch

from muralist.canvas import Size
from muralist.models import best_device, suited
from muralist.planning import Plan, Work, plan, work
from muralist.request import Request
from muralist.room import existing
from muralist.settings import to_json
from muralist.sinks import amount, file_bytes
from muralist.studio.rates import Rates

__all__ = ["Effort", "Estimate", "Plans", "effort", "estimated", "fewest_evaluations"]

_INDIFFERENT = ("prompt", "negative_prompt", "seed")  # a picture costs the same whatever they are
_KEPT = 64  # plans


@dataclass(frozen=True)
class Effort:
    """What there is to do, which is known at once; what it takes beside is an `Estimate`'s."""

    stages: tuple[Size, ...]  # in pixels
    evaluations: int  # of the network; a guided view counts once
    base_evaluations: int  # of them, until the base picture is there
    seconds: float | None  # but for decoding; None until the model has painted here
    base_seconds: float | None  # of them, until the base picture is there


@dataclass(frozen=True)
class Estimate:
    """Stages, work, bytes; `short` says what there is not enough of."""

    stages: tuple[Size, ...]  # in pixels
    evaluations: int  # of the network; a guided view counts once
    base_evaluations: int  # of them, until the base picture is there
    device_bytes: int
    host_bytes: int
    disk_bytes: int
    seconds: float | None  # but for decoding; None until the model has painted here
    base_seconds: float | None  # of them, until the base picture is there
    short: str | None


@dataclass
class Plans:
    """Plans, kept while they are asked for again and again: one takes seconds, somebody types."""

    _known: dict[str, Plan] = field(default_factory=dict)

    def plan(self, request: Request, out: Path, dtype: torch.dtype) -> Plan:
        told = request.to_json()
        key = json.dumps({name: told[name] for name in told if name not in _INDIFFERENT})
        known = self._known.pop(key, None) or plan(request, out=out, dtype=dtype)
        self._known[key] = known  # the last that was asked for is the last to go
        for oldest in list(self._known)[:-_KEPT]:
            self._known.pop(oldest, None)
        return known


def fewest_evaluations(request: Request) -> int:
    """So many at least are asked for by the last stage: windows of every step, known at once.

    A plan counts all of them, and takes as long as there are many.
    """
    told = to_json(request.method)
    window = told.get("window") or min(request.card.native)
    # methods without a stride place windows as they like, but cover the canvas
    stride = told.get("stride") or (max(window // 2, 1) if "stride" in told else window)
    rows, columns = (max(side - window, 0) // stride + 1 for side in request.size)
    return rows * columns * request.steps


def effort(request: Request, rates: Rates, cost: Work | None = None) -> Effort:
    """What there is to do for a request; `cost` is its work, if that is known."""
    cost = cost or work(request)
    whole, later = rates.seconds(request, cost), rates.seconds(request, cost, 1)
    return Effort(
        tuple(stage.size.times(request.card.factor) for stage in cost.stages),
        cost.evaluations,
        cost.stages[0].evaluations,
        whole,
        None if whole is None or later is None else whole - later,
    )


def estimated(
    request: Request,
    folder: Path,
    rates: Rates,
    device: torch.device | None = None,
    dtype: torch.dtype | None = None,
    plans: Plans | None = None,
) -> Estimate:
    """What painting a request into a folder takes. Nothing is loaded, computed or written.

    Raises `BadRequest` and `ModelNotFound` for what cannot be painted at all.
    """
    place = device or best_device()
    cost = (plans or Plans()).plan(request, folder / "picture.tif", dtype or suited(place))
    known = effort(request, rates, cost)
    kept = sum(file_bytes(Path("stage.tif"), *size) for size in known.stages[:-1])
    return Estimate(
        **vars(known),
        device_bytes=cost.device_bytes,
        host_bytes=cost.host_bytes,
        disk_bytes=cost.disk_bytes + kept,
        short=_short(place, cost.device_bytes, cost.host_bytes)
        or _short_of_disk(folder, cost.disk_bytes + kept),
    )


def _short(device: torch.device, on_device: int, in_host: int) -> str | None:
    if device.type == "cuda":
        there = torch.cuda.get_device_properties(device).total_memory
        if on_device > there:
            return f"needs {amount(on_device)} of graphics memory, and there are {amount(there)}"
    elif device.type == "cpu":
        in_host += on_device
    there = psutil.virtual_memory().total
    if in_host > there:
        return f"needs {amount(in_host)} of memory, and there are {amount(there)}"
    return None


def _short_of_disk(folder: Path, needed: int) -> str | None:
    free = shutil.disk_usage(existing(folder)).free
    return f"needs {amount(needed)} of disk, and {amount(free)} are free" if needed > free else None
