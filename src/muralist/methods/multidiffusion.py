"""Overlapping windows, averaged."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from muralist.canvas import Size
from muralist.denoisers import Tiled, Unplaced
from muralist.fuse import Gaussian, mean
from muralist.query import Denoiser, Painter
from muralist.settings import setting, validate
from muralist.stage import Stage, through_pixels
from muralist.views import Grid

__all__ = ["MultiDiffusion"]


@dataclass(frozen=True, kw_only=True)
class MultiDiffusion:
    """Bar-Tal et al., 2023. Overlapping windows of one canvas, averaged at every step.

    Nothing holds the windows to one composition: each paints the prompt anew, and the object is
    repeated. An image that is enlarged holds them, as it is entered part-way (`strength`). With
    `fusion="gaussian"` the windows' centres count more (Mixture of Diffusers).
    """

    window: int | None = setting(None, "side of a window in latent cells; native if unset", low=1)
    stride: int | None = setting(
        None, "latent cells between windows; half a window if unset", low=1
    )
    fusion: Literal["mean", "gaussian"] = setting("mean", "how overlapping windows are weighted")
    crop_ids: Literal["canvas", "none"] = setting(
        "canvas", "windows are told where they lie, or each that it is a whole picture"
    )
    wrap: bool = setting(False, "close left and right border into a ring, for panoramas")
    strength: float = setting(
        0.4,
        "part of the steps that stages which start from a picture take, from the end",
        low=1e-3,
        high=1,
    )

    def __post_init__(self) -> None:
        validate(self)

    def stages(self, model: Painter, size: Size) -> Iterator[Stage]:
        yield Stage(size=size, denoiser=lambda _: self.denoiser(model))

    def enlarge(self, model: Painter, start: Size, size: Size) -> Iterator[Stage]:
        yield Stage(
            size=size,
            denoiser=lambda _: self.denoiser(model),
            begin=through_pixels,
            strength=self.strength,
        )

    def denoiser(self, model: Painter) -> Denoiser:
        windows = Grid.of(model.native, self.window, self.stride, wrap=self.wrap)
        fuse = Gaussian() if self.fusion == "gaussian" else mean
        asked = Unplaced(model) if self.crop_ids == "none" else model
        return Tiled(asked, windows, fuse)
