"""Ordinary picture files, whole or not at all, with their settings inside."""

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile, PngInfo
from PIL.WebPImagePlugin import WebPImageFile

from muralist.errors import BadRequest

__all__ = ["check_writable", "read_settings", "save"]

_KEY = "muralist"
_DESCRIPTION = 0x010E  # EXIF ImageDescription
_ENDINGS: Mapping[str, tuple[str, int]] = {  # format, longest side it can hold
    ".png": ("PNG", 2**31 - 1),
    ".jpg": ("JPEG", 65_500),
    ".jpeg": ("JPEG", 65_500),
    ".webp": ("WEBP", 16_383),
}


def check_writable(path: str | Path, height: int = 1, width: int = 1) -> Path:
    """The path, if a picture of that many pixels can be written there; else `BadRequest`."""
    path = Path(path)
    if path.suffix.lower() not in _ENDINGS:
        raise BadRequest(f"{path} should end in {', '.join(_ENDINGS)}")
    if len(path.name.encode()) > 255:
        raise BadRequest(f"{path.name[:40]}... is too long for the name of a file")
    name, longest = _ENDINGS[path.suffix.lower()]
    if max(height, width) > longest:
        raise BadRequest(f"{name} holds at most {longest} pixels a side, not {max(height, width)}")
    if path.is_dir():
        raise BadRequest(f"{path} is a folder; a file name is needed")
    existing = next(part for part in path.absolute().parents if part.exists())
    try:
        tempfile.TemporaryFile(dir=existing).close()
    except OSError as error:
        raise BadRequest(f"{path} cannot be written: {existing}: {error.strerror}") from error
    return path


def save(image: Image.Image, path: str | Path, settings: Mapping[str, Any]) -> Path:
    """Writes beside the path first, and moves the file there once it is complete."""
    path = check_writable(path, image.height, image.width)
    path.parent.mkdir(parents=True, exist_ok=True)
    options = _with_settings(path, json.dumps(settings))
    handle, unfinished = tempfile.mkstemp(dir=path.parent, prefix=".unfinished-")
    try:
        with os.fdopen(handle, "wb") as file:
            image.save(file, **options)
            file.flush()
            os.fsync(file.fileno())
        Path(unfinished).chmod(0o666 & ~_umask())
        Path(unfinished).replace(path)
    except BaseException:
        Path(unfinished).unlink(missing_ok=True)
        raise
    return path


def read_settings(path: str | Path) -> dict[str, Any]:
    """The settings inside a picture; `BadRequest` where there are none."""
    try:
        text = _description(Path(path))
    except FileNotFoundError as error:
        raise BadRequest(f"there is no file {path}") from error
    except (OSError, SyntaxError) as error:
        raise BadRequest(f"{path} cannot be read as a picture: {error}") from error
    try:
        return dict(json.loads(text or "")[_KEY])
    except (TypeError, ValueError, KeyError) as error:
        raise BadRequest(f"{path} holds no settings of muralist") from error


def _description(path: Path) -> str | None:
    """The text a picture carries. Its pixels are not read, so it may be of any size."""
    for plugin in (PngImageFile, JpegImageFile, WebPImageFile):
        try:
            with plugin(path) as image:
                return image.info.get(_KEY) or image.getexif().get(_DESCRIPTION)
        except SyntaxError:
            continue  # not of this format
    raise SyntaxError("it is no PNG, JPEG or WebP file")


def _with_settings(path: Path, settings: str) -> dict[str, Any]:
    name, _ = _ENDINGS[path.suffix.lower()]
    text = f'{{"{_KEY}": {settings}}}'
    if name == "PNG":
        info = PngInfo()
        info.add_text(_KEY, text)
        return {"format": name, "pnginfo": info}
    exif = Image.Exif()
    exif[_DESCRIPTION] = text
    return {"format": name, "quality": 95, "exif": exif.tobytes()}


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
