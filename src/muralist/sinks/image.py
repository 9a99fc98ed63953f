"""Ordinary picture files, and what is written inside pictures."""

from pathlib import Path

import numpy as np
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from muralist.sinks import vips

__all__ = ["description", "write_jpeg", "write_png", "write_webp"]

_KEY = "muralist"
_DESCRIPTION = 0x010E  # ImageDescription, in EXIF as in TIFF


def write_png(pixels: vips.Pixels, path: Path, text: str) -> None:
    notes = {f"png-comment-0-{_KEY}": text}
    vips.write(pixels, "pngsave", path, notes, filter="all", profile="srgb")


def write_jpeg(pixels: np.ndarray, path: Path, text: str) -> None:
    notes = {"exif-ifd0-ImageDescription": text}
    vips.write(pixels, "jpegsave", path, notes, Q=95, profile="srgb")


def write_webp(pixels: np.ndarray, path: Path, text: str) -> None:
    notes = {"exif-ifd0-ImageDescription": text}
    vips.write(pixels, "webpsave", path, notes, Q=95, profile="srgb")


def description(path: Path) -> str | None:
    """The text a picture carries, a TIFF too. Its pixels are not read: it may be of any size."""
    for plugin in (PngImageFile, JpegImageFile, WebPImageFile, TiffImageFile):
        try:
            with plugin(path) as image:
                return image.info.get(_KEY) or image.getexif().get(_DESCRIPTION)
        except SyntaxError:
            continue  # not of this format
    raise SyntaxError("it is no PNG, JPEG, WebP or TIFF file")
