"""What a picture holds beside the network, and where its canvases are kept."""

import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from benchmarks.memory import Counting

import muralist
from muralist import DemoFusion, Pixelsmith
from muralist.canvas import View
from muralist.guides import Reference
from muralist.models import Toy
from muralist.place import canvas_bytes, canvas_place
from muralist.planning import plan
from muralist.query import Cond, Estimate, Query
from muralist.run import Batches
from tests.laws.parts import toy_request

BATCH = 2


def held_by_the_device(method, factor: int) -> int:
    """Most bytes of pictures alive at once between a batch's arrival and its answer.

    With the canvas in host memory, nothing else of a picture is on the device.
    """
    side = 16 * factor
    request = toy_request(method, height=side, width=side)
    *_, last = request.method.stages(request.guided(Toy()), request.size)
    x0, noise = torch.randn(1, 3, side, side), torch.randn(1, 3, side, side)
    canvases = {each.untyped_storage().data_ptr() for each in (x0, noise)}
    counting = Counting(Batches(BATCH, torch.device("cpu")), canvases)
    denoise = last.denoiser(Reference(x0, noise))
    nothing = Cond(torch.zeros(1, 1, 1))
    for step in request.schedule.steps:
        question = Query(step=step, cond=nothing, canvas=last.size, final=last.size, run=counting)
        denoise(noise, question)
    return max(counting.peaks)


@pytest.mark.parametrize("patches", ["few", "random", "relay"])
def test_pixelsmith_costs_the_device_one_batch_whatever_the_picture(patches):
    method = Pixelsmith(patches=patches)
    small, large = held_by_the_device(method, 2), held_by_the_device(method, 8)
    assert 0 < large <= small


# Paints two steps of each stage, on a canvas of some cells a side, with so many bytes of memory
# left for anything but mapped files: what is beyond them is refused by the system.
LIMITED = """
import resource, sys
from dataclasses import dataclass, replace
from pathlib import Path
import muralist
from muralist import {method}
from muralist.canvas import Size
from muralist.models import Toy
from muralist.query import Estimate
from muralist.stage import bicubic

class Quick(Toy):
    def __call__(self, x, q):
        return Estimate(x, x / 2)

@dataclass(frozen=True)
class Within:  # latents, where the method may go through pixels
    inner: object
    def stages(self, model, size):
        for stage in self.inner.stages(model, size):
            yield replace(stage, begin=bicubic)

def paint(side, place):
    model = Quick(card=replace(Toy().card, native=Size(512, 512)))
    request = muralist.Request(
        model=model, method=Within({method}()), height=side, width=side,
        num_inference_steps=2, batch_size=1, canvas=place,
    )
    for event in muralist.generate(request, spool=sys.argv[1]):
        if isinstance(event, muralist.Ticked) and event.latents.shape[-1] == side:
            if event.step == event.steps:
                return

paint(520, "disk")  # all that is imported and started for any picture
told = Path("/proc/self/status").read_text().split("VmData:")[1]
limit = int(told.split()[0]) * 1024 + {left} * 2**20
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
paint(2048, "{place}")
"""


def painted_within_96_mib(method: str, place: str, folder) -> subprocess.CompletedProcess:
    """A canvas of 48 MiB."""
    program = LIMITED.format(method=method, place=place, left=96)
    return subprocess.run(
        [sys.executable, "-c", program, str(folder)], capture_output=True, text=True
    )


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
@pytest.mark.parametrize("method", ["AccDiffusion", "DemoFusion", "MultiDiffusion", "Pixelsmith"])
def test_canvases_on_the_disk_take_no_memory(method, tmp_path):
    """There are five and more at a time, and two of them would be all there is."""
    run = painted_within_96_mib(method, "disk", tmp_path)
    assert run.returncode == 0, run.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
def test_canvases_in_memory_do(tmp_path):
    """So that the one before can fail."""
    run = painted_within_96_mib("MultiDiffusion", "ram", tmp_path)
    assert run.returncode != 0
    assert "memory" in run.stderr


def test_batches_go_to_the_device_and_answers_come_back():
    """A device that computes shapes only, as far as it can be told apart without a GPU."""
    asked = []

    def inner(x, q):
        asked.append((x.device.type, tuple(x.shape)))
        return Estimate(torch.zeros(x.shape), torch.zeros(x.shape))

    request = toy_request(DemoFusion(), height=32, width=32)
    *_, last = request.method.stages(request.guided(Toy()), request.size)
    runner = Batches(BATCH, torch.device("meta"))
    views = [View(0, at, 16, 16) for at in range(0, 17, 4)]
    question = Query(
        step=request.schedule.steps[0],
        cond=Cond(torch.zeros(1, 1, 1)),
        canvas=last.size,
        final=last.size,
    )
    parts = list(runner(inner, torch.zeros(1, 3, 32, 32), question, views))
    assert asked == [("meta", (BATCH, 3, 16, 16))] * 2 + [("meta", (1, 3, 16, 16))]
    assert {part.x.device.type for _, part in parts} == {"cpu"}
    assert [view for view, _ in parts] == views


def test_canvases_move_to_host_memory_once_they_are_large_beside_the_device():
    small = muralist.Request(model="sdxl", height=4096, width=4096)
    large = muralist.Request(model="sdxl", height=32768, width=32768, method=Pixelsmith())
    assert plan(small).canvas_place == "device"
    assert canvas_bytes(large) > 1 << 30
    assert canvas_place(large) in ("ram", "disk")  # as large as this machine is
    assert canvas_place(replace(large, canvas="device")) == "device"


def test_canvases_move_to_the_disk_where_they_would_fill_more_than_half_of_the_memory(monkeypatch):
    def machine(total):
        return lambda: SimpleNamespace(total=total)

    request = muralist.Request(model="sdxl", height=32768, width=32768, method=Pixelsmith())
    for total, place in ((2 * canvas_bytes(request), "ram"), (canvas_bytes(request), "disk")):
        monkeypatch.setattr("psutil.virtual_memory", machine(total))
        assert canvas_place(request) == place
        assert canvas_place(replace(request, canvas="ram")) == "ram"


def test_another_place_is_refused():
    with pytest.raises(ValueError, match="canvas is 'tape'; device or ram or disk is needed"):
        toy_request(canvas="tape")
