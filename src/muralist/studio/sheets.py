"""Pictures that are compared: asked for at once, and put together when they are there.

A sheet is what the records of its pictures say of it: nothing else is kept.
"""

import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from muralist.errors import BadRequest
from muralist.request import Request
from muralist.sinks import panel, read_settings, save, side_by_side
from muralist.sinks.tiff import level
from muralist.studio.counts import cost, countable, counts
from muralist.studio.gallery import NotThere
from muralist.studio.studio import Studio
from muralist.studio.work import OPEN, Work

__all__ = ["Sheet", "begin", "contact", "remove", "sheet", "sheets", "stop"]

_PANEL = 1024  # pixels of a picture on a contact sheet, at most
_PAPER = 235  # the shade of one that is not there


@dataclass(frozen=True)
class Sheet:
    """Pictures that are compared, in the order in which they were asked for."""

    id: str  # 16 hexadecimal digits
    works: tuple[Work, ...]  # one at least

    @property
    def labels(self) -> list[str]:
        """What each picture is called."""
        return [work.record.label or work.id for work in self.works]

    @property
    def settled(self) -> bool:
        """Whether nobody waits for any of them."""
        return not any(work.record.state in OPEN for work in self.works)

    def lender(self, work: Work) -> Work | None:
        """Whose base picture one of them is held against: its own, if it was made of one.

        Of a method that makes none, it is that of the first picture of the sheet which was asked
        the same of another method. None where there is neither.
        """
        if work.request.image is not None:
            return None
        same = (one for one in (work, *self.works) if _asked(one) == _asked(work))
        return next((one for one in same if one.stage(1).exists()), None)

    def measures(self, work: Work) -> dict[str, float]:
        """What is known of one of them, by the names of the benchmark's measures."""
        if work.record.state != "done":
            return {}
        lender = self.lender(work) if countable(work) else None
        return cost(work) if lender is None else counts(work, lender.stage(1)) | cost(work)


def begin(studio: Studio, owner: str, requests: Mapping[str, Request]) -> str:
    """Queues pictures to be compared, all of them or none; requests as `Studio.request` makes them.

    They are called by the keys. Returns the name of the sheet: 16 hexadecimal digits. Raises
    `BadRequest` for fewer than two, and `Busy` where the queue has no room for all.
    """
    if len(requests) < 2:
        raise BadRequest("there is nothing to compare; two different pictures at least are needed")
    id = secrets.token_hex(8)
    studio.ask_all(owner, requests, id)
    return id


def sheets(studio: Studio, owner: str) -> list[Sheet]:
    """All that the owner may see, the newest first."""
    found: dict[str, list[Work]] = {}
    for work in studio.works(owner):
        if work.record.sheet is not None:
            found.setdefault(work.record.sheet, []).append(work)
    return [Sheet(id, tuple(reversed(works))) for id, works in found.items()]


def sheet(studio: Studio, id: str, owner: str) -> Sheet:
    """The sheet of that name; `NotThere` where there is none, or none that the owner may see."""
    for one in sheets(studio, owner):
        if one.id == id:
            return one
    raise NotThere("there is no such comparison in the gallery")


def stop(studio: Studio, sheet: Sheet) -> None:
    """Stops what is painted or waits; what is done stays."""
    with studio.gallery.lock:
        for work in sheet.works:
            if work.record.state in OPEN:
                studio.stop(work)


def remove(studio: Studio, sheet: Sheet) -> None:
    """Deletes all pictures of a sheet."""
    for work in sheet.works:
        studio.remove(work)


def contact(studio: Studio, sheet: Sheet) -> Path:
    """The contact sheet, a PNG, which is made anew only when what it shows has changed.

    It lies in the folder of the first picture, and goes with it. A picture that is not there is
    plain, and its label says why. Raises `BadRequest` where none is there, or some are to come.
    """
    works = sheet.works
    if not sheet.settled or all(work.record.state != "done" for work in works):
        raise BadRequest("the contact sheet is made when the pictures are there")
    path = works[0].folder / "sheet.png"
    words = [_words(studio, work) for work in works]
    shown = {"sheet": sheet.labels, "works": [work.id for work in works], "words": words}
    if not _shows(path, shown):
        settings = {**works[0].request.to_json(), **shown}
        pictures = _panels(works)
        save(side_by_side(list(zip(words, pictures, strict=True))), path, settings)
    return path


def _asked(work: Work) -> dict[str, Any]:
    """All that a picture was asked but for its method, which its base picture does not show."""
    return {**work.record.settings, "method": None}


def _words(studio: Studio, work: Work) -> str:
    label = work.record.label or work.id
    return label if work.record.state == "done" else f"{label}: {studio.status(work).words}"


def _shows(path: Path, shown: Mapping[str, Any]) -> bool:
    with suppress(BadRequest):
        there = read_settings(path)
        return all(there.get(name) == value for name, value in shown.items())
    return False


def _panels(works: Sequence[Work]) -> list[np.ndarray]:
    there = {
        work.id: panel(level(work.picture, _PANEL), _PANEL)
        for work in works
        if work.record.state == "done"
    }
    blank = np.full_like(next(iter(there.values())), _PAPER)
    return [there.get(work.id, blank) for work in works]
