"""What a run puts on disks until its picture is there."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from muralist.canvas import Size
from muralist.cli.show import Folders, stage_file
from muralist.models.blank import Blank
from muralist.place import canvas_bytes, canvas_place
from muralist.request import Request
from muralist.sinks import check_space, file_bytes, spooled_bytes
from muralist.stage import Stage, through_pixels

__all__ = ["check", "needs"]


def check(request: Request, out: Path, folders: Folders, job: Path) -> None:
    """`BadRequest` where a disk has clearly no room for what a run needs of it at once."""
    check_space(out, needs(request, out, folders, job))


def needs(request: Request, out: Path, folders: Folders, job: Path) -> Iterator[tuple[Path, int]]:
    """Folders, and about how many bytes more there will be in them at once.

    What another run has left in the job's folder, or of stages, is there already.
    """
    stages = list(request.stages(request.guided(Blank(request.card.native))))
    size = request.size.times(request.card.factor)
    passing = max(_passing(request, stages, shown=bool(folders.stages or folders.explain)))
    canvases = canvas_bytes(request) if canvas_place(request) == "disk" else 0
    yield out.parent, spooled_bytes(*size) + passing + canvases + file_bytes(out, *size)
    yield job, _canvases(request, stages, job)
    if folders.stages is not None:
        yield folders.stages, sum(_stage_files(request, stages, folders.stages))


def _passing(request: Request, stages: list[Stage], shown: bool) -> Iterator[int]:
    """Pixels beside those of the picture: of one stage that is shown, or between two."""
    factor = request.card.factor
    yield 0
    if request.start is not None:  # whose pixels are in memory
        yield _enlarging(request.start.times(factor), stages[0].size.times(factor))
    for before, after in pairwise(stages):
        pixels = before.size.times(factor)
        if shown:
            yield spooled_bytes(*pixels)
        if after.begin is through_pixels:
            yield spooled_bytes(*pixels) + _enlarging(pixels, after.size.times(factor))


def _enlarging(pixels: Size, larger: Size) -> int:
    """What is made larger along the rows, then along the columns."""
    return spooled_bytes(pixels.height, larger.width) + spooled_bytes(*larger)


def _canvases(request: Request, stages: list[Stage], job: Path) -> int:
    """The latents of finished stages; and twice a canvas, with what the solver looks back on."""
    *others, last = (stage.size.area * request.card.channels * 4 for stage in stages)
    there = sum(file.stat().st_size for file in job.glob("*") if file.is_file())
    return max(sum(others) + 4 * last - there, 0)


def _stage_files(request: Request, stages: list[Stage], folder: Path) -> Iterator[int]:
    for number, stage in enumerate(stages, start=1):
        path = stage_file(folder, number)
        if not path.exists():
            yield file_bytes(path, *stage.size.times(request.card.factor))
