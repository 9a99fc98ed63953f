"""Pyramidal BigTIFF: a picture of any size in one file, without loss, in tiles, at every scale."""

from pathlib import Path

import numpy as np
from PIL.TiffImagePlugin import TiffImageFile

from muralist.sinks import vips

__all__ = ["level", "write"]

_SIDE = 512  # pixels of a tile, of a picture that has as many
_STEP = 16  # that tiles come in


def write(pixels: np.ndarray, path: Path, text: str) -> None:
    """Levels are pages, each half the one before (the mean of four pixels), down to one tile.

    The text is the ImageDescription. A small picture is one tile about as large as itself: libvips
    refuses to read one that is far larger.
    """
    side = min(-(-max(pixels.shape[:2]) // _STEP) * _STEP, _SIDE)
    vips.write(
        pixels,
        "tiffsave",
        path,
        {"image-description": text},
        bigtiff=True,
        pyramid=True,
        tile=True,
        tile_width=side,
        tile_height=side,
        compression="deflate",
        predictor="horizontal",
        profile="srgb",
    )


def level(path: Path, side: float) -> np.ndarray:
    """The smallest level that is `side` pixels long at least, or the whole picture.

    `height width 3`, uint8, as it was written; nothing else is read. Raises `OSError` where there
    is no file.
    """
    with TiffImageFile(path) as image:
        levels: int = image.n_frames  # type: ignore
        while max(image.size) >= 2 * side and image.tell() + 1 < levels:
            image.seek(image.tell() + 1)
        return np.asarray(image)
