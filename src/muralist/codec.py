"""Latents to a whole picture, and a picture to latents, tile by tile."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property, partial

import numpy as np
import torch
from torch import Tensor

from muralist.canvas import Size, View
from muralist.decode import Tile, decoded, decoding, tiles_of
from muralist.models.base import Model
from muralist.sinks import Room, resized, unpainted
from muralist.strips import blank
from muralist.tiles import Counted, Done, Spread, tiled

__all__ = ["Latents", "ModelCodec", "Pixels"]


@dataclass(frozen=True)
class ModelCodec:
    """A model's decoder and encoder, for what lies between two stages.

    Latents are made where `home` is, a cell or a canvas, pixels in `room`; `spread` computes tiles.
    """

    model: Model
    home: Tensor = field(default_factory=lambda: torch.zeros(1))
    room: Room = unpainted
    spread: Spread = map

    @property
    def factor(self) -> int:
        return self.model.card.factor

    def picture(self, latents: Tensor) -> np.ndarray:
        return decoded(self.model, latents, self.room, self.spread)

    def tiles(self, latents: Tensor) -> Iterator[Counted | Tile]:
        """The tiles of the picture as they come, and what is counted before."""
        return decoding(self.model, latents, self.spread)

    def enlarged(self, picture: np.ndarray, size: Size) -> np.ndarray:
        return resized(picture, *size, self.room)

    def latents(self, picture: np.ndarray) -> Tensor:
        """`1 C H W`; a picture too large to encode at once is cut, as for decoding."""
        card, model = self.model.card, self.model
        pixels = torch.from_numpy(picture).permute(2, 0, 1)[None]
        size = Size(picture.shape[0] // card.factor, picture.shape[1] // card.factor)
        latents = blank(self.home, 1, card.channels, *size)

        def source(view: View) -> Tensor:
            return view.times(card.factor).crop(pixels)

        encode = partial(_encoded, model)
        with model.upcast():
            for done in tiled(encode, source, tiles_of(card, size), size, 1, self.spread):
                if isinstance(done, Done):
                    height, width = done.values.shape[-2:]
                    place = View(done.top, done.left, height, width)
                    place.add(latents, done.values.to(latents))
        return latents


@dataclass(frozen=True, eq=False)
class Latents:
    """What a stage starts from, known as latents `1 C H W`."""

    codec: ModelCodec
    latents: Tensor

    @property
    def size(self) -> Size:
        return Size(*self.latents.shape[-2:])

    @property
    def pixels(self) -> np.ndarray:
        return self.codec.picture(self.latents)


@dataclass(frozen=True, eq=False)
class Pixels:
    """What a stage starts from, known as pixels: height, width, 3; uint8."""

    codec: ModelCodec
    pixels: np.ndarray

    @property
    def size(self) -> Size:
        return self.codec.model.card.nearest(*self.pixels.shape[:2])

    @property
    def latents(self) -> Tensor:
        return self._encoded

    @cached_property
    def _encoded(self) -> Tensor:
        codec = self.codec
        return codec.latents(codec.enlarged(self.pixels, self.size.times(codec.factor)))


def _encoded(model: Model, shades: Tensor) -> Tensor:
    return model.encode_pixels(shades / 255)
