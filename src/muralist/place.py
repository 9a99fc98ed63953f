"""Where canvases are kept: beside the model, in host memory, or on the disk, as their size asks."""

from typing import Literal

import psutil

from muralist.models.blank import Blank
from muralist.request import Request
from muralist.solvers.stepped import Stepped

__all__ = ["canvas_bytes", "canvas_place"]

# of float32, of the last stage, alive at once at most; tests count them
_CANVASES = 15
_STEPPED = 20  # where diffusers takes the steps
_ON_DEVICE = 1 << 30  # bytes of canvases that a device has room for beside a model


def canvas_place(request: Request) -> Literal["device", "ram", "disk"]:
    """As asked, or as the size asks.

    That is the device as long as they are small beside the model, host memory as long as they
    would fill no more than half of it, and the disk beyond that.
    """
    if request.canvas or canvas_bytes(request) <= _ON_DEVICE:
        return request.canvas or "device"
    return "ram" if canvas_bytes(request) <= psutil.virtual_memory().total / 2 else "disk"


def canvas_bytes(request: Request) -> int:
    """What all canvases take at most, with the latents of an image and of earlier stages.

    A plan counts better.
    """
    stages = request.stages(request.guided(Blank(request.card.native)))
    *earlier, last = [stage.size.area for stage in stages]
    earlier += [request.start.area] if request.start else []
    most = _STEPPED if isinstance(request.schedule.solver, Stepped) else _CANVASES
    return (most * last + sum(earlier)) * request.card.channels * 4
