"""Latents to pixels, tile by tile, in reading order."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from muralist.canvas import Size, View
from muralist.errors import NotFinite
from muralist.models.base import Card, Model

__all__ = ["Tile", "decode", "decoded", "place", "tiles_of", "with_halo"]

BUDGET = 2 << 30  # bytes a decoder may take for the activations of one tile
_COPIES = 4  # activations of full resolution that live at once, roughly
_HALO = 32  # latent cells seen around a tile and thrown away


class Tile(NamedTuple):
    """Finished pixels and where they belong."""

    top: int
    left: int
    pixels: np.ndarray  # height, width, 3; uint8


def decode(model: Model, latents: Tensor) -> Iterator[Tile]:
    """The tiles of the picture behind latents `1 C H W`.

    A picture whose decoding fits the budget is one tile; others are cut, and every tile is decoded
    with a halo of its surroundings. (Group norms then see a tile, not the picture.)

    Raises `NotFinite` where a decoder overflows.
    """
    factor = model.card.factor
    for tile in tiles_of(model.card, Size(*latents.shape[-2:])):
        seen = with_halo(tile, Size(*latents.shape[-2:]))
        pixels = _pixels(model, seen.crop(latents))
        top, left = (tile.top - seen.top) * factor, (tile.left - seen.left) * factor
        inner = pixels[top : top + tile.height * factor, left : left + tile.width * factor]
        yield Tile(tile.top * factor, tile.left * factor, inner)


def decoded(model: Model, latents: Tensor) -> np.ndarray:
    """The whole picture: height, width, 3; uint8."""
    factor, (height, width) = model.card.factor, latents.shape[-2:]
    pixels = np.empty((height * factor, width * factor, 3), dtype=np.uint8)
    for tile in decode(model, latents):
        place(pixels, tile)
    return pixels


def place(pixels: np.ndarray, tile: Tile) -> None:
    """Puts a tile where it belongs."""
    height, width = tile.pixels.shape[:2]
    pixels[tile.top : tile.top + height, tile.left : tile.left + width] = tile.pixels


def tiles_of(card: Card, size: Size) -> Sequence[View]:
    """The cells each tile is responsible for: together the canvas, none twice."""
    if _bytes(card, size) <= BUDGET:
        return [View(0, 0, *size)]
    side = max(min(card.native) - 2 * _HALO, _HALO)  # with its halo, a native picture
    while _bytes(card, Size(2 * side + 2 * _HALO, 2 * side + 2 * _HALO)) <= BUDGET:
        side *= 2
    return [
        View(top, left, min(side, size.height - top), min(side, size.width - left))
        for top in range(0, size.height, side)
        for left in range(0, size.width, side)
    ]


def _bytes(card: Card, size: Size) -> int:
    return size.area * card.factor**2 * card.decoder_width * 4 * _COPIES


def with_halo(tile: View, size: Size) -> View:
    """A tile and what is seen around it and thrown away."""
    top, left = max(tile.top - _HALO, 0), max(tile.left - _HALO, 0)
    bottom = min(tile.top + tile.height + _HALO, size.height)
    right = min(tile.left + tile.width + _HALO, size.width)
    return View(top, left, bottom - top, right - left)


@torch.no_grad()
def _pixels(model: Model, latents: Tensor) -> np.ndarray:
    pixels = model.decode(latents)[0]
    if not bool(pixels.isfinite().all()):
        raise NotFinite(
            "the decoder overflowed; a VAE in float16 often does: load it in float32 or bfloat16,"
            " or use one that was fixed for float16"
        )
    return (pixels.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()
