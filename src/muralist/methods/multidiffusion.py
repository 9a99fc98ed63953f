"""Overlapping windows, averaged."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from muralist.canvas import Size
from muralist.denoisers import Tiled, Unplaced
from muralist.fuse import Gaussian, mean
from muralist.query import Painter
from muralist.settings import setting, validate
from muralist.stage import Stage
from muralist.views import Grid

__all__ = ["MultiDiffusion"]


@dataclass(frozen=True, kw_only=True)
class MultiDiffusion:
    """Bar-Tal et al., 2023. Overlapping windows of one canvas, averaged at every step.

    Nothing holds the windows to one composition: each paints the prompt anew, and the object is
    repeated. With `fusion="gaussian"` the windows' centres count more (Mixture of Diffusers).
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

    def __post_init__(self) -> None:
        validate(self)

    def stages(self, model: Painter, size: Size) -> Iterator[Stage]:
        windows = Grid.of(model.native, self.window, self.stride, wrap=self.wrap)
        fuse = Gaussian() if self.fusion == "gaussian" else mean
        asked = Unplaced(model) if self.crop_ids == "none" else model
        yield Stage(size=size, denoiser=lambda _: Tiled(asked, windows, fuse))
