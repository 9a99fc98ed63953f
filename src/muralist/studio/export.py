"""A finished picture to take away: as a PNG, as the TIFF it is, or as Deep Zoom tiles in a zip."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias
from zipfile import ZipFile

from muralist.errors import BadRequest
from muralist.sinks import amount, file_bytes, image
from muralist.sinks.whole import move, unfinished
from muralist.studio.deepzoom import Pyramid

__all__ = ["KINDS", "Export", "Kind", "exported", "ready"]

Kind: TypeAlias = Literal["png", "tiff", "dzi"]


class Export(NamedTuple):
    """How a picture is handed out."""

    label: str  # for people
    ending: str
    media: str
    like: str  # the ending of pictures that take as much of a disk
    write: Callable[[Pyramid, Path, str], None] | None  # None: as it is


def exported(picture: Path, kind: Kind) -> Path:
    """The file of a TIFF of ours in that form, with the settings inside.

    It is written beside the TIFF the first time, tile by tile, and appears whole or not at all. A
    zip holds `picture.dzi` and its tiles.

    Raises `BadRequest` where the disk has no room for it, and `OSError` where the TIFF is gone or
    writing fails.
    """
    how, place = KINDS[kind], ready(picture, kind)
    if place is not None or how.write is None:
        return place or picture
    place = picture.with_suffix(how.ending)
    pyramid = Pyramid(picture)
    _check_space(place.parent, file_bytes(Path(f"picture{how.like}"), *pyramid.size))
    with unfinished(place) as beside:
        how.write(pyramid, beside, image.description(picture) or "")
        move([beside], [place])
    return place


def ready(picture: Path, kind: Kind) -> Path | None:
    """The file of a TIFF of ours in that form, where nothing has to be written for it."""
    how = KINDS[kind]
    if how.write is None:
        return picture
    place = picture.with_suffix(how.ending)
    there = place.exists() and place.stat().st_mtime_ns >= picture.stat().st_mtime_ns
    return place if there else None


def _check_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise BadRequest(f"it takes about {amount(needed)} of disk, and {amount(free)} are free")


def _write_png(pyramid: Pyramid, path: Path, text: str) -> None:
    image.write_png(pyramid.image, path, text)


def _write_zip(pyramid: Pyramid, path: Path, text: str) -> None:
    with ZipFile(path, "w") as archive:  # JPEG cannot be made smaller
        archive.writestr("picture.dzi", pyramid.dzi(text))
        for place in pyramid.places():
            name = f"picture_files/{place.level}/{place.column}_{place.row}.jpg"
            archive.writestr(name, pyramid.tile(*place))


KINDS: Mapping[Kind, Export] = {
    "png": Export("PNG", ".png", "image/png", ".png", _write_png),
    "tiff": Export("TIFF", ".tif", "image/tiff", ".tif", None),
    "dzi": Export("Deep Zoom (zip)", ".zip", "application/zip", ".dzi", _write_zip),
}
