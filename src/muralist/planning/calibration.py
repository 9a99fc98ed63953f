"""How long a request will take, from a few calls of its model."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any, NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from muralist.canvas import Size, View
from muralist.decode import tiles_of
from muralist.models import Card, Checkpoint, Model, load
from muralist.models.blank import Call
from muralist.query import Query
from muralist.request import Request
from muralist.stage import through_pixels
from muralist.tiles import HALO, around, sample

__all__ = ["Seconds", "calibrated"]

_TIMES = 3  # of which the median is taken, after one to warm up

Clock = Callable[[], float]


@dataclass(frozen=True)
class Seconds:
    """An estimate: calls of the network, decoders and encoders, and nothing around them."""

    stages: tuple[float, ...]  # what lies between a stage and the one before is its own
    decoding: float
    measuring: float  # how long it took to find out

    @property
    def total(self) -> float:
        return sum(self.stages) + self.decoding


class _Stage(Protocol):
    @property
    def calls(self) -> Mapping[Call, int]: ...


class _Line(NamedTuple):
    """Seconds of a call by its rows: a straight line through the two that were measured."""

    fewest: int
    most: int
    seconds: tuple[float, float]

    def __call__(self, rows: int) -> float:
        first, last = self.seconds
        if self.fewest == self.most:
            return first * rows / self.most
        return first + (last - first) * (rows - self.fewest) / (self.most - self.fewest)


def calibrated(
    request: Request, stages: Sequence[_Stage], clock: Clock = time.perf_counter
) -> Seconds:
    """Times calls of the model, and multiplies by how often a plan's stages ask for them.

    A model that is named is loaded; that is not counted.

    For each size of views, calls of the fewest and of the most rows are timed, and a tile of the
    picture is decoded, and encoded where a method goes through pixels.
    """
    model = load(request.model) if isinstance(request.model, str | Checkpoint) else request.model
    began = clock()
    lines = _lines({call for stage in stages for call in stage.calls}, request, model, clock)
    called = [
        sum(times * lines[call.size](call.rows) for call, times in stage.calls.items())
        for stage in stages
    ]
    asked = list(request.stages(request.guided(model)))
    through = [stage.begin is through_pixels for stage in asked]
    sizes = [stage.size for stage in asked]
    with model.upcast():
        decode = _decoding(request, model, clock)
        encode = _encoding(request, model, clock) if any(through) else None
    for number, pixels in enumerate(through):
        if pixels and encode:
            called[number] += encode(sizes[number]) + (decode(sizes[number - 1]) if number else 0)
    decoding = decode(sizes[-1])
    return Seconds(tuple(called), decoding, clock() - began)


def _lines(calls: set[Call], request: Request, model: Model, clock: Clock) -> Mapping[Size, _Line]:
    lines = {}
    for size in {call.size for call in calls}:
        rows = [call.rows for call in calls if call.size == size]
        ends = min(rows), max(rows)
        seconds = {each: _timed(_call(request, model, each, size), clock) for each in set(ends)}
        lines[size] = _Line(*ends, (seconds[ends[0]], seconds[ends[1]]))
    return lines


def _call(request: Request, model: Model, rows: int, size: Size) -> Callable[[], Tensor]:
    """One call of the network: rows are rows, guided or not."""
    x = torch.zeros(rows, request.card.channels, *size, device=model.device)
    query = Query(
        step=request.schedule.steps[0],
        cond=model.encode(request.told)[0],
        canvas=request.size,
        final=request.size,
        views=(View(0, 0, *size),) * rows,
    )
    return lambda: model(x, query).x0


class _PerCell(NamedTuple):
    """Seconds of a decoder or an encoder by the size of the picture."""

    card: Card
    seconds: float  # of a cell that is seen
    norms: int

    def __call__(self, size: Size) -> float:
        """All tiles, and those in which statistics are counted: half of the network, for a norm."""
        tiles = tiles_of(self.card, size)
        cells = sum(_seen(tile, size).area for tile in tiles)
        if len(tiles) > 1:
            sampled = sum(_seen(tile, size).area for tile in sample(tiles, size))
            cells += sampled * (self.norms + 1) / 2
        return self.seconds * cells


def _seen(tile: View, size: Size) -> Size:
    view = around(tile, HALO, size)
    return Size(view.height, view.width)


def _largest_tile(request: Request) -> Size:
    tiles = tiles_of(request.card, request.size)
    return max((_seen(tile, request.size) for tile in tiles), key=lambda size: size.area)


def _decoding(request: Request, model: Model, clock: Clock) -> _PerCell:
    size = _largest_tile(request)
    latents = torch.zeros(1, request.card.channels, *size, device=model.device)
    return _per_cell(request, size, partial(model.decode, latents), clock)


def _encoding(request: Request, model: Model, clock: Clock) -> _PerCell:
    size = _largest_tile(request)
    pixels = torch.zeros(1, 3, *size.times(request.card.factor), device=model.device)
    return _per_cell(request, size, partial(model.encode_pixels, pixels), clock)


def _per_cell(request: Request, size: Size, run: Callable[[], Tensor], clock: Clock) -> _PerCell:
    with _GroupNorms() as norms:
        seconds = _timed(run, clock)
    return _PerCell(request.card, seconds / size.area, norms.count // (_TIMES + 1))


@torch.no_grad()
def _timed(run: Callable[[], Tensor], clock: Clock) -> float:
    """Seconds of one run."""

    def once() -> float:
        began = clock()
        float(run().flatten()[0])  # a device is done when its numbers are here
        return clock() - began

    once()
    return median(once() for _ in range(_TIMES))


class _GroupNorms(TorchFunctionMode):
    """Counts the group norms that are computed while it is entered."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        self.count += func is F.group_norm
        return func(*args, **(kwargs or {}))
