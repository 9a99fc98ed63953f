"""Latents to a whole picture, and a picture to latents, tile by tile."""

from dataclasses import dataclass, field

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from muralist.canvas import Size, View
from muralist.decode import decoded, tiles_of
from muralist.models.base import Model
from muralist.strips import blank
from muralist.tiles import tiled

__all__ = ["ModelCodec"]


@dataclass(frozen=True)
class ModelCodec:
    """A model's decoder and encoder, for what lies between two stages.

    Latents are made where `home` is, a cell or a canvas.
    """

    model: Model
    home: Tensor = field(default_factory=lambda: torch.zeros(1))

    @property
    def factor(self) -> int:
        return self.model.card.factor

    def picture(self, latents: Tensor) -> Image.Image:
        return Image.fromarray(decoded(self.model, latents))

    def latents(self, picture: Image.Image) -> Tensor:
        """`1 C H W`; a picture too large to encode at once is cut, as for decoding."""
        card, model = self.model.card, self.model
        pixels = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None]  # on the host, 8 bits

        @torch.no_grad()
        def ask(view: View) -> Tensor:
            return model.encode_pixels(view.times(card.factor).crop(pixels) / 255)

        size = Size(picture.height // card.factor, picture.width // card.factor)
        latents = blank(self.home, 1, card.channels, *size)
        for top, left, values in tiled(ask, tiles_of(card, size), size, 1):
            height, width = values.shape[-2:]
            View(top, left, height, width).add(latents, values.to(latents))
        return latents
