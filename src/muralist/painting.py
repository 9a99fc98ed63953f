"""A picture in one call."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypedDict, Unpack, overload

import torch
from torch import Tensor

from muralist.errors import BadRequest
from muralist.events import Event, Finished
from muralist.generation import Noise, check_hands, generate, kept_by
from muralist.methods import DemoFusion, method_named
from muralist.models import Checkpoint, Model, load
from muralist.photo import Given
from muralist.picture import Picture
from muralist.planning import work
from muralist.request import Request, origin
from muralist.request.conditioning import EMBEDS, TEXTS, Embeds, Images, Pair, images
from muralist.request.controls import photos
from muralist.run import hired
from muralist.settings import from_json, to_json
from muralist.solvers.schedule import SolverName
from muralist.stage import Method
from muralist.suggest import did_you_mean
from muralist.watching import Reader, StepEnd, bar, step_end

__all__ = ["paint"]

Texts: TypeAlias = str | list[str] | tuple[str, ...] | None


class PaintSettings(TypedDict, total=False):
    """What `paint` takes beside a model and a prompt."""

    prompt_2: Texts
    negative_prompt: Texts
    negative_prompt_2: Texts
    clip_skip: int | None
    prompt_embeds: Tensor | None
    negative_prompt_embeds: Tensor | None
    pooled_prompt_embeds: Tensor | None
    negative_pooled_prompt_embeds: Tensor | None
    original_size: Pair | None
    crops_coords_top_left: Pair | None
    target_size: Pair | None
    negative_original_size: Pair | None
    negative_crops_coords_top_left: Pair | None
    negative_target_size: Pair | None
    ip_adapter_image: Images | None
    ip_adapter_image_embeds: Embeds | Tensor | None
    image: Given | Tensor | None
    scale: float | None
    strength: float | None
    height: int | None
    width: int | None
    method: Method | str | None
    num_inference_steps: int | None
    guidance_scale: float | None
    guidance_rescale: float
    guidance_interval: tuple[float, float]
    pag_scale: float
    solver: SolverName | None
    seed: int | None
    generator: torch.Generator | None
    latents: Tensor | None
    noise: Noise | None
    batch_size: int
    canvas: Literal["device", "ram", "disk"] | None
    workers: int | None
    ray: str | None
    job: str | Path | None
    spool: str | Path | None
    control_image: Given | Sequence[Given] | None
    controlnet_conditioning_scale: float | Sequence[float]
    control_guidance_start: float | Sequence[float]
    control_guidance_end: float | Sequence[float]
    callback: Reader | None
    callback_on_step_end: StepEnd | None
    progress: bool


@overload
def paint(
    model: Model | str | Checkpoint = ..., prompt: str = ..., **settings: Unpack[PaintSettings]
) -> Picture: ...
@overload
def paint(
    model: Model | str | Checkpoint,
    prompt: list[str] | tuple[str, ...],
    **settings: Unpack[PaintSettings],
) -> list[Picture]: ...
def paint(
    model: Model | str | Checkpoint = "shapes",
    prompt: str | list[str] | tuple[str, ...] = "",
    **settings: Unpack[PaintSettings],
) -> Picture | list[Picture]:
    """Paints one picture; or one for each of several prompts, with seeds that count up.

    `height` and `width` are pixels, multiples of the model's factor; four native sides each if
    unset. `image` is what the picture starts from in the place of noise, `scale` how many times as
    large it becomes, `strength` the part of the steps that stages take which start from a picture.
    `method` is an instance or a name; `DemoFusion()` if unset. `seed` (0 if unset) or a
    `generator`, from which a seed is drawn, decide every random number. `batch_size` is how many
    views the network sees at once, `canvas` where latents are kept: `device`, `ram`, `disk`, or, if
    unset, the first of them that has room. `workers` processes, each with a GPU of its own, or the
    Ray cluster at `ray` share the views of each step. `latents` (`1 C H W`, a row for each prompt,
    standard normal, of the first stage) and `noise(purpose, shape)` replace what the seed would
    draw. `job` is a folder from which the run is taken up when it is asked for again. `spool` is
    the folder for pixels beyond 512 MiB and for canvases on the disk, the system's for temporary
    files if unset. Other texts, and embeddings instead of them, may be one for each prompt as well:
    a list of texts, or rows. `callback` gets every event as it happens; `callback_on_step_end` is
    called as diffusers' pipelines do, with the pipeline (or the model that has none), the step, its
    timestep, and the latents to look at. `progress` shows a bar, as a wrapped pipeline is set to.
    Further settings, and what is unset, are `Request`'s.

    Raises `BadRequest` before anything is loaded when a setting is outside what is possible.
    """
    for name in settings:
        if name not in PaintSettings.__annotations__:
            near = did_you_mean(name, PaintSettings.__annotations__)
            raise TypeError(f"paint() has no argument {name!r}; {near}")
    asked: dict[str, Any] = {**settings}  # what is left of it is the request's
    watchers = {"progress": True, "callback": None, "callback_on_step_end": None}
    readers = [asked.pop(name, default) for name, default in watchers.items()]
    noise, latents = (asked.pop(name, None) for name in ("noise", "latents"))
    job, spool = (asked.pop(name, None) for name in ("job", "spool"))
    several = list(prompt) if isinstance(prompt, list | tuple) else [prompt]
    if not several:
        raise BadRequest("there are no prompts; an empty text is one, an empty list is none")
    starts = _for_each(several, "latents", latents)
    if job is not None and len(several) != 1:
        raise BadRequest(f"a job is one picture; there are {len(several)} prompts")
    requests = _requests(model, several, asked)
    first = requests[0]
    given = noise is not None or latents is not None
    kept = None if job is None else kept_by(job, first, given)
    check_hands(first)
    loaded = load(model) if isinstance(model, str | Checkpoint) else model
    run = partial(generate, noise=noise, job=kept, spool=spool)
    with hired(first.workers, first.ray, loaded.device, loaded) as crew:
        pictures = [
            _watched(partial(run, latents=start, crew=crew), replace(each, model=loaded), *readers)
            for each, start in zip(requests, starts, strict=True)
        ]
    return pictures if isinstance(prompt, list | tuple) else pictures[0]


def _requests(
    model: Model | str | Checkpoint, several: Sequence[str], asked: dict[str, Any]
) -> list[Request]:
    """One for each of several prompts, with seeds that count up; what they share is read once."""
    seed = _seed(asked.pop("seed", None), asked.pop("generator", None))
    own = [name for name in (*TEXTS, *EMBEDS) if name in asked]
    told = {name: _for_each(several, name, asked.pop(name)) for name in own}
    method = asked.pop("method", None)
    method = method_named(method)() if isinstance(method, str) else method or DemoFusion()
    asked["method"] = _entered(method, asked.pop("strength", None))
    read = {"image": origin, "control_image": photos, "ip_adapter_image": images}
    shared = asked | {name: reader(asked.get(name)) for name, reader in read.items()}
    return [
        Request(
            model=model,
            prompt=each,
            seed=seed + number if number else seed,
            **{name: given[number] for name, given in told.items()},
            **shared,
        )
        for number, each in enumerate(several)
    ]


def _for_each(several: Sequence[str], name: str, given: Any) -> Sequence[Any]:
    """One for each of several prompts, or one row of a tensor; a text alone is for all of them."""
    rows = given.split(1) if isinstance(given, Tensor) else given
    if not isinstance(rows, list | tuple):
        return [given] * len(several)
    if len(rows) != len(several):
        what = f"rows of {name}" if isinstance(given, Tensor) else f"{name.replace('_', ' ')}s"
        raise BadRequest(f"there are {len(several)} prompts and {len(rows)} {what}")
    return rows


def _entered(method: Method, strength: float | None) -> Method:
    if strength is None:
        return method
    return from_json(type(method), {**to_json(method), "strength": strength})


def _seed(seed: int | None, generator: torch.Generator | None) -> int:
    if seed is not None and generator is not None:
        raise BadRequest("give seed or generator, not both")
    if generator is None:
        return seed or 0
    if not isinstance(generator, torch.Generator):
        raise BadRequest("generator is not one generator of torch's; seeds of several count up")
    return int(torch.randint(2**62, (), generator=generator, device=generator.device))


def _watched(
    run: Callable[[Request], Iterator[Event]],
    request: Request,
    shown: bool,
    callback: Reader | None,
    on_step_end: StepEnd | None,
) -> Picture:
    """The picture of a run, all of whose events are read."""
    pipe = getattr(request.model, "pipe", request.model)
    config = {"disable": not shown, **getattr(pipe, "_progress_bar_config", {})}
    with bar(work(request), **config) as advance:
        readers = [advance, callback, on_step_end and step_end(on_step_end, pipe)]
        for event in run(request):
            for read in filter(None, readers):
                read(event)
            if isinstance(event, Finished):
                return event.picture
    raise AssertionError("a run that raises nothing finishes")
