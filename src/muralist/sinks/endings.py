"""What a picture's ending says: how it is checked, saved, and read back."""

import json
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from muralist.errors import BadRequest
from muralist.room import existing
from muralist.sinks import deepzoom, image, tiff
from muralist.sinks.whole import move, unfinished

__all__ = ["amount", "check_space", "check_writable", "file_bytes", "read_settings", "save"]

_KEY = "muralist"
_ANY = 2**31 - 1


def _alone(path: Path) -> Sequence[Path]:
    return (path,)


class Format(NamedTuple):
    """How pictures of an ending are written and read."""

    name: str
    longest: int  # pixels a side, at most
    share: float  # bytes on the disk for each byte of pixels, in detailed pictures
    write: Callable[[np.ndarray, Path, str], None]
    parts: Callable[[Path], Sequence[Path]] = _alone  # the last is the path itself
    description: Callable[[Path], str | None] = image.description


_JPEG = Format("JPEG", 65_500, 0.1, image.write_jpeg)
_TIFF = Format("TIFF", _ANY, 0.6, tiff.write)
_FORMATS: Mapping[str, Format] = {
    ".png": Format("PNG", _ANY, 0.5, image.write_png),
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".webp": Format("WEBP", 16_383, 0.1, image.write_webp),
    ".tif": _TIFF,
    ".tiff": _TIFF,
    ".dzi": Format("Deep Zoom", _ANY, 0.1, deepzoom.write, deepzoom.parts, deepzoom.description),
}


def check_writable(path: str | Path, height: int = 1, width: int = 1) -> Path:
    """The path, if a picture of that many pixels can be written there; else `BadRequest`."""
    path = Path(path)
    if path.suffix.lower() not in _FORMATS:
        raise BadRequest(f"{path} should end in {', '.join(_FORMATS)}")
    format = _FORMATS[path.suffix.lower()]
    *others, _ = parts = format.parts(path)
    if max(len(part.name.encode()) for part in parts) > 255:
        raise BadRequest(f"{path.name[:40]}... is too long for the name of a file")
    if max(height, width) > format.longest:
        raise BadRequest(
            f"{format.name} holds at most {format.longest} pixels a side, not {max(height, width)};"
            " .tif and .dzi hold any size"
        )
    if path.is_dir():
        raise BadRequest(f"{path} is a folder; a file name is needed")
    if any(other.exists() for other in others) and not path.exists():
        raise BadRequest(f"{others[0]} is there and belongs to no {path.name}; move it away")
    folder = existing(path.absolute().parent)
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise BadRequest(f"{path} cannot be written: {folder}: {error.strerror}") from error
    return path


def check_space(path: Path, needs: Iterable[tuple[Path, int]]) -> None:
    """`BadRequest` where a disk has clearly no room for so many bytes in these folders.

    They are needed all at once, until the picture of that path is written.
    """
    disks: dict[int, tuple[Path, int]] = {}
    for folder, count in needs:
        there = existing(folder.absolute())
        first, before = disks.get(there.stat().st_dev, (there, 0))
        disks[there.stat().st_dev] = first, before + count
    for folder, needed in disks.values():
        free = shutil.disk_usage(folder).free
        if needed > free:
            raise BadRequest(
                f"{path} takes about {amount(needed)} of disk until it is written, and {folder}"
                f" has {amount(free)} free"
            )


def file_bytes(path: Path, height: int, width: int) -> int:
    """About what a detailed picture of that many pixels takes as a file, by its ending."""
    return round(_FORMATS[path.suffix.lower()].share * height * width * 3)


def save(pixels: np.ndarray, path: str | Path, settings: Mapping[str, Any]) -> Path:
    """Writes `height width 3`, uint8, beside the path, and moves it there once it is complete."""
    path = check_writable(path, *pixels.shape[:2])
    format = _FORMATS[path.suffix.lower()]
    with unfinished(path) as beside:
        format.write(pixels, beside, json.dumps({_KEY: settings}))  # in ASCII, for every format
        move(format.parts(beside), format.parts(path))
    return path


def read_settings(path: str | Path) -> dict[str, Any]:
    """The settings inside a picture; `BadRequest` where there are none."""
    path = Path(path)
    format = _FORMATS.get(path.suffix.lower())
    read = format.description if format else image.description
    try:
        text = read(path)
    except FileNotFoundError as error:
        raise BadRequest(f"there is no file {path}") from error
    except (OSError, SyntaxError) as error:
        raise BadRequest(f"{path} cannot be read as a picture: {error}") from error
    try:
        return dict(json.loads(text or "")[_KEY])
    except (TypeError, ValueError, KeyError) as error:
        raise BadRequest(f"{path} holds no settings of muralist") from error


def amount(count: int) -> str:
    """Bytes in words."""
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.1f} MiB"
