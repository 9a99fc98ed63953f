"""What a canvas costs besides the network: on the device, in memory, in canvases.

`python -m benchmarks.memory --factor 2 --factor 8 --factor 32`
"""

import json
import sys
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeAlias

import cyclopts
import torch
from torch import Tensor

from benchmarks.anonymous import anonymous, peak
from benchmarks.canvases import Canvases
from muralist import METHODS
from muralist.canvas import Size, View
from muralist.denoisers import CFG
from muralist.diffuse import diffuse
from muralist.guides import Reference
from muralist.models import Toy
from muralist.query import Cond, Denoiser, Estimate, Part, Query
from muralist.run import Batches
from muralist.solvers.schedule import schedule
from muralist.stage import Stage
from muralist.strips import blank, mapped

__all__ = ["Counting", "main", "painted", "table"]

Run: TypeAlias = Mapping[str, Any]

HERE = Path(__file__).parent
NATIVE = Size(64, 64)
CHANNELS = 4
STEPS = 25


class Held(Canvases):
    """All that pictures are made of, but for windows into canvases, which lie elsewhere."""

    def __init__(self, canvases: Collection[int]) -> None:
        super().__init__(1, 1)
        self.canvases = canvases  # where their storages begin

    def _is_canvas(self, tensor: Tensor) -> bool:
        elsewhere = tensor.untyped_storage().data_ptr() in self.canvases
        return super()._is_canvas(tensor) and not elsewhere


@dataclass(frozen=True)
class Quick:
    """A network that answers at once."""

    native: Size = NATIVE
    network: None = None

    def __call__(self, x: Tensor, q: Query) -> Estimate:
        return Estimate(x, x / 2)


@dataclass(frozen=True)
class Counting:
    """A runner that notes how much a batch holds, from its arrival to its answer.

    With canvases elsewhere this is all of a picture that a device holds. `canvases` are those that
    guides look things up in, by where their storages begin.
    """

    batches: Batches
    canvases: Collection[int]
    peaks: list[int] = field(default_factory=list)

    def __call__(
        self, inner: Denoiser, x: Tensor, q: Query, views: Sequence[View]
    ) -> Iterator[Part]:
        def watched(patches: Tensor, about: Query) -> Estimate:
            with Held(self.canvases) as held:
                answer = inner(patches, about)
            self.peaks.append(patches.nbytes + held.peak)
            return answer

        return self.batches(watched, x, q, views)


def main(
    *,
    method: Sequence[str] = tuple(METHODS),
    factor: Sequence[int] = (2, 8, 32),
    canvas: Sequence[str] = ("ram", "disk"),
    batch_size: int = 16,
    device: str = "cpu",
    out: Path = HERE / "results" / "memory.json",
    folder: Path | None = None,
) -> None:
    """Takes two steps of the last stage of each method, each in a process of its own.

    The JSON is written anew after every run. The table is printed, and put into the README beside
    this file.

    Parameters
    ----------
    factor: of the side, in native sides of 64 latent cells; may be repeated
    canvas: ram or disk, or, beside a GPU, device; may be repeated
    folder: where there is room for the canvases; the system's for temporary files if unset
    """
    from benchmarks.cost import into_page
    from muralist.bench.machine import machine

    result: dict[str, Any] = {"machine": machine(device), "batch_size": batch_size, "runs": []}
    out.parent.mkdir(parents=True, exist_ok=True)
    for name in method:
        for times in factor:
            for place in canvas:
                with ProcessPoolExecutor(1, get_context("spawn")) as process:
                    asked = (name, times, place, batch_size, device, folder)
                    result["runs"].append(process.submit(painted, *asked).result())
                out.write_text(json.dumps(result, indent=1) + "\n")
                print(result["runs"][-1], file=sys.stderr, flush=True)
    print(text := table(result))
    into_page(HERE / "README.md", out.stem, text)


@torch.no_grad()
def painted(
    method: str, factor: int, place: str, batch_size: int, device: str, folder: Path | None
) -> Run:
    """Two steps in the middle of a stage that is held to the one before, and what they took."""
    _steps(method, 2, place, batch_size, device, folder)  # loads all there is to load
    loaded = anonymous()
    if device != "cpu":
        torch.cuda.reset_peak_memory_stats(device)
        there = torch.cuda.memory_allocated(device)
    began = time.perf_counter()
    with peak() as most:
        _steps(method, factor, place, batch_size, device, folder)
    seconds = time.perf_counter() - began
    run = {"method": method, "factor": factor, "place": place, "seconds": seconds}
    if device == "cpu":  # counted in a run of its own, for counting takes time
        held, canvases = _counted(method, factor, place, batch_size, folder)
    else:
        held, canvases = torch.cuda.max_memory_allocated(device) - there, None
    canvas = CHANNELS * NATIVE.times(factor).area * 4
    sizes = {"canvas_bytes": canvas, "canvases_bytes": canvases, "device_bytes": held}
    return {**run, **sizes, "anonymous_bytes": most() - loaded}


def _counted(
    method: str, factor: int, place: str, batch_size: int, folder: Path | None
) -> tuple[int, int]:
    """Bytes held by a batch, and by all that is as large as a canvas."""
    size = NATIVE.times(factor)
    with Canvases(*size) as canvases:
        held = _steps(method, factor, place, batch_size, "cpu", folder)
    return held, canvases.peak


def _steps(
    method: str, factor: int, place: str, batch_size: int, device: str, folder: Path | None
) -> int:
    """Two steps of the last stage; what the largest batch held, where that is counted."""
    size, stage = NATIVE.times(factor), _last(method, NATIVE.times(factor))
    if place == "disk":
        home = mapped(1, folder=folder or tempfile.gettempdir(), dtype=torch.float32)
    else:
        home = torch.zeros(1, device=device if place == "device" else "cpu")
    x0, noise = (blank(home, 1, CHANNELS, *size) for _ in range(2))
    reference = Reference(x0, noise.normal_())
    canvases = {each.untyped_storage().data_ptr() for each in (x0, noise)}
    counting = Counting(Batches(batch_size, torch.device(device)), canvases)
    levels = schedule(Toy().card.scheduler, STEPS)
    question = Query(
        step=levels.steps[0],
        cond=Cond(torch.zeros(1, 1, 1)),
        canvas=size,
        final=size,
        run=counting if device == "cpu" else counting.batches,
    )
    x, denoise = reference.at(levels.steps[2]).x, stage.denoiser(reference)
    del x0, noise, reference  # as in a run: who needs them has them
    for tick in diffuse(x, denoise, levels.steps[2:4], levels.solver, question):
        x = tick.x
        del tick
    return max(counting.peaks, default=0)


def _last(method: str, size: Size) -> Stage:
    network = CFG(Quick(), 1.0)
    *_, last = METHODS[method]().stages(network, size)
    return last


def table(result: Mapping[str, Any]) -> str:
    """Markdown: a caption, and a row for each method, size and place."""
    heads = ("method", "side", "canvas MB", "kept", "device MB", "anonymous MB", "canvases", "s")
    rows = [heads, ("---", "---", "---:", "---", *("---:",) * 4)]
    rows += [_row(run) for run in result["runs"]]
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    facts = result["machine"]
    where = facts["gpu"] or f"{facts['processor']}, {facts['cores']} cores"
    caption = f"{where}; batches of {result['batch_size']} views."
    return "\n".join([caption, "", *lines])


def _row(run: Run) -> tuple[str, ...]:
    canvases = run["canvases_bytes"]
    return (
        run["method"],
        f"{run['factor']}x",
        f"{run['canvas_bytes'] / 1e6:.1f}",
        run["place"],
        f"{run['device_bytes'] / 1e6:.1f}",
        f"{run['anonymous_bytes'] / 1e6:.0f}",
        "" if canvases is None else f"{canvases / run['canvas_bytes']:.1f}",
        f"{run['seconds']:.1f}",
    )


if __name__ == "__main__":
    cyclopts.run(main)
