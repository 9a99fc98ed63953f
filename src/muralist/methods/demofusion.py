"""Scale by scale, held to the last."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from muralist.canvas import Size
from muralist.denoisers import Blended, Filtered, Relabelled, Steered, Tiled
from muralist.guides import Blur, Reference, Residual
from muralist.query import Denoiser, Painter, Step
from muralist.settings import setting, validate
from muralist.solvers.schedule import Cosine
from muralist.stage import Stage, match_statistics, progression, through_pixels
from muralist.views import Grid, Strided

__all__ = ["DemoFusion"]


@dataclass(frozen=True, kw_only=True)
class DemoFusion:
    """Du et al., 2024. Each scale starts from the last, enlarged, and is held to it at first.

    At every step of the s-th stage: x is pulled to the enlarged last result at this noise level
    (skip residual, c1); windows denoise the details (near) and s^2 subsamplings of the blurred
    canvas denoise the whole (far); the canvas is near + c2 (far - near). c1, c2 and the blur fall
    as cosines to the powers `cosine_scale_1`, `_2` and `_3`.
    """

    window: int | None = setting(None, "side of a window in latent cells; native if unset", low=1)
    stride: int | None = setting(
        None, "latent cells between windows; half a window if unset", low=1
    )
    jitter: int | None = setting(
        None, "cells by which windows move at random; a quarter of the overlap if unset", low=0
    )
    overhang: bool = setting(
        False, "move border windows too, outwards over zeros, as released; they hold still if not"
    )
    cosine_scale_1: float = setting(3.0, "power of the skip residual's decay", low=0)
    cosine_scale_2: float = setting(1.0, "power of the dilated path's decay", low=0)
    cosine_scale_3: float = setting(1.0, "power of the blur's decay", low=0)
    sigma: float = setting(
        0.8, "first standard deviation of the blur, in cells", low=1e-3, high=100
    )
    crop_ids: Literal["canvas", "padded"] = setting(
        "canvas", "crop coordinates of windows: true ones, or off by the jitter as released"
    )
    strength: float = setting(
        1.0,
        "part of the steps that stages which start from a picture take, from the end",
        low=1e-3,
        high=1,
    )

    def __post_init__(self) -> None:
        validate(self)

    def stages(self, model: Painter, size: Size) -> Iterator[Stage]:
        base, near = Tiled(model, Strided(1)), self.placed(model)
        yield from self.composed(model.native, size, base, near, lambda k: Tiled(model, Strided(k)))

    def enlarge(self, model: Painter, start: Size, size: Size) -> Iterator[Stage]:
        near = self.placed(model)
        yield from self.enlarged(
            model.native, start, size, lambda k: near, lambda k: Tiled(model, Strided(k))
        )

    def composed(
        self,
        native: Size,
        size: Size,
        base: Denoiser,
        near: Denoiser,
        far: Callable[[int], Denoiser],
    ) -> Iterator[Stage]:
        """The stages, of denoisers for the first canvas, for windows, and for the whole at k-th."""
        first, *larger = progression(native, size)
        yield Stage(size=first, denoiser=lambda _: base)
        for factor, each in enumerate(larger, start=2):
            yield self.scale(native, each, near, far(factor), factor)

    def enlarged(
        self,
        native: Size,
        start: Size,
        size: Size,
        near: Callable[[int], Denoiser],
        far: Callable[[int], Denoiser],
    ) -> Iterator[Stage]:
        """The stages from a picture, of denoisers for the k-th; none that is smaller than it."""
        every = list(enumerate(progression(native, size), start=1))
        first, *larger = [(k, each) for k, each in every if max(each) >= max(start)] or every[-1:]
        k, each = first
        yield replace(self.scale(native, each, near(k), far(k), k), begin=through_pixels)
        for k, each in larger:
            yield self.scale(native, each, near(k), far(k), k)

    def scale(self, native: Size, size: Size, near: Denoiser, far: Denoiser, k: int) -> Stage:
        """One stage that starts from what came before, k native sides long."""
        windowed = Tiled(near, self.windows(native))
        return Stage(
            size=size,
            denoiser=partial(self.denoiser, windowed, far, k),
            end=match_statistics,
            strength=self.strength,
        )

    def windows(self, native: Size) -> Grid:
        return Grid.of(native, self.window, self.stride, self.jitter, self.overhang)

    def placed(self, model: Painter) -> Denoiser:
        """The model, told the crop coordinates of windows as `crop_ids` says."""
        pad = self.windows(model.native).quarter_overlap if self.crop_ids == "padded" else 0
        return Relabelled(model, pad, pad)

    def denoiser(
        self, near: Denoiser, far: Denoiser, factor: int, reference: Reference
    ) -> Denoiser:
        """The expression of one stage: details from `near`, the whole from `far`, which is shown
        a blurred canvas, and both from an x that is held to the reference.
        """
        blurred = Filtered(far, Blur(factor - 1, self.blur))
        both = Blended(near, blurred, Cosine(self.cosine_scale_2))
        return Steered(both, Residual(reference, Cosine(self.cosine_scale_1)))

    def blur(self, step: Step) -> float:
        """Standard deviation of the blur, in cells of the canvas."""
        return self.sigma * (0.99 * Cosine(self.cosine_scale_3)(step) + 0.01)
