"""What a run leaves: the picture, its stages, and the settings that paint it again."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from muralist.canvas import Size
from muralist.errors import BadRequest
from muralist.sinks import save

__all__ = ["Picture", "StageResult"]

_LARGEST_IMAGE = 2**29  # pixels; PIL takes four bytes for each, all of them in memory


@dataclass(frozen=True, eq=False)
class StageResult:
    """The result of one stage."""

    stage: int  # from 1
    size: Size  # in latent cells
    latents: Tensor  # 1 C H W
    _decode: Callable[[], np.ndarray]

    @cached_property
    def pixels(self) -> np.ndarray:
        """`height width 3`, uint8, sRGB, decoded at the first look; in a file where it is large."""
        return self._decode()

    @cached_property
    def image(self) -> Image.Image:
        """The pixels as an image of PIL's, a copy; `BadRequest` beyond 2 GiB of it."""
        height, width, _ = self.pixels.shape
        if height * width > _LARGEST_IMAGE:
            raise BadRequest(
                f"a picture of {width}x{height} pixels is too large for an image in memory; save"
                " it, or look at parts of its pixels"
            )
        return Image.fromarray(self.pixels)


@dataclass(frozen=True, eq=False)
class Picture:
    """A finished picture."""

    stages: Sequence[StageResult]  # the last is the picture itself
    settings: Mapping[str, Any]  # of the request, as JSON values

    @property
    def latents(self) -> Tensor:
        """`1 C H W`."""
        return self.stages[-1].latents

    @property
    def pixels(self) -> np.ndarray:
        """`height width 3`, uint8, sRGB; a mapped file where that is more than 512 MiB."""
        return self.stages[-1].pixels

    @property
    def image(self) -> Image.Image:
        """The pixels as an image of PIL's; `BadRequest` beyond 2 GiB of it."""
        return self.stages[-1].image

    def save(self, path: str | Path) -> Path:
        """Writes a picture file, by its ending, with the settings inside.

        `.png`, `.jpg` (quality 95) and `.webp`; `.tif`, a pyramidal BigTIFF without loss, and
        `.dzi`, Deep Zoom tiles in a folder beside it, for pictures of any size. The picture appears
        whole or not at all, and one of that name is replaced. Raises `BadRequest` for another
        ending, a size that the format does not hold, or a folder that cannot be written to.
        """
        return save(self.pixels, path, self.settings)
