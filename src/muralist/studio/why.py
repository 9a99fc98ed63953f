"""Why a stage looks as it does, in files of its work: maps of words, and what views were asked."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image
from torch import Tensor

from muralist.canvas import View
from muralist.sinks.whole import move, unfinished
from muralist.stage import Explanation
from muralist.studio.drawn import MOST, canvas_of, spread
from muralist.studio.work import Work

__all__ = ["keep", "map_file", "read"]

_LONG = 512  # pixels of the longer side of a map, at least


def keep(work: Work, stage: int, why: Explanation) -> None:
    """Writes `why-2.json` and a grey picture for each map, `why-2-0.png` and so on.

    They appear together or not at all, and in the place of older ones. Where a method has nothing
    to say, nothing is written.
    """
    if not (why.maps or why.views):
        return
    canvas, factor = canvas_of(work.request, stage), work.request.card.factor
    place = _file(work.folder, stage)
    maps = [_map_name(stage, number) for number in range(len(why.maps))]
    content = {
        "stage": stage,
        "width": canvas.width,
        "height": canvas.height,
        "maps": [word for word, _ in why.maps],
        "count": len(why.views),
        "windows": _windows(why.views, factor),
    }
    with unfinished(place) as beside:
        for name, (_, where) in zip(maps, why.maps, strict=True):
            _write_grey(where, beside.with_name(name))
        beside.write_text(json.dumps(content), encoding="utf-8")
        move(
            [*map(beside.with_name, maps), beside],
            [*map(place.with_name, maps), place],
        )


def read(work: Work, stage: int) -> dict[str, Any] | None:
    """What was kept of a stage, as JSON values; None where nothing was.

    `width` and `height` are the pixels of the stage's picture. `maps` are the words that there are
    maps of, in their order. `windows` are rectangles in pixels, each with its `words`: up to `MOST`
    of them, evenly among all, of which there are `count`.
    """
    try:
        return json.loads(_file(work.folder, stage).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None


def map_file(work: Work, stage: int, number: int) -> Path | None:
    """The picture of a map, from 0: bright where its word is looked at. None without such a map."""
    found = read(work, stage)
    if found is None or not 0 <= number < len(found["maps"]):
        return None
    return work.folder / _map_name(stage, number)


def _windows(views: Sequence[tuple[View, str]], factor: int) -> list[dict[str, Any]]:
    return [
        {
            "left": factor * view.left,
            "top": factor * view.top,
            "width": factor * view.width,
            "height": factor * view.height,
            "words": words,
        }
        for view, words in spread(views, MOST)
    ]


def _write_grey(where: Tensor, path: Path) -> None:
    """A map of `rows columns`, 0 to 1, as one of 0 to 255, enlarged smoothly by a whole number.

    A browser that enlarges and blends at once fades the last half of a cell at a border.
    """
    shades = Image.fromarray(
        (where.detach().float().cpu().clamp(0, 1) * 255).round().byte().numpy()
    )
    times = -(-_LONG // max(shades.size))
    size = shades.width * times, shades.height * times
    shades.resize(size, Image.Resampling.BILINEAR).save(path)


def _file(folder: Path, stage: int) -> Path:
    return folder / f"why-{stage}.json"


def _map_name(stage: int, number: int) -> str:
    return f"why-{stage}-{number}.png"
