"""One picture, painted and measured: `python -m benchmarks.measure '{"way": ...}'` prints JSON.

Every measurement is a process of its own, so that none inherits another's memory.
"""

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any, cast
from unittest import mock

import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionOutput
from torch import Tensor

import muralist
from benchmarks.canvases import Canvases
from benchmarks.twin import drawn, sizes, twin
from muralist import METHODS, Finished, Request, StageDone, Started
from muralist.bench.meter import bytes_now, forget_peak, peak_bytes

__all__ = ["Asked", "Measured", "Moment", "measure"]

PROMPT = "a red circle on a blue background"
SEED = 0

Moment = tuple[str, Tensor | None]  # the part that is over, and the latents so far


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What to paint, and by whom."""

    way: str  # "muralist" or "plain"
    method: str
    scale: int  # of each side, in native sides
    model: str
    steps: int | None = None  # the model's own if unset
    batch_size: int = 16  # views at once; a plain loop takes one
    device: str = "cpu"
    dtype: str = "float32"
    threads: int | None = None  # torch's own number if unset
    latents: str | None = None  # a file for the result


@dataclass(kw_only=True)
class Measured:
    """What it took; bytes are beyond those of the loaded model.

    Seconds are by part: `encode` the prompt, the `base` stage of native size, the `larger` stages,
    `decode` the picture.
    """

    evaluations: int = 0  # of views; both halves of guidance together are one
    calls: int = 0  # of the network
    seconds: dict[str, float] = field(default_factory=dict)
    cpu_seconds: dict[str, float] = field(default_factory=dict)  # of all threads together
    painting_bytes: int = 0  # peak until the last latents
    peak_bytes: int = 0  # peak until the picture
    canvas_bytes: int = 0  # of the finished canvas in float32
    canvases_bytes: int = 0  # peak held in tensors of at least that height and width
    steps: int = 0
    threads: int = 0
    load_average: list[float] = field(default_factory=list)  # before and after


def measure(asked: Asked) -> Measured:
    """Paints once for time and memory, and once more, without the network, for the canvases."""
    if asked.threads:
        torch.set_num_threads(asked.threads)
    dtype = getattr(torch, asked.dtype)
    model: Any = muralist.load(asked.model, device=asked.device, dtype=dtype)
    request, network = _request(asked, model), model.pipe.unet
    measured = Measured(steps=len(request.schedule.steps), threads=torch.get_num_threads())
    measured.canvas_bytes = request.size.area * request.card.channels * 4
    with _counted(network, measured):
        latents = _timed(asked, request, measured)
    if asked.latents:
        torch.save(latents.cpu(), asked.latents)
    with _silenced(network), Canvases(*request.size, request.card.channels) as canvases:
        _until_decoding(asked, request)
    measured.canvases_bytes = canvases.peak
    return measured


def _request(asked: Asked, model: Any) -> Request:
    card = model.card
    return Request(
        model=model,
        prompt=PROMPT,
        height=asked.scale * card.native.height * card.factor,
        width=asked.scale * card.native.width * card.factor,
        method=METHODS[asked.method](),
        num_inference_steps=asked.steps,
        seed=SEED,
        batch_size=asked.batch_size,
    )


def _small(request: Request) -> Request:
    card = request.card
    height, width = (side * card.factor for side in card.native)
    return replace(request, height=height, width=width, num_inference_steps=1)


def _painted(asked: Asked, request: Request) -> Iterator[Moment]:
    return _by_muralist(request) if asked.way == "muralist" else _by_plain_loop(request)


def _by_muralist(request: Request) -> Iterator[Moment]:
    stages, latents = len(sizes(request)), None
    for event in muralist.generate(request, noise=drawn(SEED)):
        if isinstance(event, Started):
            yield "encode", None
        if isinstance(event, StageDone):
            latents = event.result.latents
            yield _part(event.stage, stages), latents
        if isinstance(event, Finished):
            yield "decode", latents


def _by_plain_loop(request: Request) -> Iterator[Moment]:
    pipe = cast(Any, request.model).pipe
    network, loop = twin(request, pipe, drawn(SEED))
    yield "encode", None
    stages, latents = len(sizes(request)), torch.empty(0)
    for number, latents in enumerate(loop, start=1):
        yield _part(number, stages), latents
    with torch.no_grad():
        (network.decode(latents) * 255).round().byte().cpu()
    yield "decode", latents


def _part(stage: int, stages: int) -> str:
    return "base" if stage == 1 < stages else "larger"


def _timed(asked: Asked, request: Request, measured: Measured) -> Tensor:
    """Paints, notes what it took, and gives the latents."""
    loaded = bytes_now(asked.device) or 0
    _until_decoding(asked, _small(request))  # kernels are chosen at first use
    assert forget_peak(asked.device), "memory is measured on Linux, and on CUDA devices"
    measured.evaluations = measured.calls = 0
    measured.load_average.append(os.getloadavg()[0])
    latents = torch.empty(0)
    wall, cpu = time.perf_counter(), time.process_time()
    for part, so_far in _painted(asked, request):
        latents = latents if so_far is None else so_far
        _wait(asked.device)
        _add(measured.seconds, part, time.perf_counter() - wall)
        _add(measured.cpu_seconds, part, time.process_time() - cpu)
        measured.peak_bytes = (peak_bytes(asked.device) or 0) - loaded
        if part != "decode":
            measured.painting_bytes = measured.peak_bytes
        wall, cpu = time.perf_counter(), time.process_time()
    measured.load_average.append(os.getloadavg()[0])
    return latents


def _add(totals: dict[str, float], part: str, seconds: float) -> None:
    totals[part] = totals.get(part, 0.0) + seconds


def _until_decoding(asked: Asked, request: Request) -> None:
    for _, latents in _painted(asked, request):
        if latents is not None and tuple(latents.shape[-2:]) == tuple(request.size):
            return


@contextmanager
def _counted(network: Any, measured: Measured) -> Iterator[None]:
    """Counts the network's calls, and its evaluations under guidance."""

    def note(_: Any, inputs: tuple[Tensor, ...]) -> None:
        measured.calls += 1
        measured.evaluations += len(inputs[0]) // 2

    hook = network.register_forward_pre_hook(note)
    try:
        yield
    finally:
        hook.remove()


def _silenced(network: Any) -> AbstractContextManager:
    """The network answers with its question, so that only the loop around it works."""

    def answer(x: Tensor, *_: Any, **__: Any) -> UNet2DConditionOutput:
        return UNet2DConditionOutput(sample=x)

    return mock.patch.object(network, "forward", answer)


def _wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()


if __name__ == "__main__":
    print(json.dumps(asdict(measure(Asked(**json.loads(sys.argv[1]))))))
