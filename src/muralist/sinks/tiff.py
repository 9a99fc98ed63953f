"""Pyramidal BigTIFF: a picture of any size in one file, without loss, in tiles, at every scale."""

from pathlib import Path

import numpy as np

from muralist.sinks import vips

__all__ = ["write"]

_SIDE = 512  # pixels of a tile


def write(pixels: np.ndarray, path: Path, text: str) -> None:
    """Levels are pages, each half the one before (the mean of four pixels), down to one tile.

    The text is the ImageDescription.
    """
    vips.write(
        pixels,
        "tiffsave",
        path,
        {"image-description": text},
        bigtiff=True,
        pyramid=True,
        tile=True,
        tile_width=_SIDE,
        tile_height=_SIDE,
        compression="deflate",
        predictor="horizontal",
        profile="srgb",
    )
