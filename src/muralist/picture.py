"""What a run leaves: the picture, its stages, and the settings that paint it again."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from PIL import Image
from torch import Tensor

from muralist.canvas import Size

__all__ = ["Picture", "StageResult"]


@dataclass(frozen=True, eq=False)
class StageResult:
    """The result of one stage."""

    stage: int  # from 1
    size: Size  # in latent cells
    latents: Tensor  # 1 C H W
    _decode: Callable[[], Image.Image]

    @cached_property
    def image(self) -> Image.Image:
        """The stage's picture, decoded at the first look."""
        return self._decode()


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
    def image(self) -> Image.Image:
        return self.stages[-1].image

    def save(self, path: str | Path) -> Path:
        """Writes a PNG, JPEG or WebP file, by its ending, with the settings inside.

        The file appears whole or not at all. Raises `BadRequest` for another ending or a folder
        that cannot be written to.
        """
        from muralist.sinks.image import save

        return save(self.image, path, self.settings)
