"""Latents to pixels, tile by tile, in reading order."""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from torch import Tensor

from muralist.canvas import Size, View
from muralist.errors import NotFinite
from muralist.models.base import Card, Model
from muralist.sinks import Room, unpainted
from muralist.tiles import HALO, Counted, Spread, tiled

__all__ = ["Tile", "decode", "decoded", "decoding", "place", "tiles_of"]

BUDGET = 4 << 30  # bytes of a tile's activations in a decoder; SDXL's 1024x1024 take 3.5 GiB
_COPIES = 7  # activations of the last width, at full resolution, that live at once (measured: 6.1)


class Tile(NamedTuple):
    """Finished pixels and where they belong."""

    top: int
    left: int
    pixels: np.ndarray  # height, width, 3; uint8


def decoding(model: Model, latents: Tensor, spread: Spread = map) -> Iterator[Counted | Tile]:
    """As `decode`, and what is counted before there is a tile."""
    size = Size(*latents.shape[-2:])
    tiles = tiles_of(model.card, size)
    factor = model.card.factor
    with model.upcast():
        for done in tiled(model.decode, lambda at: at.crop(latents), tiles, size, factor, spread):
            if isinstance(done, Counted):
                yield done
            else:
                yield Tile(done.top, done.left, _shades(done.values[0]))


def decode(model: Model, latents: Tensor, spread: Spread = map) -> Iterator[Tile]:
    """The picture behind latents `1 C H W`, in tiles that leave none of it out and overlap nowhere.

    A picture whose decoding fits the budget is one tile; others are cut, as `tiled` says. `spread`
    decodes them. A VAE that overflows in float16 is in float32 until the iterator is closed.

    Raises `NotFinite` where a decoder overflows.
    """
    return (each for each in decoding(model, latents, spread) if isinstance(each, Tile))


def decoded(
    model: Model, latents: Tensor, room: Room = unpainted, spread: Spread = map
) -> np.ndarray:
    """The whole picture: height, width, 3; uint8."""
    pixels = room(*Size(*latents.shape[-2:]).times(model.card.factor))
    for tile in decode(model, latents, spread):
        place(pixels, tile)
    return pixels


def place(pixels: np.ndarray, tile: Tile) -> None:
    """Puts a tile where it belongs."""
    height, width = tile.pixels.shape[:2]
    pixels[tile.top : tile.top + height, tile.left : tile.left + width] = tile.pixels


def tiles_of(card: Card, size: Size) -> Sequence[View]:
    """The cells each tile is responsible for: together the canvas, none twice.

    A tile, with what is seen around it, fits the budget or is no larger than a native picture; but
    never less than `HALO` cells are its own.
    """
    per_cell = card.factor**2 * card.decoder_width * 4 * _COPIES
    if size.area * per_cell <= BUDGET:
        return [View(0, 0, *size)]
    seen = max(math.isqrt(BUDGET // per_cell), min(card.native))
    side = max(seen - 2 * HALO, HALO)
    return [
        View(top, left, min(side, size.height - top), min(side, size.width - left))
        for top in range(0, size.height, side)
        for left in range(0, size.width, side)
    ]


def _shades(values: Tensor) -> np.ndarray:
    if not bool(values.isfinite().all()):
        raise NotFinite(
            "the decoder overflowed; a VAE in float16 often does: load it in float32 or bfloat16,"
            " or use one that was fixed for float16"
        )
    return (values.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()
