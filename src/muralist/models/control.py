"""ControlNets: what they see of a picture at each view, and what they say to the network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from muralist.canvas import Size, View
from muralist.errors import UnsupportedModel
from muralist.query import Control, Query

__all__ = ["POOLED", "ControlNets", "condition", "controlnets"]

POOLED = (
    "a ControlNet that pools its conditions (shuffle) knows no places, and works in diffusers'"
    " guess_mode alone, which is not supported"
)
_A = -0.75  # of the cubic; torch's and OpenCV's


def controlnets(pipe: Any) -> int:
    """How many ControlNets a pipeline has.

    Raises `UnsupportedModel` for those that are asked in other ways.
    """
    network = getattr(pipe, "controlnet", None)
    if network is None:
        return 0
    each = list(getattr(network, "nets", [network]))
    for one in each:
        if type(one).__name__ != "ControlNetModel":
            raise UnsupportedModel(
                f"{type(one).__name__} is no ControlNet of the supported kind, ControlNetModel"
            )
        if one.config.global_pool_conditions:
            raise UnsupportedModel(POOLED)
    return len(each)


@dataclass(frozen=True)
class ControlNets:
    """A pipeline's ControlNets beside its network."""

    network: Any  # a ControlNetModel, a MultiControlNetModel, or None
    factor: int  # pixels per latent cell, along one side

    def residuals(
        self, x: Tensor, timestep: Tensor, q: Query, asked: Mapping[str, Any]
    ) -> dict[str, Any]:
        """What the network adds to its own activations, as its arguments.

        `x` is the batch on the device, `asked` what the network is asked with beside it. Nothing
        where no ControlNet has a strength at this step: none is asked then.
        """
        strengths = [control.strength(q.step) for control in q.controls]
        if not any(strengths):
            return {}
        seen = [self._seen(control, x, q) for control in q.controls]
        several = hasattr(self.network, "nets")
        down, mid = self.network(
            x,
            timestep,
            **asked,
            controlnet_cond=seen if several else seen[0],
            conditioning_scale=strengths if several else strengths[0],
            return_dict=False,
        )
        return {"down_block_additional_residuals": down, "mid_block_additional_residual": mid}

    def _seen(self, control: Control, x: Tensor, q: Query) -> Tensor:
        places = q.places or (View(0, 0, *q.canvas),)
        once = condition(control, places, q.canvas, self.factor, x.device)
        return once.to(x.dtype).repeat(len(x) // len(places), 1, 1, 1)  # guidance asks twice


def condition(
    control: Control, views: Sequence[View], canvas: Size, factor: int, device: torch.device
) -> Tensor:
    """The pixels of a control's picture under each view: `B 3 fh fw`, about 0 to 1, on `device`.

    As if the picture were enlarged to the canvas bicubically (`F.interpolate`, overshoot and all)
    and cropped with `View.times(factor)`, zero where a view hangs over; but every view takes its
    own pixels from the picture as it was given, and nothing as large as a canvas is made.
    """
    return torch.stack([_under(view, control, canvas, factor, device) for view in views])


def _under(view: View, control: Control, canvas: Size, factor: int, device: torch.device) -> Tensor:
    size = Size(canvas.height - control.above, canvas.width - control.left).times(factor)
    at, given = view.moved(-control.above, -control.left).times(factor), control.image
    down = _taps(at.top, at.height, at.step, size.height, given.shape[0])
    right = _taps(at.left, at.width, at.step, size.width, given.shape[1], at.wrap)
    part = given.index_select(0, down.lines).index_select(1, right.lines)
    shades = _sent(part, device).permute(2, 0, 1).contiguous().float() / 255
    return right.weighed(2, down.weighed(1, shades))


@dataclass(frozen=True)
class _Taps:
    """How samples along one axis are made of a picture's lines: of four each, or of one."""

    lines: Tensor  # those that are needed
    index: Tensor  # taps, samples: which of them each sample is made of
    weights: Tensor  # taps, samples

    def weighed(self, axis: int, shades: Tensor) -> Tensor:
        """The samples, of the lines along an axis of `3 rows columns`."""
        index, weights = (_sent(each, shades.device) for each in (self.index, self.weights))
        shape = [-1 if at == axis else 1 for at in range(shades.ndim)]
        taps = zip(index, weights, strict=True)
        return sum(shades.index_select(axis, at) * by.view(shape) for at, by in taps)  # type: ignore


def _taps(start: int, count: int, step: int, extent: int, given: int, wrap: bool = False) -> _Taps:
    """Cubic convolution (Keys, 1981), at samples of a line of `extent` over one of `given`.

    Beyond its ends a picture is as at its ends, and nothing where a view hangs over.
    """
    at = torch.arange(start, start + count * step, step)
    at = at % extent if wrap else at
    place = (at.double() + 0.5) * given / extent - 0.5
    first = place.floor()
    far = place - first + torch.tensor([[1.0], [0.0], [-1.0], [-2.0]]).double()
    weights = _cubic(far.abs()) * ((at >= 0) & (at < extent))
    index = first.long() + torch.tensor([[-1], [0], [1], [2]])
    index = torch.where(weights == 0, first.long(), index).clamp(0, given - 1)
    # what has no weight is not looked at: on the picture's own pixels, three of four
    taps = (weights != 0).any(1)
    taps[1] = True  # a view that lies beyond the picture is made of something, too
    lines, index = index[taps].unique(return_inverse=True)
    return _Taps(lines, index, weights[taps].float())


def _cubic(far: Tensor) -> Tensor:
    near = ((_A + 2) * far - (_A + 3)) * far**2 + 1
    return torch.where(far <= 1, near, ((far - 5) * far + 8) * far * _A - 4 * _A)


def _sent(part: Tensor, device: torch.device) -> Tensor:
    """On the device; from memory that is not pinned it would wait for all it still has to do."""
    cuda = device.type == "cuda"
    return (part.pin_memory() if cuda else part).to(device, non_blocking=cuda)
