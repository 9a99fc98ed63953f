"""What the commands that paint have in common: where it goes, what is loaded, what stays."""

import re
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import Any

import torch

from muralist.cli import disk, show
from muralist.cli.options import Files, Hands, Look, limits
from muralist.cli.prompts import wanted
from muralist.errors import BadRequest, MuralistError, OutOfMemory
from muralist.job import Job
from muralist.models import best_device, load
from muralist.models.quiet import quiet
from muralist.photo import Photo
from muralist.request import Request
from muralist.run import check_workers, hired, short_of_memory
from muralist.series import RESULTS, Painting, alone, job_of, still_wanted
from muralist.sinks import check_writable, read_settings

__all__ = [
    "begin",
    "check_heard",
    "device_here",
    "device_named",
    "dtype_named",
    "free",
    "go_on",
    "liked",
    "loaded",
    "many",
    "spare",
    "target",
]


def liked(picture: Path | None) -> dict[str, Any]:
    """The arguments of the request that painted a picture."""
    return {} if picture is None else Request.arguments(read_settings(picture))


def check_heard(request: Request, given: Mapping[str, Any]) -> None:
    """`BadRequest` for numbers that were typed for control images, where there are none."""
    numbers = [name for name in given if re.match("controlnet_|control_guidance_", name)]
    if numbers and not request.control_image:
        raise BadRequest(
            f"{numbers[0]} is given, and no --control-image; a method that draws its own takes"
            f" --set {numbers[0]}=NUMBER"
        )


def begin(request: Request, out: Path, hands: Hands, files: Files, as_json: bool) -> None:
    """Paints a picture, with a job that remembers how it was asked for."""
    out = target(out, request)
    for folder in (files.stages, files.explain):
        if folder is not None:
            check_writable(folder / "stage-1.png")
    kept = Job(files.job or job_of(out), request)
    kept.check_dtype(hands.dtype)
    places = {"out": out, "stages": files.stages, "explain": files.explain}
    kept.told = {name: path and str(path.absolute()) for name, path in places.items()}
    kept.told |= {"folder": str(Path.cwd()), **hands.told()}
    go_on(kept, request, out, files.keep, as_json)


def go_on(job: Job, request: Request, out: Path, keep: bool, as_json: bool) -> None:
    """Paints with a job that is there until the picture is, and tells of it when that fails."""
    told = job.told
    if job.folder.absolute() in out.absolute().parents:
        raise BadRequest(f"{out} lies in the job's folder {job.folder}, which goes when it is done")
    places = {name: Path(told[name]) if told.get(name) else None for name in ("stages", "explain")}
    folders = show.Folders(**places)
    disk.check(request, out, folders, job.folder)
    reader = show.lines if as_json else show.progress
    try:
        reader(loaded(request, told.get("device"), told.get("dtype")), out, folders, job)
    except BaseException as error:
        if not short_of_memory(error):
            _remind(error, job)
            raise
        short = OutOfMemory("the device has no memory left; try --canvas ram, a smaller --dtype")
        _remind(short, job)
        raise short from error
    if not keep:
        job.remove()


def _remind(error: BaseException, job: Job) -> None:
    if job.begun:
        error.add_note(f"go on with: muralist resume {quote(str(job.folder))}")


def many(
    file: Path,
    out: Path | None,
    liked: Mapping[str, Any],
    look: Look,
    hands: Hands,
    keep: bool,
    as_json: bool,
) -> None:
    """Paints every picture of a file into a folder, those that are there already left out."""
    if out is None:
        raise BadRequest("there is no --out; a folder for the pictures is needed")
    if out.exists() and not out.is_dir():
        raise BadRequest(f"{out} is a file; a folder for the pictures is needed")
    told = hands.told()
    workers, ray = told.pop("workers", None), told.pop("ray", None)  # of all pictures together
    pictures = wanted(file, out, liked, {**look.asked(), **limits(told)})
    place, kind = device_here(hands.device), dtype_named(hands.dtype)
    where = place or best_device()
    check_workers(workers, ray, where)
    painting = Painting(place, kind, keep, told)
    for picture in pictures:
        target(picture.out, picture.request)
        job = painting.job(picture)
        if not picture.done:
            disk.check(picture.request, picture.out, show.Folders(), job.folder)
    out.mkdir(parents=True, exist_ok=True)
    try:
        with alone(out), ExitStack() as stack:
            missing, results = still_wanted(pictures, out), iter(())
            if not keep:
                painting.tidy(pictures)
            if missing:
                crew = stack.enter_context(hired(workers, ray, where, needed=painting))
                results = (result for _, result in crew.completed(painting, missing))
            if as_json:
                failed = show.many_lines(results)
            else:
                failed = show.many(results, out, len(pictures) - len(missing), len(pictures))
    except BaseException as error:
        error.add_note("the same command goes on")
        raise
    if failed:
        raise MuralistError(
            f"{failed} of {len(pictures)} pictures could not be painted; {out / RESULTS} says why,"
            " and the same command tries them again"
        )


def target(out: Path, request: Request) -> Path:
    """Where the picture goes, if it can."""
    spare(request.photos, out)
    return check_writable(out, *request.size.times(request.card.factor))


def spare(photos: Iterable[Photo], out: Path) -> None:
    """`BadRequest` where a picture would be written over an image that it is painted from."""
    read = [Path(photo.path) for photo in photos if photo.path is not None]
    if any(path.exists() and out.exists() and path.samefile(out) for path in read):
        raise BadRequest(f"{out} is an image that is read for it; the picture needs another name")


def free(path: Path) -> Path:
    """The path, or the first numbered one beside it that does not exist."""
    number, other = 1, path
    while other.exists() or job_of(other).exists():
        number += 1
        other = path.with_stem(f"{path.stem}-{number}")
    return other


def loaded(request: Request, device: str | None, dtype: str | None) -> Request:
    """The request with its model loaded, once all that is asked of this machine is there."""
    quiet()
    place, kind = device_here(device), dtype_named(dtype)
    check_workers(request.workers, request.ray, place or best_device())
    return replace(request, model=load(request.card.checkpoint, device=place, dtype=kind))


def device_here(name: str | None) -> torch.device | None:
    """A device of this machine; None if unset."""
    try:
        return None if name is None else torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        reason = str(error).split(". ")[0]
        raise BadRequest(f"device {name!r} is not to be had here: {reason}") from error


def device_named(name: str | None) -> torch.device | None:
    """A device that there could be, if not here."""
    try:
        return None if name is None else torch.device(name)
    except RuntimeError as error:
        raise BadRequest(f"device is {name!r}; cuda, mps or cpu is possible") from error


def dtype_named(name: str | None) -> torch.dtype | None:
    kinds = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
    if name is not None and name not in kinds:
        raise BadRequest(f"dtype is {name!r}; {', '.join(kinds)} are possible")
    return None if name is None else kinds[name]
