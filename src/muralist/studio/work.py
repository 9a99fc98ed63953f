"""One picture of the gallery: its folder, what was asked for, and how far it came."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from muralist.canvas import Size
from muralist.errors import BadRequest
from muralist.job import reached
from muralist.models.blank import Blank
from muralist.photo import Photo
from muralist.planning import Work as Cost
from muralist.planning import work as planned
from muralist.request import Request

__all__ = ["OPEN", "Record", "State", "Work", "stage_sizes"]

_FORMAT = 1  # of the file below
_FILE, _PICTURE, _START = "work.json", "picture.tif", "start.npy"

State: TypeAlias = Literal["queued", "painting", "proposed", "stopped", "failed", "done", "removed"]
OPEN: tuple[State, ...] = ("queued", "painting")  # somebody waits for it


@dataclass(frozen=True, kw_only=True)
class Record:
    """What is remembered of a picture.

    `proposed` is one whose first stage is there, and of which its owner is asked whether to go on.
    """

    owner: str
    made: float  # seconds since 1970, as all times
    settings: Mapping[str, Any]  # `Request.to_json`
    state: State = "queued"
    asked: float = 0.0  # when it last came into the queue
    served: float = 0.0  # when it was last painted
    base_first: bool = False  # to be proposed once its first stage is there
    seconds: float = 0.0  # of painting, so far
    said: str | None = None  # why it failed, or what is to be known of it
    image_name: str | None = None  # what the file was called that it is painted from; words only
    sheet: str | None = None  # what it is compared in
    label: str | None = None  # what it is called there


class Work:
    """A picture's folder. Whoever changes it holds the gallery's lock."""

    def __init__(self, folder: Path, record: Record) -> None:
        self.folder, self.record = folder, record

    @classmethod
    def begun(cls, folder: Path, request: Request, record: Record) -> "Work":
        """A new folder; the pixels of an image that the picture starts from are kept in it."""
        folder.mkdir(parents=True)
        if request.photos:
            np.save(folder / _START, request.photos[0].pixels)
        work = cls(folder, record)
        work.become(record.state)
        return work

    @classmethod
    def read(cls, folder: Path) -> "Work":
        """The work that a folder holds; `BadRequest` where it holds none."""
        path = folder / _FILE
        try:
            content = json.loads(path.read_text())
            if content.pop("format") != _FORMAT:
                raise ValueError("it is of another muralist")
            record = Record(**content)
            if not all(isinstance(record.settings[side], int) for side in ("width", "height")):
                raise ValueError("its settings have no size")
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise BadRequest(f"{path} cannot be read: {error}") from error
        if record.state not in get_args(State):
            raise BadRequest(f"{path} cannot be read: there is no state {record.state!r}")
        return cls(folder, record)

    @property
    def id(self) -> str:
        """16 hexadecimal digits."""
        return self.folder.name

    def become(self, state: State, **changed: Any) -> None:
        """Remembers a state, and what changed with it, on the disk first."""
        record = replace(self.record, state=state, **changed)
        unfinished = self.folder / f".{_FILE}"
        with unfinished.open("w") as file:
            json.dump({"format": _FORMAT, **asdict(record)}, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(self.folder / _FILE)
        self.record = record

    @cached_property
    def request(self) -> Request:
        """What was asked for. An image is that of the folder, by whatever name it once came.

        It is mapped: a gallery's images take no memory that the system cannot have back.
        """
        known = Request.arguments({**self.record.settings, "image": None})
        if self.record.settings.get("image"):
            known["image"] = Photo(np.load(self.folder / _START, mmap_mode="c"))
        return Request(**known)

    @cached_property
    def cost(self) -> Cost:
        """What its stages ask of the network. It takes seconds, or more, of a large picture."""
        return planned(self.request)

    @cached_property
    def sizes(self) -> tuple[Size, ...]:
        """Of all stages in pixels, with those to come."""
        return stage_sizes(self.request)

    @property
    def stages(self) -> int:
        """How many there are, with those to come."""
        return len(self.sizes)

    @property
    def job(self) -> Path:
        """Where a run is taken up."""
        return self.folder / "job"

    @property
    def reached(self) -> tuple[int, int]:
        """How many stages are finished, and how many steps of the next."""
        return reached(self.job)

    @property
    def picture(self) -> Path:
        """The finished picture; there is none before."""
        return self.folder / _PICTURE

    def stage(self, number: int) -> Path:
        """The picture of a stage, from 1."""
        return self.folder / f"stage-{number}.tif"

    @property
    def preview(self) -> Path:
        """How it looks while it is painted, about as large as a native picture."""
        return self.folder / "preview.jpg"

    @property
    def thumbnail(self) -> Path:
        return self.folder / "thumbnail.jpg"

    @property
    def layers(self) -> dict[str, Path]:
        """The pictures there are: `stage-1`, `stage-2`, ... and `picture`, in their order."""
        numbered = {
            int(match[1]): path
            for path in self.folder.glob("stage-*.tif")
            if (match := re.fullmatch(r"stage-(\d+)\.tif", path.name))
        }
        named = {f"stage-{number}": path for number, path in sorted(numbered.items())}
        return named | ({"picture": self.picture} if self.picture.exists() else {})

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.record.settings["width"], self.record.settings["height"]


def stage_sizes(request: Request) -> tuple[Size, ...]:
    """Of the stages that a picture is painted in, in pixels."""
    stages = request.stages(request.guided(Blank(request.card.native)))
    return tuple(stage.size.times(request.card.factor) for stage in stages)
