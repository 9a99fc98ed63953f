"""What a model takes on its device, found by asking its networks on tensors without data."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from muralist.canvas import Size, View
from muralist.decode import tiles_of
from muralist.models.blank import Call
from muralist.models.weightless import Weightless, weightless
from muralist.planning.held import Held
from muralist.query import Query
from muralist.request import Request
from muralist.tiles import HALO, around

__all__ = ["Footprint", "Fused", "footprint"]

_BLOCK = 16  # channels that kernels keep beside each other


@dataclass(frozen=True)
class Footprint:
    """Bytes on the device, without what its libraries take for themselves."""

    weights: int  # of all networks
    batch: int  # beyond them, while the largest batch is asked about
    tile: int  # beyond them, while a tile of the picture is decoded


def footprint(request: Request, calls: Iterable[Call], dtype: torch.dtype) -> Footprint:
    """Builds the networks, asks about the largest of the calls, and decodes a tile.

    Nothing is computed, nothing loaded. A model without networks takes nothing.
    """
    known = weightless(request.model, request.card, dtype)
    if known is None:
        return Footprint(0, 0, 0)
    weights = [*_tensors(known)]
    largest = max(calls, key=lambda call: call.rows * call.size.area)
    return Footprint(
        sum(each.nbytes for each in weights),
        _beyond(weights, lambda: _asked(known, request, largest)),
        _beyond(weights, lambda: known.model.decode(_tile(request))),
    )


def _tensors(known: Weightless) -> Iterable[Tensor]:
    for network in known.networks.values():
        yield from network.parameters()
        yield from network.buffers()


@torch.no_grad()
def _beyond(weights: Iterable[Tensor], run: Callable[[], object]) -> int:
    """The most bytes that are held while something runs, beyond the weights."""
    held = Held(inside=_copied)
    held.named("weights", *weights)
    before = held.peak
    with held, Fused():
        run()
    return held.peak - before


def _asked(known: Weightless, request: Request, call: Call) -> None:
    """One call of the network. It is asked about so many rows, guided or not: rows are rows."""
    x = torch.empty(call.rows, request.card.channels, *call.size, device="meta")
    query = Query(
        step=request.schedule.steps[0],
        cond=known.cond,
        canvas=request.size,
        final=request.size,
        views=(View(0, 0, *call.size),) * call.rows,
    )
    known.model(x, query)


def _tile(request: Request) -> Tensor:
    """The latents of the largest tile that is decoded at once, with what is seen around it."""
    size = request.size
    seen = [around(tile, HALO, size) for tile in tiles_of(request.card, size)]
    largest = max((Size(view.height, view.width) for view in seen), key=lambda one: one.area)
    return torch.empty(1, request.card.channels, *largest, device="meta")


def _copied(func: Any, args: Sequence[Any]) -> int:
    """Bytes of the copy that a convolution makes of its input, in blocks of sixteen channels."""
    if func is not torch.ops.aten.convolution.default:
        return 0
    rows, channels, *sides = args[0].shape
    return rows * -(-channels // _BLOCK) * _BLOCK * math.prod(sides) * args[0].itemsize


class Fused(TorchFunctionMode):
    """Attention as kernels compute it, without a matrix of all pairs; torch makes one on meta."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if func is F.scaled_dot_product_attention and args[0].is_meta:
            return _attended(*args[:3])
        return func(*args, **(kwargs or {}))


def _attended(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """`rows heads tokens width`, laid out as kernels do: heads beside each other."""
    rows, heads, tokens, _ = query.shape
    return query.new_empty(rows, tokens, heads, value.shape[-1]).transpose(1, 2)
