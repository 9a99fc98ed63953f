"""One resolution of a method, and what happens between two of them."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from muralist.canvas import Size, View
from muralist.guides.reference import Reference
from muralist.query import Denoiser, Guided, Query
from muralist.strips import blank, cellwise

__all__ = [
    "Before",
    "Codec",
    "Explanation",
    "Method",
    "Notes",
    "Stage",
    "bicubic",
    "cascade",
    "keep",
    "match_statistics",
    "progression",
    "through_pixels",
]


class Codec(Protocol):
    """Between latents and pixels, for what lies between two stages."""

    @property
    def factor(self) -> int:
        """Pixels per latent cell, along one side."""
        ...

    def picture(self, latents: Tensor, /) -> np.ndarray:
        """The picture behind latents `1 C H W`: height, width, 3; uint8."""
        ...

    def enlarged(self, picture: np.ndarray, size: Size, /) -> np.ndarray:
        """The picture at a size in pixels, by Lanczos."""
        ...

    def latents(self, picture: np.ndarray, /) -> Tensor:
        """The latents of a picture, the mean of what its encoder says."""
        ...


class Before(Protocol):
    """The result of a stage, or a picture that was given: each form is made of the other if asked.

    Of a picture, the size is that of the nearest whole cells, to which its latents are brought.
    """

    @property
    def size(self) -> Size:
        """In latent cells."""
        ...

    @property
    def latents(self) -> Tensor:
        """`1 C H W`."""
        ...

    @property
    def pixels(self) -> np.ndarray:
        """Height, width, 3; uint8."""
        ...


def bicubic(before: Before, size: Size, codec: Codec) -> Tensor:
    """Latents `1 C H W` enlarged as they are; the interpolation of the published DemoFusion."""
    latents = before.latents
    larger = blank(latents, *latents.shape[:-2], *size)
    # F.interpolate, but for where the result is
    return torch.ops.aten.upsample_bicubic2d.out(latents, [*size], False, out=larger)


def through_pixels(before: Before, size: Size, codec: Codec) -> Tensor:
    """The picture, enlarged by Lanczos and encoded again (Pixelsmith); at its own size as it is."""
    if size == before.size:
        return before.latents
    return codec.latents(codec.enlarged(before.pixels, size.times(codec.factor)))


def keep(latents: Tensor, first: Before) -> Tensor:
    """The stage's result as it is."""
    return latents


def match_statistics(latents: Tensor, first: Before) -> Tensor:
    """Mean and standard deviation of all latents set to those of what came first."""
    mean, spread = latents.mean(), latents.std()
    its_mean, its_spread = first.latents.mean(), first.latents.std()
    return cellwise(lambda x: (x - mean) / spread * its_spread + its_mean, latents)


@dataclass(frozen=True, eq=False)
class Explanation:
    """What a method can show of why it painted a stage as it did."""

    maps: Sequence[tuple[str, Tensor]] = ()  # by name: rows by columns over the canvas, 0 to 1
    views: Sequence[tuple[View, str]] = ()  # what each was asked with


class Notes(Protocol):
    """What a method learns while it paints."""

    def state(self) -> Mapping[str, Tensor]:
        """All of it, as it is now: what is learnt later does not change these tensors."""
        ...

    def restore(self, state: Mapping[str, Tensor], /) -> None:
        """Back to a state."""
        ...


@dataclass(frozen=True, kw_only=True)
class Stage:
    """How to start from what came before, who denoises, and what is made of the result.

    The first stage starts from noise where no picture is given. Every other enlarges what came
    before (`begin`), noises it to the level of its first step, and hands its denoiser the
    trajectory between the two. With `strength` below 1 only that last part of the steps is taken,
    as in diffusers' image-to-image. `end` makes the result of the last canvas and of what came
    first: the picture that was given, or the result of the first stage.
    `explain` is asked once the stage is done, by whoever wants to know. `notes` are what the method
    learns at this stage and others and needs again: they are kept with a run that may be taken up.
    """

    size: Size
    denoiser: Callable[[Reference], Denoiser]
    begin: Callable[[Before, Size, Codec], Tensor] = bicubic
    end: Callable[[Tensor, Before], Tensor] = keep
    strength: float = 1.0
    explain: Callable[[Query], Explanation] | None = None
    notes: Notes | None = None


class Method(Protocol):
    """A paper: settings as fields of a frozen dataclass, stages as expressions."""

    def stages(self, model: Guided, size: Size, /) -> Iterator[Stage]:
        """The stages that end at a canvas of `size`; listable before anything is painted."""
        ...

    def enlarge(self, model: Guided, start: Size, size: Size, /) -> Iterator[Stage]:
        """The stages from a picture whose latents are of `start` to a canvas as large or larger."""
        ...


def cascade(native: Size, size: Size, growth: float) -> list[Size]:
    """Sizes from native to final, each the same number of times the last and at most `growth`.

    All have the final ratio, rounded down to whole cells, and the first has the native area, as
    the sizes that models are trained at. A picture no larger than native is one stage.
    """
    larger = math.sqrt(size.area / native.area)
    count = max(math.ceil(math.log(larger, growth) - 1e-6), 0)
    smaller = [
        Size(*(max(int(side / larger ** (1 - at / count) + 1e-6), 1) for side in size))
        for at in range(count)
    ]
    return [*smaller, size]


def progression(native: Size, size: Size) -> list[Size]:
    """Sizes from native to final, each one native side longer (DemoFusion, progressive upscaling).

    All have the final ratio, rounded down to whole cells; the first has the native longer side,
    and the last is the final size even where that is no whole multiple of the native one. Up to a
    quarter of a native side beyond a multiple costs no stage of its own.
    """
    ratio = max(Fraction(size.height, native.height), Fraction(size.width, native.width))
    smaller = [
        Size(max(int(size.height * s / ratio), 1), max(int(size.width * s / ratio), 1))
        for s in range(1, math.ceil(ratio - Fraction(1, 4)))
    ]
    return [*smaller, size]
