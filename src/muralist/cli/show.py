"""Events on a terminal, or as JSON lines."""

import json
import sys
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from muralist.bench import page
from muralist.canvas import View
from muralist.errors import BadRequest
from muralist.events import (
    Event,
    Finished,
    Resumed,
    StageBegun,
    StageDone,
    Started,
    Ticked,
    TileCounted,
    TileDone,
)
from muralist.generation import PromptTooLong, generate
from muralist.job import Job, reached
from muralist.picture import Picture, StageResult
from muralist.planning import Plan, Work
from muralist.planning import work as planned
from muralist.request import Request
from muralist.series import Result
from muralist.settings import settings_of
from muralist.sinks import lit, panel, save, side_by_side
from muralist.stage import Explanation

__all__ = [
    "Bars",
    "Folders",
    "counted",
    "jobs",
    "lines",
    "many",
    "many_lines",
    "methods",
    "plan",
    "progress",
    "settings",
    "sheet",
    "stage_file",
    "tabulated",
]

T = TypeVar("T")

_SMALL = 256  # pixels of a panel that explains
PLACES = {"device": "beside the model", "ram": "in host memory", "disk": "on the disk"}


class Folders(NamedTuple):
    """Where pictures go beside the picture itself."""

    stages: Path | None = None
    explain: Path | None = None


def progress(request: Request, out: Path, folders: Folders, job: Job) -> None:
    """Paints with bars on the terminal: one of steps, weighed by what each costs, one of tiles."""
    began, console = time.monotonic(), Console(stderr=True)
    with _warnings_to(console), _bar(console) as bar:
        bars = Bars(bar, planned(request))
        for event in _saving(request, out, folders, job):
            bars.show(event)
    pixels = request.size.times(request.card.factor)
    print(f"{out}: {pixels} pixels, seed {request.seed}, {time.monotonic() - began:.1f} s")


def _bar(console: Console) -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    return Progress(*columns, console=console)


def counted(words: str, things: Iterable[T], count: int) -> Iterator[T]:
    """Hands things on, and counts them on a bar."""
    console = Console(stderr=True)
    with _warnings_to(console), _bar(console) as bar:
        task = bar.add_task(words, total=count)
        for number, thing in enumerate(things, start=1):
            bar.update(task, description=f"{words}, {number} of {count}", advance=1)
            yield thing


class Bars:
    """Two bars for one picture: network evaluations, and, once they are done, tiles."""

    def __init__(self, bar: Progress, cost: Work, name: str = "") -> None:
        self._bar, self._cost, self._name = bar, cost, name
        self._painting = bar.add_task(f"{name}preparing", total=cost.evaluations)
        self._decoding = bar.add_task("", total=None, visible=False)

    def show(self, event: Event) -> None:
        match event:
            case Resumed(stages=stages, steps=steps):
                self._painted("going on", stages, steps)
            case StageBegun(stage=stage) if stage > 1:
                words = f"{self._name}{self._stage(stage)}, enlarging the last"
                self._bar.update(self._painting, description=words)
            case Ticked(stage=stage, step=step, steps=steps):
                self._painted(f"{self._stage(stage)}, step {step} of {steps}", stage - 1, step)
            case StageDone(stage=stage) if stage == len(self._cost.stages):
                self._painted("painted", stage)
                self._set(self._decoding, "decoding", 0, None)
            case TileCounted(norm=norm, number=number, count=count):
                words = f"counting, norm {norm}, tile {number} of {count}"
                self._set(self._decoding, words, number, count)
            case TileDone(number=number, count=count):
                self._set(self._decoding, f"decoding, tile {number} of {count}", number, count)

    def _stage(self, number: int) -> str:
        stages = self._cost.stages
        return f"stage {number} of {len(stages)} ({stages[number - 1].size} latents)"

    def _painted(self, words: str, stages: int, steps: int = 0) -> None:
        """So many stages are finished, and so many steps of the next."""
        done = self._cost.done(stages, steps)
        self._set(self._painting, words, done, self._cost.evaluations)

    def _set(self, task: TaskID, words: str, done: float, total: float | None) -> None:
        described = f"{self._name}{words}"
        self._bar.update(task, description=described, completed=done, total=total, visible=True)


def sheet(requests: Mapping[str, Request], out: Path) -> None:
    """Paints every request, and writes their pictures side by side, under their names."""
    console, panels = Console(stderr=True), []
    with _warnings_to(console), _bar(console) as bar:
        for name, request in requests.items():
            bars = Bars(bar, planned(request), f"{name}: ")
            for event in generate(request, spool=out.parent):
                bars.show(event)
                if isinstance(event, Finished):
                    panels.append((name, panel(event.picture.pixels)))
    settings = {**next(iter(requests.values())).to_json(), "sheet": list(requests)}
    save(side_by_side(panels), out, settings)
    print(f"{out}: {', '.join(requests)}")


def lines(request: Request, out: Path, folders: Folders, job: Job) -> None:
    """Paints and prints a JSON object for the start, every step, every stage, and the end."""
    began = time.monotonic()
    with _warnings_to(Console(stderr=True)):
        for event in _saving(request, out, folders, job):
            if said := _as_json(event, out):
                seconds = round(time.monotonic() - began, 3)
                print(json.dumps({**said, "seconds": seconds}), flush=True)


def many(results: Iterable[Result], folder: Path, there: int, count: int) -> int:
    """A bar of pictures, of which some are there already; how many of them failed."""
    failed, console = 0, Console(stderr=True)
    with _warnings_to(console), _bar(console) as bar:
        task = bar.add_task(f"{there} of {count} pictures", total=count, completed=there)
        for done, result in enumerate(results, start=there + 1):
            bar.update(task, description=f"{done} of {count} pictures", advance=1)
            failed += not result["painted"]
            if words := result.get("error") or result.get("warning"):
                words = f"{result['out']}: {words}"
                console.print(words, markup=False, highlight=False, soft_wrap=True)
    print(f"{folder}: {count - failed} of {count} pictures, {there} of them from before")
    return failed


def many_lines(results: Iterable[Result]) -> int:
    """Prints each result as it comes; how many failed."""
    failed = 0
    with _warnings_to(Console(stderr=True)):
        for result in results:
            failed += not result["painted"]
            print(json.dumps(result), flush=True)
    return failed


def _as_json(event: Event, out: Path) -> dict[str, Any] | None:
    match event:
        case Started(sizes=sizes, steps=steps):
            stages = [
                {"height": size.height, "width": size.width, "steps": count}
                for size, count in zip(sizes, steps, strict=True)
            ]
            return {"event": "started", "stages": stages}
        case Resumed(stages=finished, steps=steps):
            return {"event": "resumed", "stages": finished, "steps": steps}
        case StageBegun(stage=stage):
            return {"event": "begun", "stage": stage}
        case Ticked(stage=stage, step=step, steps=steps):
            return {"event": "step", "stage": stage, "step": step, "steps": steps}
        case StageDone(stage=stage):
            return {"event": "stage", "stage": stage}
        case TileCounted(norm=norm, number=number, count=count):
            return {"event": "counted", "norm": norm, "tile": number, "tiles": count}
        case TileDone(number=number, count=count):
            return {"event": "tile", "tile": number, "tiles": count}
        case Finished(picture=picture):
            return {"event": "finished", "out": str(out), "settings": dict(picture.settings)}
    return None


def _saving(request: Request, out: Path, folders: Folders, job: Job) -> Iterator[Event]:
    """The events of a run; files are written before the event that tells of them is passed on."""
    last = 0
    for event in generate(request, job=job, spool=out.parent):
        if isinstance(event, Started):
            last = len(event.sizes)
        if isinstance(event, StageDone):
            _keep_stage(event, last, folders, request)
        if isinstance(event, Finished):
            _keep_all(event.picture, out, folders.stages, request)
        yield event


def _keep_stage(event: StageDone, last: int, folders: Folders, request: Request) -> None:
    result = replace(event.result)  # a copy, whose pixels are let go when they are written
    if folders.stages and event.stage < last:
        _keep(result, folders.stages, request)
    if folders.explain and event.explain:
        _keep_why(result, event.explain(), folders.explain, request)


def _keep_all(picture: Picture, out: Path, stages: Path | None, request: Request) -> None:
    picture.save(out)
    if stages is None:
        return
    for result in picture.stages[:-1]:  # finished before the run was taken up
        if not stage_file(stages, result.stage).exists():
            _keep(replace(result), stages, request)
    _keep(picture.stages[-1], stages, request)


def _keep_why(result: StageResult, why: Explanation, folder: Path, request: Request) -> None:
    """Maps as light on the stage's picture, and views with what they were asked."""
    factor, settings = request.card.factor, {**request.to_json(), "stage": result.stage}
    maps = _lit(result.pixels, why.maps) if why.maps else []
    views = [(text, _seen(result.pixels, view.times(factor))) for view, text in why.views]
    for name, panels, columns in (("words", maps, 6), ("views", views, None)):
        if panels:
            sheet = side_by_side(panels, columns)
            save(sheet, folder / f"stage-{result.stage}-{name}.png", settings)


def _lit(
    pixels: np.ndarray, maps: Sequence[tuple[str, torch.Tensor]]
) -> list[tuple[str, np.ndarray]]:
    small = panel(pixels, _SMALL)
    return [(name, lit(small, where)) for name, where in maps]


def _seen(pixels: np.ndarray, view: View) -> np.ndarray:
    """What a view, in pixels, sees of a picture, however large that is."""
    there = view.crop(torch.from_numpy(pixels).movedim(-1, 0)).movedim(0, -1)
    return panel(there.numpy(), _SMALL)


def _keep(result: StageResult, folder: Path, request: Request) -> None:
    save(
        result.pixels,
        stage_file(folder, result.stage),
        {**request.to_json(), "stage": result.stage},
    )


def stage_file(folder: Path, number: int) -> Path:
    """Where the picture of a stage goes."""
    return folder / f"stage-{number}.png"


@contextmanager
def _warnings_to(console: Console) -> Iterator[None]:
    """Our warnings as sentences; the libraries' not at all."""

    def shown(message: Any, category: type[Warning], *_: Any, **__: Any) -> None:
        if issubclass(category, PromptTooLong):
            console.print(f"muralist: {message}", markup=False, highlight=False, soft_wrap=True)

    with warnings.catch_warnings():
        warnings.simplefilter("always", PromptTooLong)
        warnings.showwarning = shown
        yield


def plan(request: Request, cost: Plan, as_json: bool) -> None:
    """What a request will cost."""
    factor = request.card.factor
    if as_json:
        print(json.dumps(_plan_as_json(cost, factor)))
        return
    table = Table("stage", "pixels", "latents", "steps", "views a step", "evaluations", box=None)
    if cost.seconds:
        table.add_column("about")
    for number, stage in enumerate(cost.stages, start=1):
        views = stage.evaluations / stage.steps
        table.add_row(
            *map(str, (number, stage.size.times(factor), stage.size, stage.steps)),
            f"{views:g}" if views == int(views) else f"{views:.1f}",
            f"{stage.evaluations:,}",
            *([_duration(cost.seconds.stages[number - 1])] if cost.seconds else []),
        )
    console = Console(highlight=False)
    console.print(table)
    for line in _plan_in_lines(request, cost):
        console.print(line, soft_wrap=True)


def _plan_in_lines(request: Request, cost: Plan) -> Iterator[str]:
    kind, batch = str(cost.dtype).removeprefix("torch."), request.batch_size
    device = {
        f"{kind} weights": cost.model.weights,
        f"{batch} views at once": cost.model.batch,
        "or a tile of the decoder": cost.model.tile,
        "canvases": cost.device.get("canvases", 0),
    }
    yield (
        f"{cost.evaluations:,} network evaluations ({cost.samples:,} samples with guidance);"
        f" canvases at most {_amount(cost.canvas_bytes)}, {PLACES[cost.canvas_place]}"
    )
    yield f"  canvases: {_amounts(vars(cost.canvases))}"
    yield f"  device: {_amount(cost.device_bytes)} ({_amounts(device)})"
    host = f"{_amount(cost.host_bytes)} ({_amounts(cost.host)}), and " if cost.host else ""
    yield f"  host memory: {host}the libraries"
    yield f"  disk: {_amount(cost.disk_bytes)} ({_amounts(cost.disk)})"
    if cost.seconds:
        yield (
            f"  time: about {_duration(cost.seconds.total)}, decoding"
            f" {_duration(cost.seconds.decoding)} of it; an estimate from"
            f" {_duration(cost.seconds.measuring)} of measurement"
        )


def _plan_as_json(cost: Plan, factor: int) -> dict[str, Any]:
    stages = [
        {
            "height": stage.size.height * factor,
            "width": stage.size.width * factor,
            "steps": stage.steps,
            "evaluations": stage.evaluations,
            "samples": stage.samples,
        }
        for stage in cost.stages
    ]
    seconds = cost.seconds
    return {
        "stages": stages,
        "evaluations": cost.evaluations,
        "samples": cost.samples,
        "canvas": cost.canvas_place,
        "canvas_bytes": cost.canvas_bytes,
        "canvases": vars(cost.canvases),
        "dtype": str(cost.dtype).removeprefix("torch."),
        "device_bytes": cost.device_bytes,
        "device": cost.device,
        "host_bytes": cost.host_bytes,
        "host": cost.host,
        "disk_bytes": cost.disk_bytes,
        "disk": cost.disk,
        "pixels_bytes": cost.pixels,
        "seconds": None if seconds is None else {**vars(seconds), "total": seconds.total},
    }


def _amounts(named: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {_amount(count)}" for name, count in named.items() if count)


def _amount(count: float) -> str:
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if count < 1024 or unit == "GiB":
            break
        count /= 1024
    return f"{count:.1f} {unit}" if unit == "GiB" else f"{count:.0f} {unit}"


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 100 else f"{minutes / 60:.1f} h"


def jobs(folders: Sequence[Path], as_json: bool) -> None:
    """Runs that can be taken up."""
    table = Table("job", "done", "size", "method", "prompt", box=None)
    for folder in folders:
        try:
            asked = Job.read(folder)["request"]
            finished, steps = reached(folder)
        except BadRequest as error:  # the others can be listed all the same
            print(f"muralist: {error}", file=sys.stderr)
            continue
        if as_json:
            known = {"job": str(folder), "stages": finished, "steps": steps}
            print(json.dumps({**known, "request": asked}))
        table.add_row(
            Text(str(folder)),
            f"{finished} stages, {steps} steps",
            f"{asked['width']}x{asked['height']}",
            asked["method"]["name"],
            Text(asked["prompt"]),
        )
    if not as_json:
        Console(highlight=False).print(table if table.row_count else "no job here")


def methods(known: Mapping[str, type], as_json: bool) -> None:
    """Methods with their settings."""
    if as_json:
        for name, cls in known.items():
            fields = [
                {"name": one.name, "default": one.default, "allowed": one.allowed, "help": one.help}
                for one in settings_of(cls)
            ]
            print(json.dumps({"name": name, "about": _first_line(cls), "settings": fields}))
        return
    console = Console(highlight=False)
    for name, cls in known.items():
        console.print(f"[bold]{name}[/bold]  {_first_line(cls)}", soft_wrap=True)
        table = Table("setting", "default", "allowed", "meaning", box=None, padding=(0, 2, 0, 2))
        for one in settings_of(cls):
            default = "unset" if one.default is None else str(one.default)
            table.add_row(one.name, default, one.allowed, one.help)
        console.print(table)


def tabulated(given: page.Table, title: str) -> None:
    """A table of a report; the best of its columns are bold."""
    console = Console(highlight=False, file=sys.stdout)
    shown = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
    for column in given.columns:
        shown.add_column(Text(column.heading), justify=column.align)
    for body in given.bodies:
        if body.label:
            shown.add_row(Text(body.label, style="dim"))
        for line in body.lines:
            cells = [cell for cell in line if isinstance(cell, page.Cell)]
            shown.add_row(*(Text(cell.text, "bold" if cell.best else "") for cell in cells))
    console.print(shown)


def _first_line(cls: type) -> str:
    return (cls.__doc__ or "").strip().splitlines()[0]


def settings(found: Mapping[str, Any], as_json: bool) -> None:
    """The settings of a picture: on a terminal those that are set."""
    if as_json:
        print(json.dumps(found))
        return
    table = Table(show_header=False, box=None)
    for name, value in found.items():
        if value is not None and value != []:
            table.add_row(name, Text(_words(value)))
    Console(highlight=False, file=sys.stdout).print(table)


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={_words(one)}" for key, one in value.items())
    return "unset" if value is None else str(value)
