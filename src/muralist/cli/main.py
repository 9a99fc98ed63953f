"""Commands, and one sentence with exit code 2 for everything that cannot be done."""

import os
import sys
from collections.abc import Sequence
from contextlib import chdir
from dataclasses import replace
from pathlib import Path
from typing import Annotated, NoReturn

from cyclopts import App, CycloptsError, Parameter

from muralist.cli.options import Contest, Files, Hands, Json, Look, Out, Scale, Service, limits
from muralist.errors import BadRequest, ModelNotFound, MuralistError, UnsupportedModel
from muralist.version import __version__

__all__ = ["app", "main"]

app = App(
    name="muralist",
    help="Paints pictures far larger than the model was trained for, without training.",
    help_format="plaintext",
    version=__version__,
    suppress_keyboard_interrupt=False,
)


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
    out: Out | None = None,
    like: Annotated[
        Path | None, Parameter(help="a picture of muralist's, whose settings are the defaults")
    ] = None,
    look: Look = Look(),
    hands: Hands = Hands(),
    files: Files = Files(),
    json: Json = False,
) -> None:
    """Paint a picture from a prompt, or many."""
    from muralist.cli import painting
    from muralist.request import typed

    liked = painting.liked(like)
    if prompts is not None:
        alone = {"a prompt": prompt, "--stages": files.stages, "--explain": files.explain}
        for name, value in {**alone, "--job": files.job}.items():
            if value is not None:
                raise BadRequest(f"{name} is for a single picture; --prompts paints many")
        painting.many(prompts, out, liked, look, hands, files.keep, json)
        return
    request = typed.request(liked, prompt=prompt, **look.asked(), **hands.limits())
    if like is None and prompt is None:
        raise BadRequest('there is no prompt; give one, for example "a red circle"')
    painting.check_heard(request, look.asked())
    painting.begin(request, out or painting.free(Path("picture.png")), hands, files, json)


@app.command
def upscale(
    image: Annotated[Path, Parameter(help="JPEG, PNG, WebP, TIFF, GIF or AVIF file, of any size")],
    prompt: Annotated[str, Parameter(help="what it shows; may be left out")] = "",
    /,
    *,
    scale: Scale | None = None,
    strength: Annotated[
        float | None,
        Parameter(help="above 0 to 1: how much is painted anew; as the method sets it if unset"),
    ] = None,
    out: Out | None = None,
    look: Look = Look(),
    hands: Hands = Hands(),
    files: Files = Files(),
    json: Json = False,
) -> None:
    """Enlarge a picture, painting the details that it lacks."""
    from muralist.cli import painting
    from muralist.request import typed

    asked = {**look.asked(), "image": image, "scale": scale}
    if strength is not None:
        asked["set"] = [*asked.get("set", []), f"strength={strength}"]
    request = typed.request({}, prompt=prompt, **asked, **hands.limits())
    painting.check_heard(request, asked)
    target = out or painting.free(Path(f"{image.stem}-upscaled.png"))
    painting.begin(request, target, hands, files, json)


@app.command
def resume(
    job: Annotated[Path, Parameter(help="the folder of a run that stopped")],
    /,
    *,
    hands: Hands = Hands(),
    keep: Annotated[
        bool, Parameter(negative="", help="keep the job's folder when all is done")
    ] = False,
    json: Json = False,
) -> None:
    """Go on with a picture that was stopped, or whose computer was."""
    from muralist.cli import painting
    from muralist.job import Job
    from muralist.request import Request

    content = Job.read(job)
    if "out" not in content["told"]:
        raise BadRequest(f"{job} was begun in Python; go on there, with generate(request, job=...)")
    told, job = {**content["told"], **hands.told()}, job.absolute()
    there = Path(told.get("folder", ""))
    with chdir(there if there.is_dir() else Path()):  # images and models are named as they were
        request = Request(**Request.arguments(content["request"]), **limits(told))
        target = painting.target(Path(told["out"]), request)
        painting.go_on(Job(job, request, told), request, target, keep, json)


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


@app.command
def sheet(
    prompt: Annotated[str, Parameter(help="what to paint")],
    /,
    *,
    vary: Annotated[
        str,
        Parameter(help="NAME=VALUE,VALUE,...: any setting of the method, or method, seed, steps"),
    ],
    out: Out | None = None,
    look: Look = Look(),
    hands: Hands = Hands(),
) -> None:
    """Paint the same prompt at several values of one setting, side by side in one picture."""
    from muralist.cli import painting, show
    from muralist.request import typed
    from muralist.sinks import check_writable

    asked = {"prompt": prompt, **look.asked(), **hands.limits()}
    name, values = typed.pair(vary, "--vary")
    various = typed.varied(asked, name, values.split(","))
    requests = {label: typed.request({}, **given) for label, given in various.items()}
    first, *others = requests.values()
    out = out or painting.free(Path("sheet.png"))
    painting.spare(first.photos, out)
    target = check_writable(out)
    first = painting.loaded(first, hands.device, hands.dtype)
    same = [first, *(replace(other, model=first.model) for other in others)]
    show.sheet(dict(zip(requests, same, strict=True)), target)


@app.command
def plan(
    method: Annotated[str | None, Parameter(help="as --method")] = None,
    /,
    *,
    image: Annotated[Path | None, Parameter(help="a picture to enlarge")] = None,
    scale: Scale | None = None,
    out: Out = Path("picture.png"),
    calibrate: Annotated[
        bool, Parameter(negative="", help="load the model and time a few calls of it")
    ] = False,
    look: Look = Look(),
    hands: Hands = Hands(),
    json: Json = False,
) -> None:
    """Show what a picture will cost, before painting it: stages, network calls, memory, time."""
    from muralist.cli import painting, show
    from muralist.models import suited
    from muralist.planning import plan
    from muralist.planning.calibration import calibrated
    from muralist.request import typed

    named = {} if method is None else {"method": method}
    asked = {**look.asked(), **named, "image": image, "scale": scale}
    request = typed.request({}, **asked, **hands.limits())
    out = painting.target(out, request)
    dtype = painting.dtype_named(hands.dtype) or suited(painting.device_named(hands.device))
    cost = plan(request, out=out, dtype=dtype)
    if calibrate:
        request = painting.loaded(request, hands.device, hands.dtype)
        cost = replace(cost, seconds=calibrated(request, cost.stages))
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
def explain(
    idea: Annotated[str | None, Parameter(help="one idea; a list of all if unset")] = None,
    /,
    *,
    set: Annotated[
        list[str] | None,
        Parameter(negative="", help="NAME=VALUE, a setting of the idea; repeatable"),
    ] = None,
    out: Out | None = None,
    json: Json = False,
) -> None:
    """Draw an idea behind the methods, computed by their own parts, for docs and talks."""
    from muralist.cli import explain

    if idea is not None:
        if json:
            raise BadRequest("--json is for the list of ideas; leave it out, or the idea")
        explain.draw(idea, set or [], out)
        return
    if set or out:
        raise BadRequest("--set and --out are for one idea; name it, for example dilated")
    explain.ideas(json)


@app.command
def bench(
    *parts: Annotated[str, Parameter(help="repetition, seams, truth, cost; all if unset")],
    out: Annotated[
        Path, Parameter(help="folder for the report, and for what is painted for it")
    ] = Path("bench"),
    contest: Contest = Contest(),
    hands: Hands = Hands(),
    json: Json = False,
) -> None:
    """Measure methods against each other: objects repeated, seams, distance from truth, cost."""
    from muralist.cli import bench

    bench.run(bench.asked(parts, out, contest, hands), out, contest, hands, json)


@app.command
def studio(*, service: Service = Service(), hands: Hands = Hands()) -> None:
    """Open a web page on this machine where people paint, look closely, and compare."""
    from muralist.cli import studio

    studio.run(service, hands)


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


def _stop(reason: object, code: int) -> NoReturn:
    sentence = " ".join(str(reason).split())
    print(f"muralist: {sentence}", file=sys.stderr)
    sys.exit(code)


def _quiet_libraries() -> None:
    """The libraries' own bars and hints would tear ours; errors still speak."""
    for name in ("TRANSFORMERS_VERBOSITY", "DIFFUSERS_VERBOSITY", "HF_HUB_VERBOSITY"):
        os.environ.setdefault(name, "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
