"""Pictures to start from or to be led by: any image file, as pixels in sRGB."""

import hashlib
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from PIL import Image, ImageCms, ImageOps

from muralist.canvas import Size
from muralist.errors import BadRequest

__all__ = ["Given", "Photo", "digest", "from_json", "photo"]

_LARGEST = 2**28  # pixels: 768 MiB of them
# How a file begins, and who of libvips' loaders reads it: no other may look at what strangers made.
_FORMATS = {
    "JPEG": (rb"\xff\xd8\xff", "jpegload_source"),
    "PNG": (rb"\x89PNG\r\n\x1a\n", "pngload_source"),
    "WebP": (rb"RIFF.{4}WEBP", "webpload_source"),
    "TIFF": (rb"II[*+]\0|MM\0[*+]", "tiffload_source"),
    "GIF": (rb"GIF8[79]a", "gifload_source"),
    "AVIF": (rb".{4}ftypavi[fs]", "heifload_source"),
}
_HEAD = 16  # bytes
# To 16 bits: floats from 0 to 1 and whole numbers of 32 bits.
_SCALE = {"float": 2**16 - 1, "uint": 2**-16}
# PIL's modes that libvips takes as they are; others become RGB or RGBA first.
_AS_THEY_ARE = {"1", "L", "LA", "RGB", "RGBA", "CMYK", "I;16"}


@dataclass(frozen=True, eq=False)
class Photo:
    """A picture that was given."""

    pixels: np.ndarray  # height, width, 3; uint8, sRGB, the right way up
    path: str | None = None  # of the file it was read from, as it was named

    @property
    def size(self) -> Size:
        """In pixels."""
        return Size(*self.pixels.shape[:2])

    @cached_property
    def digest(self) -> str:
        return digest(self.pixels)

    def to_json(self) -> dict[str, Any]:
        """Where it was read from, None for pixels in memory, and its digest."""
        return {"path": self.path, "digest": self.digest}


def digest(array: np.ndarray) -> str:
    """Of values and their shape."""
    told = hashlib.blake2b(f"{array.shape}".encode(), digest_size=16)
    told.update(np.ascontiguousarray(array).data)
    return told.hexdigest()


Given: TypeAlias = Photo | str | Path | Image.Image | np.ndarray | Mapping[str, Any]


def photo(given: Given) -> Photo:
    """A file, an image of PIL's or an array `height width 3`, uint8, sRGB, as a photo.

    Or what `to_json` of a photo says, whose file must still be there.

    Files are JPEG, PNG, WebP, TIFF, GIF or AVIF of any colours and depth: EXIF's orientation is
    applied, an ICC profile followed, and without one floats are sRGB from 0 to 1. What is
    transparent lies on white, as networks paint no alpha. Of several frames or pages the first is
    taken. All of that is true of PIL's images too.

    Raises `BadRequest` for what is none of these, is damaged or has more than 2**28 pixels, which
    is known before one is decoded.
    """
    if isinstance(given, Photo):
        return given
    if isinstance(given, Mapping):
        return from_json(given)
    if isinstance(given, str | Path):
        return Photo(_read(Path(given)), str(given))
    if isinstance(given, Image.Image):
        return Photo(_of_pil(given))
    if isinstance(given, np.ndarray):
        return Photo(_of_array(given))
    kind = type(given).__name__
    raise BadRequest(f"an image is a path, an image of PIL's or an array; this is of type {kind}")


def from_json(given: Mapping[str, Any]) -> Photo:
    """The photo whose `to_json` this is; `BadRequest` where its file is gone or has changed."""
    path, digest = given.get("path"), given.get("digest")
    if not (isinstance(path, str) and isinstance(digest, str)):
        raise BadRequest("the picture was painted from an image that its settings do not hold")
    if (found := photo(path)).digest != digest:
        raise BadRequest(f"{path} is another image than it was")
    return found


def _read(path: Path) -> np.ndarray:
    if not path.is_file():
        kind = "a folder" if path.is_dir() else "no file"
        raise BadRequest(f"{path} is {kind}; an image file is needed")
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise BadRequest(f"{path} cannot be read: {error.strerror}") from error
    import pyvips

    return _decoded(pyvips.Source.new_from_file(str(path)), head, str(path))


def _of_pil(image: Image.Image) -> np.ndarray:
    """By way of a TIFF in memory, so that colours are converted in one place."""
    _check_size(*image.size, "the image")
    profile, memory = image.info.get("icc_profile"), io.BytesIO()
    try:
        _plain(ImageOps.exif_transpose(image)).save(memory, "TIFF", icc_profile=profile, exif=b"")
    except (OSError, SyntaxError, ValueError) as error:  # PIL reads a file only when it must
        raise BadRequest(f"the image cannot be read: {error}") from error
    import pyvips

    tiff = memory.getvalue()
    return _decoded(pyvips.Source.new_from_memory(tiff), tiff[:_HEAD], "the image")


def _plain(image: Image.Image) -> Image.Image:
    """An image of PIL's in a mode that a TIFF holds for libvips."""
    if image.mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB") or image
    if image.mode == "I":  # holds 16 bits, of PNG for one
        return Image.fromarray(np.clip(np.asarray(image), 0, 2**16 - 1).astype(np.uint16))
    if image.mode in _AS_THEY_ARE and "transparency" not in image.info:
        return image
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def _of_array(array: np.ndarray) -> np.ndarray:
    if array.ndim != 3 or array.shape[2] != 3 or array.dtype != np.uint8 or not array.size:
        shape = " ".join(map(str, array.shape))
        raise BadRequest(
            f"the image is an array of shape {shape} and type {array.dtype};"
            " height width 3 and uint8 are needed"
        )
    _check_size(array.shape[1], array.shape[0], "the image")
    return array.copy()  # whoever gave it may write into it


def _decoded(source: Any, head: bytes, name: str) -> np.ndarray:
    """The pixels of a file; its format and size are known before any is decoded."""
    import pyvips

    loader = next((by for begin, by in _FORMATS.values() if re.match(begin, head, re.DOTALL)), None)
    if loader is None:
        raise BadRequest(f"{name} is no image in a format that is read: {', '.join(_FORMATS)}")
    try:
        image = getattr(pyvips.Image, loader)(source, fail_on="error")  # its header
        _check_size(image.width, image.height, name)
        shades = _in_srgb(image.autorot())
        if shades.bands != 3:
            raise BadRequest(f"{name} has {image.bands} channels, which are no colours")
        return shades.numpy()
    except pyvips.Error as error:
        reason = next(iter(error.detail.strip().splitlines()), "it is damaged")
        raise BadRequest(f"{name} cannot be read: {reason}") from error


def _check_size(width: int, height: int, name: str) -> None:
    if width * height > _LARGEST:
        raise BadRequest(
            f"{name} has {width}x{height} pixels; {_LARGEST >> 20} million at most are read"
        )


def _in_srgb(image: Any) -> Any:
    """An image of libvips' as 3 bands of 8 bits."""
    if image.format in _SCALE and image.interpretation != "lab":
        kind = "grey16" if image.bands < 3 else "rgb16"
        image = (image * _SCALE[image.format]).cast("ushort").copy(interpretation=kind)
    if image.get_typeof("icc-profile-data") or image.interpretation == "cmyk":
        by_default = "cmyk" if image.interpretation == "cmyk" else "srgb"
        image = image.icc_transform("srgb", embedded=True, input_profile=by_default)
    else:
        image = image.colourspace("srgb")
    return (image.flatten(background=255) if image.hasalpha() else image).cast("uchar")
