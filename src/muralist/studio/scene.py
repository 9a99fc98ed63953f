"""What the viewer shows, as one value: the page says all of it, the viewer changes what differs."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from muralist.studio.work import Work

__all__ = ["Heat", "Scene", "Source", "layer", "still", "version"]


class Source(NamedTuple):
    """A picture: Deep Zoom tiles, or a file that browsers show, by its address."""

    type: Literal["dzi", "image"]
    url: str


class Heat(NamedTuple):
    """A grey picture that darkens what is under it: where it is black, by so much of 1."""

    url: str
    opacity: float = 0.85


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A picture, and what lies over it; all of it may be missing.

    Where there is one `beside` it, a handle wipes between the two, equally wide: the picture is at
    the left, that one at the right. `labels` name them, in this order. Zoom and position stay
    while scenes are of the same `work`.
    """

    work: str | None = None  # an id
    image: Source | None = None
    beside: Source | None = None
    labels: tuple[str, str] = ("", "")
    views: Mapping[str, Any] | None = None  # as `drawn` says
    map: Heat | None = None
    words: Mapping[str, Any] | None = None  # as `why.read` says: rectangles, each with its `words`

    def to_json(self) -> dict[str, Any]:
        """As `muralist.show` in the page takes it."""
        return {
            "work": self.work,
            "image": self.image and self.image._asdict(),
            "beside": self.beside and self.beside._asdict(),
            "labels": list(self.labels),
            "views": self.views,
            "map": self.map and self.map._asdict(),
            "words": self.words,
        }


def layer(work: Work, name: str) -> Source | None:
    """One of a work's pictures, as tiles; None where it is not there yet."""
    path = work.layers.get(name)
    if path is None:
        return None
    return Source("dzi", f"/works/{work.id}/{name}.dzi?v={version(path)}")


def still(work: Work) -> Source | None:
    """How a work looks while it is painted; None before anything can be seen."""
    if not work.preview.exists():
        return None
    return Source("image", f"/works/{work.id}/preview.jpg?v={version(work.preview)}")


def version(path: Path) -> str:
    """Of a file: another one after every change. Raises `FileNotFoundError` where it is gone."""
    there = path.stat()
    return f"{there.st_mtime_ns:x}-{there.st_size:x}"
