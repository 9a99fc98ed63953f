"""Latents to a whole picture, and a picture to latents, tile by tile."""

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from muralist.canvas import Size, View
from muralist.decode import decoded, tiles_of, with_halo
from muralist.models.base import Model

__all__ = ["ModelCodec"]


@dataclass(frozen=True)
class ModelCodec:
    """A model's decoder and encoder, for what lies between two stages.

    Latents are left on `home`.
    """

    model: Model
    home: torch.device = torch.device("cpu")

    @property
    def factor(self) -> int:
        return self.model.card.factor

    def picture(self, latents: Tensor) -> Image.Image:
        return Image.fromarray(decoded(self.model, latents))

    @torch.no_grad()
    def latents(self, picture: Image.Image) -> Tensor:
        """`1 C H W`; a picture too large to encode at once is cut, with halos, as for decoding."""
        card = self.model.card
        pixels = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None]  # on the host, 8 bits
        size = Size(picture.height // card.factor, picture.width // card.factor)
        latents = torch.zeros(1, card.channels, *size, device=self.home)
        for tile in tiles_of(card, size):
            seen = with_halo(tile, size)
            part = self.model.encode_pixels(_pixels_of(seen, card.factor).crop(pixels) / 255)
            inner = tile.moved(-seen.top, -seen.left)
            tile.add(latents, inner.crop(part).to(self.home))
        return latents


def _pixels_of(view: View, factor: int) -> View:
    top, left, height, width = (factor * at for at in view[:4])
    return View(top, left, height, width)
