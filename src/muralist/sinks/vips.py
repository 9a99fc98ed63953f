"""Pixels to libvips, which reads them in strips and writes any format."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, Union

import numpy as np

if TYPE_CHECKING:
    import pyvips

__all__ = ["Pixels", "write"]

Pixels: TypeAlias = Union[np.ndarray, "pyvips.Image"]  # an image of libvips' is read when needed

_DENSITY = 300 / 25.4  # pixels a millimetre: 300 an inch, as prints have


def write(pixels: Pixels, saver: str, path: Path, notes: Mapping[str, str], **options: Any) -> None:
    """Writes `height width 3`, uint8, sRGB, by one of libvips' savers, `pngsave` for one.

    `notes` are texts by libvips' names of the places for them. Ctrl-C stops the saver.
    Raises `OSError` where the disk is full or the format cannot hold the picture.
    """
    import pyvips

    image = _image(pixels)
    assert image.bands == 3 and image.format == "uchar"
    image = image.copy(interpretation="srgb", xres=_DENSITY, yres=_DENSITY)
    for name, text in notes.items():
        image.set_type(pyvips.GValue.gstr_type, name, text)
    image.set_progress(True)  # images that report can be killed
    with ThreadPoolExecutor(1) as elsewhere:  # libvips would not let a signal through
        running = elsewhere.submit(getattr(image, saver), str(path), **options)
        try:
            running.result()
        except pyvips.Error as error:
            raise OSError(f"the picture cannot be written: {_reason(error.detail)}") from error
        except BaseException:
            image.set_kill(True)
            raise


def _image(pixels: Pixels) -> "pyvips.Image":
    import pyvips

    if not isinstance(pixels, np.ndarray):
        return pixels
    height, width, bands = pixels.shape
    assert pixels.dtype == np.uint8
    memory = np.ascontiguousarray(pixels)
    return pyvips.Image.new_from_memory(memory.data, width, height, bands, "uchar")


def _reason(detail: str) -> str:
    """The first cause the system gives, or the first line there is."""
    lines = [line.strip() for line in detail.strip().splitlines()]
    _, _, cause = next((line for line in lines if "system error:" in line), "").partition(": ")
    return cause or next(iter(lines), "libvips does not say why")
