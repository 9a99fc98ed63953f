"""Commands, and one sentence with exit code 2 for everything that cannot be done."""

import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

from cyclopts import App, CycloptsError, Parameter

from muralist.errors import (
    BadRequest,
    ModelNotFound,
    MuralistError,
    OutOfMemory,
    UnsupportedModel,
)
from muralist.version import __version__

if TYPE_CHECKING:
    import torch

    from muralist.job import Job
    from muralist.request import Request

__all__ = ["app", "main"]

app = App(
    name="muralist",
    help="Paints pictures far larger than the model was trained for, without training.",
    help_format="plaintext",
    version=__version__,
    suppress_keyboard_interrupt=False,
)

Model = Annotated[
    str, Parameter(help="shapes (which the package holds), toy, sdxl, sd15, sd21, folder or hub id")
]
Size = Annotated[str | None, Parameter(help="width x height in pixels, 512x512 for example")]
Method = Annotated[str, Parameter(help="a name that `muralist methods` lists")]
Steps = Annotated[int | None, Parameter(help="denoising steps of every stage")]
Set = Annotated[
    list[str] | None,
    Parameter(name="--set", negative="", help="NAME=VALUE, a setting of the method; repeatable"),
]
Negative = Annotated[str, Parameter(help="what to lead away from")]
Seed = Annotated[int, Parameter(help="every random number follows from it")]
Batch = Annotated[
    int, Parameter(help="views the network sees at once: memory and speed, not the picture")
]
Canvas = Annotated[
    str, Parameter(help="device, ram or disk: where latents are kept; as their size asks if unset")
]
Workers = Annotated[int, Parameter(help="processes that share the views of each step, one per GPU")]
Ray = Annotated[
    str,
    Parameter(help="a Ray cluster that shares them: auto, HOST:PORT, local for a new one, or none"),
]
Device = Annotated[str, Parameter(help="cuda, mps or cpu; the best if unset")]
Dtype = Annotated[
    str, Parameter(help="float32, float16 or bfloat16; what suits the device if unset")
]
Scale = Annotated[float, Parameter(help="how strongly the prompt leads; 1 and less is off")]
Keep = Annotated[bool, Parameter(negative="", help="keep the job's folder when all is done")]
FILE = "PNG, JPEG, WebP, TIFF (.tif) or Deep Zoom (.dzi) file, the last two of any size"
Json = Annotated[bool, Parameter(negative="", help="one JSON object a line, for machines")]


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs a command line and exits: 0 done, 1 failed while painting, 2 refused, 130 Ctrl-C."""
    _quiet_libraries()
    try:
        app(arguments, exit_on_error=False, print_error=False)
    except (BadRequest, CycloptsError, ModelNotFound, UnsupportedModel) as error:
        _stop(error, 2)
    except MuralistError as error:
        _stop(_with_notes(str(error), error), 1)
    except KeyboardInterrupt as error:
        _stop(_with_notes("stopped; no unfinished file is left", error), 130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        _stop(_with_notes(str(error), error), 1)
    sys.exit(0)


def _with_notes(reason: str, error: BaseException) -> str:
    return "; ".join([reason, *getattr(error, "__notes__", [])])


@app.command
def paint(
    prompt: Annotated[str | None, Parameter(help="what to paint")] = None,
    /,
    *,
    prompts: Annotated[
        Path | None,
        Parameter(help="a file with a JSON object for each of many pictures; --out is a folder"),
    ] = None,
    out: Annotated[Path | None, Parameter(help=f"{FILE}; picture.png if unset")] = None,
    size: Size = None,
    model: Model | None = None,
    method: Method | None = None,
    set_: Set = None,
    slider: Annotated[
        int | None,
        Parameter(help="Pixelsmith's: steps held to the last picture; fewer are freer"),
    ] = None,
    negative_prompt: Negative | None = None,
    steps: Steps = None,
    guidance_scale: Scale | None = None,
    guidance_rescale: Annotated[
        float | None, Parameter(help="0 to 1, against overexposure at high scales")
    ] = None,
    guidance_interval: Annotated[
        tuple[float, float] | None,
        Parameter(help="guide from the first to the second fraction of the steps: 0.2 0.8"),
    ] = None,
    pag_scale: Annotated[
        float | None,
        Parameter(help="perturbed-attention guidance, beside the prompt's; 3 is usual"),
    ] = None,
    solver: Annotated[
        str | None, Parameter(help="ddim, euler or dpmpp2m; as the model's scheduler says if unset")
    ] = None,
    seed: Seed | None = None,
    batch_size: Batch = 16,
    canvas: Canvas | None = None,
    workers: Workers | None = None,
    ray: Ray | None = None,
    stages: Annotated[
        Path | None, Parameter(help="folder for every stage's picture, as it appears")
    ] = None,
    explain: Annotated[
        Path | None,
        Parameter(help="folder for why it looks so, as far as the method can tell"),
    ] = None,
    job: Annotated[
        Path | None,
        Parameter(help="folder to take the run up from; the picture's name and .job if unset"),
    ] = None,
    keep: Keep = False,
    like: Annotated[
        Path | None, Parameter(help="a picture of muralist's, whose settings are the defaults")
    ] = None,
    device: Device | None = None,
    dtype: Dtype | None = None,
    json: Json = False,
) -> None:
    """Paint a picture from a prompt, or many."""
    from muralist.cli import typed
    from muralist.job import Job
    from muralist.series import job_of
    from muralist.sinks import check_writable

    given = {
        "size": size,
        "model": model,
        "method": method if slider is None else method or "pixelsmith",
        "set": [*(set_ or []), *([] if slider is None else [f"slider={slider}"])],
        "negative_prompt": negative_prompt,
        "num_inference_steps": steps,
        "guidance_scale": guidance_scale,
        "guidance_rescale": guidance_rescale,
        "guidance_interval": guidance_interval,
        "pag_scale": pag_scale,
        "solver": solver,
        "seed": seed,
        "batch_size": batch_size,
        "canvas": canvas,
    }
    liked = typed.liked(like)
    told = {"device": device, "dtype": dtype, "batch_size": batch_size, "canvas": canvas}
    hands = {"workers": workers, "ray": None if ray == "none" else ray}
    if prompts is not None:
        alone = {"a prompt": prompt, "--stages": stages, "--explain": explain, "--job": job}
        for name, value in alone.items():
            if value is not None:
                raise BadRequest(f"{name} is for a single picture; --prompts paints many")
        _paint_many(prompts, out, liked, given, told, hands, keep, json)
        return
    request = typed.request(liked, prompt=prompt, **given, **hands)
    if like is None and prompt is None:
        raise BadRequest('there is no prompt; give one, for example "a red circle"')
    target = _target(out or _free(Path("picture.png")), request)
    for folder in (stages, explain):
        if folder is not None:
            check_writable(folder / "stage-1.png")
    places = _absolute(out=target, stages=stages, explain=explain)
    kept = Job(job or job_of(target), request)
    kept.check_dtype(dtype)
    kept.told = {**places, **told, **hands}
    _paint(kept, request, target, keep, json)


@app.command
def resume(
    job: Annotated[Path, Parameter(help="the folder of a run that stopped")],
    /,
    *,
    batch_size: Batch | None = None,
    canvas: Canvas | None = None,
    workers: Workers | None = None,
    ray: Ray | None = None,
    device: Device | None = None,
    dtype: Dtype | None = None,
    keep: Keep = False,
    json: Json = False,
) -> None:
    """Go on with a picture that was stopped, or whose computer was."""
    from muralist.job import Job
    from muralist.request import Request

    content = Job.read(job)
    if "out" not in content["told"]:
        raise BadRequest(f"{job} was begun in Python; go on there, with generate(request, job=...)")
    limits = {"batch_size": batch_size, "canvas": canvas, "workers": workers, "ray": ray}
    given = {**limits, "device": device, "dtype": dtype}
    given = {name: value for name, value in given.items() if value is not None}
    told = {**dict.fromkeys(limits), "batch_size": 16, **content["told"], **given}
    if told["ray"] == "none":
        told["ray"] = None
    limits = {name: told[name] for name in limits}
    request = Request(**Request.arguments(content["request"]), **limits)
    target = _target(Path(told["out"]), request)
    _paint(Job(job, request, told), request, target, keep, json)


@app.command
def jobs(
    folder: Annotated[Path, Parameter(help="where to look")] = Path(),
    /,
    *,
    json: Json = False,
) -> None:
    """List the runs in a folder that can be resumed, and how far they came."""
    from muralist.cli import show

    if not folder.is_dir():
        raise BadRequest(f"there is no folder {folder}")
    files = [*folder.glob("job.json"), *folder.glob("*/job.json")]
    show.jobs(sorted(file.parent for file in files), json)


def _paint(job: "Job", request: "Request", out: Path, keep: bool, as_json: bool) -> None:
    """Paints with a job that is there until the picture is, and tells of it when that fails."""
    from muralist.cli import disk, show
    from muralist.run import short_of_memory

    told = job.told
    if job.folder.absolute() in out.absolute().parents:
        raise BadRequest(f"{out} lies in the job's folder {job.folder}, which goes when it is done")
    places = {name: Path(told[name]) if told.get(name) else None for name in ("stages", "explain")}
    disk.check(request, out, show.Folders(**places), job.folder)
    reader = show.lines if as_json else show.progress
    try:
        loaded = _loaded(request, told.get("device"), told.get("dtype"))
        reader(loaded, out, show.Folders(**places), job)
    except BaseException as error:
        if not short_of_memory(error):
            _remind(error, job)
            raise
        short = OutOfMemory("the device has no memory left; try --canvas ram, a smaller --dtype")
        _remind(short, job)
        raise short from error
    if not keep:
        job.remove()


def _paint_many(
    file: Path,
    out: Path | None,
    liked: dict[str, Any],
    given: dict[str, Any],
    told: dict[str, Any],
    hands: dict[str, Any],
    keep: bool,
    as_json: bool,
) -> None:
    """Paints every picture of a file into a folder, those that are there already left out."""
    from muralist.cli import disk, show
    from muralist.cli.prompts import wanted
    from muralist.models import best_device
    from muralist.run import check_workers, hired
    from muralist.series import RESULTS, Painting, alone, still_wanted

    if out is None:
        raise BadRequest("there is no --out; a folder for the pictures is needed")
    if out.exists() and not out.is_dir():
        raise BadRequest(f"{out} is a file; a folder for the pictures is needed")
    pictures = wanted(file, out, liked, given)
    place, kind = _kinds(told["device"], told["dtype"])
    check_workers(**hands, device=place or best_device())
    painting = Painting(place, kind, keep, told)
    for picture in pictures:
        _target(picture.out, picture.request)
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
                hiring = hired(**hands, device=place or best_device(), needed=painting)
                crew = stack.enter_context(hiring)
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


def _remind(error: BaseException, job: "Job") -> None:
    if job.begun:
        error.add_note(f"go on with: muralist resume {quote(str(job.folder))}")


def _target(out: Path, request: "Request") -> Path:
    """Where the picture goes, if it can."""
    from muralist.sinks import check_writable

    return check_writable(out, *request.size.times(request.card.factor))


def _absolute(**paths: Path | None) -> dict[str, str | None]:
    return {name: None if path is None else str(path.absolute()) for name, path in paths.items()}


@app.command
def sheet(
    prompt: Annotated[str, Parameter(help="what to paint")],
    /,
    *,
    vary: Annotated[
        str,
        Parameter(help="NAME=VALUE,VALUE,...: any setting of the method, or method, seed, steps"),
    ],
    out: Annotated[Path | None, Parameter(help=f"{FILE}; sheet.png if unset")] = None,
    size: Size = None,
    model: Model = "shapes",
    method: Method = "demofusion",
    set_: Set = None,
    negative_prompt: Negative | None = None,
    steps: Steps = None,
    guidance_scale: Scale | None = None,
    seed: Seed = 0,
    batch_size: Batch = 16,
    device: Device | None = None,
    dtype: Dtype | None = None,
) -> None:
    """Paint the same prompt at several values of one setting, side by side in one picture."""
    from muralist.cli import show, typed
    from muralist.sinks import check_writable

    given = {
        "prompt": prompt,
        "size": size,
        "model": model,
        "method": method,
        "negative_prompt": negative_prompt,
        "num_inference_steps": steps,
        "guidance_scale": guidance_scale,
        "seed": seed,
        "batch_size": batch_size,
    }
    name, values = typed.pair(vary, "--vary")
    requests = {
        f"{name} {value}": typed.request({}, **typed.varied(given, set_ or [], name, value))
        for value in values.split(",")
    }
    target = check_writable(out or _free(Path("sheet.png")))
    first, *others = requests.values()
    first = _loaded(first, device, dtype)
    loaded = [first, *(replace(other, model=first.model) for other in others)]
    show.sheet(dict(zip(requests, loaded, strict=True)), target)


@app.command
def plan(
    method: Method = "demofusion",
    /,
    *,
    size: Size = None,
    model: Model = "shapes",
    set_: Set = None,
    steps: Steps = None,
    guidance_scale: Annotated[
        float | None, Parameter(help="1 and less halves what goes through the network")
    ] = None,
    pag_scale: Annotated[
        float | None, Parameter(help="perturbed-attention guidance asks about each view again")
    ] = None,
    solver: Annotated[str | None, Parameter(help="ddim, euler or dpmpp2m")] = None,
    batch_size: Batch = 16,
    canvas: Canvas | None = None,
    out: Annotated[Path, Parameter(help="the file it is for, of which the ending counts")] = Path(
        "picture.png"
    ),
    device: Device | None = None,
    dtype: Dtype | None = None,
    calibrate: Annotated[
        bool, Parameter(negative="", help="load the model and time a few calls of it")
    ] = False,
    json: Json = False,
) -> None:
    """Show what a picture will cost, before painting it: stages, network calls, memory, time."""
    from muralist.calibration import calibrated
    from muralist.cli import show, typed
    from muralist.models import suited
    from muralist.planning import plan
    from muralist.sinks import check_writable

    request = typed.request(
        {},
        model=model,
        size=size,
        method=method,
        set=set_,
        num_inference_steps=steps,
        guidance_scale=guidance_scale,
        pag_scale=pag_scale,
        solver=solver,
        batch_size=batch_size,
        canvas=canvas,
    )
    check_writable(out, *request.size.times(request.card.factor))
    cost = plan(request, out=out, dtype=_dtype(dtype) or suited(_known(device)))
    if calibrate:
        loaded = _loaded(request, device, dtype)
        cost = replace(cost, seconds=calibrated(loaded, cost.stages))
    show.plan(request, cost, json)


@app.command
def methods(
    name: Annotated[str | None, Parameter(help="one method; all if unset")] = None,
    /,
    *,
    json: Json = False,
) -> None:
    """List the methods with their settings, defaults and papers."""
    from muralist.cli import show
    from muralist.methods import METHODS, method_named

    show.methods({name: method_named(name)} if name else dict(METHODS), json)


@app.command
def info(
    picture: Annotated[Path, Parameter(help="a picture that muralist painted")],
    /,
    *,
    json: Json = False,
) -> None:
    """Print the settings a picture was painted with."""
    from muralist.cli import show
    from muralist.sinks import read_settings

    show.settings(read_settings(picture), json)


def _loaded(request: "Request", device: str | None, dtype: str | None) -> "Request":
    from muralist.models import best_device, load
    from muralist.models.quiet import quiet
    from muralist.run import check_workers

    quiet()
    place, kind = _kinds(device, dtype)
    check_workers(request.workers, request.ray, place or best_device())
    return replace(request, model=load(str(request.model), device=place, dtype=kind))


def _kinds(
    device: str | None, dtype: str | None
) -> "tuple[torch.device | None, torch.dtype | None]":
    """What was typed, if it is to be had here."""
    import torch

    try:
        place = None if device is None else torch.empty(0, device=device).device
    except (RuntimeError, AssertionError) as error:
        reason = str(error).split(". ")[0]
        raise BadRequest(f"device {device!r} is not to be had here: {reason}") from error
    return place, _dtype(dtype)


def _dtype(name: str | None) -> "torch.dtype | None":
    import torch

    kinds = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
    if name is not None and name not in kinds:
        raise BadRequest(f"dtype is {name!r}; {', '.join(kinds)} are possible")
    return None if name is None else kinds[name]


def _known(device: str | None) -> "torch.device | None":
    """A device that there could be, if not here."""
    import torch

    try:
        return None if device is None else torch.device(device)
    except RuntimeError as error:
        raise BadRequest(f"device is {device!r}; cuda, mps or cpu is possible") from error


def _free(path: Path) -> Path:
    """The path, or the first numbered one beside it that does not exist."""
    from muralist.series import job_of

    number, free = 1, path
    while free.exists() or job_of(free).exists():
        number += 1
        free = path.with_stem(f"{path.stem}-{number}")
    return free


def _stop(reason: object, code: int) -> NoReturn:
    sentence = " ".join(str(reason).split())
    print(f"muralist: {sentence}", file=sys.stderr)
    sys.exit(code)


def _quiet_libraries() -> None:
    """The libraries' own bars and hints would tear ours; errors still speak."""
    for name in ("TRANSFORMERS_VERBOSITY", "DIFFUSERS_VERBOSITY", "HF_HUB_VERBOSITY"):
        os.environ.setdefault(name, "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
