"""What a plan says of memory and time is what a run takes."""

import os
import subprocess
import sys
import weakref
from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import muralist
from muralist import AccDiffusion, DemoFusion, MultiDiffusion, Pixelsmith, Ticked
from muralist.canvas import Size, View
from muralist.job import Job
from muralist.models import Model, Toy, suited
from muralist.models.blank import Call
from muralist.models.prompt import Prompt
from muralist.models.weightless import weightless
from muralist.place import canvas_bytes
from muralist.planning import plan, work
from muralist.planning.calibration import calibrated
from muralist.planning.footprint import Fused, footprint
from muralist.planning.held import Held
from muralist.query import Estimate, Query
from tests.laws.parts import METHODS, TOY, Watched, events, toy_request

KINDS = {
    "MultiDiffusion": MultiDiffusion(),
    "DemoFusion": DemoFusion(),
    "AccDiffusion": AccDiffusion(),
    "Pixelsmith": Pixelsmith(slider=2),
    "Pixelsmith, as released": Pixelsmith(slider=2, patches="relay"),
}


# --- canvases ----------------------------------------------------------------------------------


def at_once(estimate: Estimate, q: Query) -> Estimate:
    return Estimate(estimate.x, estimate.x.clone())


@dataclass(frozen=True)
class Quick(Toy):
    """Answers at once."""

    def __call__(self, x: Tensor, q: Query) -> Estimate:
        return at_once(Estimate(x, x), q)


class Living(TorchDispatchMode):
    """The most bytes behind all tensors that live at once.

    Every tensor that an operation returns is held weakly, and all that are left are added up after
    each operation.
    """

    def __init__(self) -> None:
        super().__init__()
        self.tensors, self.peak = weakref.WeakSet[Any](), 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor):
                self.tensors.add(_Same(tensor))
        alive = {one.storage: one.nbytes for one in self.tensors if one.tensor() is not None}
        self.peak = max(self.peak, sum(alive.values()))
        return result


class _Same:
    """A tensor by identity: tensors compare cell by cell. Lives as long as it does."""

    def __init__(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        self.storage, self.nbytes = storage.data_ptr(), storage.nbytes()
        self.tensor = weakref.ref(tensor)
        tensor.__dict__.setdefault("_same", []).append(self)


def held_by_a_run(request: muralist.Request) -> int:
    """Until the last step; whoever watches keeps the last event."""
    last = len(list(request.method.stages(request.guided(Toy()), request.size)))
    with Living() as living:
        for event in muralist.generate(request):
            if isinstance(event, Ticked) and (event.stage, event.step) == (last, event.steps):
                break
    return living.peak


@pytest.mark.parametrize("solver", ["ddim", "dpmpp2m"])
@pytest.mark.parametrize("size", [Size(96, 96), Size(48, 112)], ids=str)
@pytest.mark.parametrize("method", KINDS.values(), ids=KINDS)
def test_canvases_take_what_is_planned(method, size, solver):
    request = toy_request(
        method,
        model=Quick(),
        height=size.height,
        width=size.width,
        solver=solver,
        batch_size=1,  # views of a batch are the network's
    )
    planned = plan(request).canvases
    assert planned.total == pytest.approx(held_by_a_run(request), rel=0.15)
    assert planned.canvas == size.area * 3 * 4
    assert (planned.reference > 0) == (not isinstance(method, MultiDiffusion))


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
@pytest.mark.parametrize("side", [16, 48, 160])
def test_where_canvases_go_is_decided_by_no_less_than_they_take(method, side):
    request = toy_request(method, height=side, width=side, solver="dpmpp2m")
    assert plan(request).canvas_bytes <= canvas_bytes(request)


@pytest.mark.parametrize("solver", ["pndm", "sa", "unipc"])
def test_what_diffusers_takes_to_step_and_remembers_is_planned_for(solver):
    settings = {"height": 48, "width": 56, "num_inference_steps": 5, "batch_size": 1}
    request = toy_request(DemoFusion(), model=Quick(), solver=solver, **settings)
    planned = plan(request).canvas_bytes
    assert planned == pytest.approx(held_by_a_run(request), rel=0.15)
    assert planned <= canvas_bytes(request)


def test_earlier_results_are_planned_for():
    """All but the last stage's, which is larger than each of them."""
    request = toy_request(height=64, width=64)
    sizes = [stage.size.area for stage in plan(request).stages]
    assert plan(request).canvases.earlier == sum(sizes[:-1]) * 3 * 4 > 0


def test_large_canvases_are_worked_on_in_strips_and_planned_so():
    """Beyond 16 MiB a step makes strips of a canvas, where it made canvases."""
    small, large = (
        plan(toy_request(MultiDiffusion(), height=side, width=side, canvas="ram")).canvases
        for side in (256, 4096)
    )
    assert large.working / large.canvas < small.working / small.canvas - 0.5


# --- the network -------------------------------------------------------------------------------


@pytest.mark.parametrize("settings", [{}, {"guidance_scale": 3.0}], ids=["plain", "guided"])
@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_the_network_is_called_as_planned(method, settings):
    """So many rows of such a size, so often."""
    watched = Watched(TOY)
    request = toy_request(method, model=watched, height=40, width=56, batch_size=5, **settings)
    events(request)
    called = Counter(
        Call(rows, Size(q.views[0].height, q.views[0].width) if q.views else request.size)
        for rows, q in zip(watched.rows, watched.asked, strict=True)
    )
    planned = sum((Counter(stage.calls) for stage in work(request).stages), Counter())
    if getattr(method, "crop_ids", None) == "none":  # whole pictures: nobody says where they lie
        called = Counter({Call(rows, NATIVE): times for (rows, _), times in called.items()})
    assert planned == called


NATIVE = Toy().native


def asked(model: Any, rows: int) -> None:
    cond, _ = model.encode(Prompt(prompt="a red circle"))
    size, card = model.native, model.card
    steps = muralist.Request(model=model).schedule.steps
    views = (View(0, 0, *size),) * rows
    query = Query(step=steps[0], cond=cond, canvas=size, final=size, views=views)
    model(torch.zeros(rows, card.channels, *size, device=model.device), query)


@pytest.fixture(scope="module")
def shapes(device) -> Model:
    return muralist.load("shapes", device=device, dtype=torch.float32)


@pytest.mark.parametrize("batch_size", [1, 16])
@pytest.mark.parametrize("name", ["shapes", "tiny_sdxl", "tiny_sd"])
@torch.no_grad()
def test_a_batch_and_a_tile_take_what_is_planned(request, name, batch_size):
    """In tensors; what kernels copy inside themselves is looked at from outside, below."""
    model = request.getfixturevalue(name)
    side = 2 * model.native.height * model.card.factor
    settings = {"height": side, "width": side, "batch_size": batch_size, "guidance_scale": 3.0}
    ours = muralist.Request(model=model, method=Pixelsmith(), **settings)
    planned = plan(ours, dtype=torch.float32).model
    views = min(batch_size, 9)  # nine patches cover the canvas
    networks = [model.pipe.unet, model.pipe.vae, model.pipe.text_encoder]
    weights = [each for one in networks for each in (*one.parameters(), *one.buffers())]
    latents = torch.zeros(1, 4, *ours.size, device=model.device)
    taken = []
    for run in (lambda: asked(model, 2 * views), lambda: model.decode(latents)):
        held = Held()
        held.named("weights", *weights)
        before = held.peak
        with held:
            run()
        taken.append(held.peak - before)
    assert planned.batch == pytest.approx(taken[0], rel=0.15)
    assert taken[1] <= planned.tile <= 1.4 * taken[1]  # with a copy of a convolution's input


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("batch_size", [1, 16])
def test_the_process_grows_by_what_is_planned(batch_size):
    """As the system counts. glibc is told to give back what was freed."""
    program = f"""
import torch, muralist
from muralist.bench.meter import bytes_now, forget_peak, peak_bytes
from tests.laws.test_plan import asked, plan
model = muralist.load("shapes", device="cpu", dtype=torch.float32)
with torch.no_grad():
    for run in (lambda: asked(model, 2 * {batch_size}), lambda: model.decode(latents)):
        latents = torch.zeros(1, 4, 128, 128)
        run()
        before = bytes_now("cpu")
        forget_peak("cpu")
        run()
        print(peak_bytes("cpu") - before)
"""
    environment = {"MALLOC_MMAP_THRESHOLD_": "65536", "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr
    batch, tile = map(int, done.stdout.split())
    request = muralist.Request(model="shapes", height=512, width=512, batch_size=batch_size)
    planned = plan(request, dtype=torch.float32).model
    assert planned.batch == pytest.approx(batch, rel=0.15)
    assert planned.tile == pytest.approx(tile, rel=0.15)


@pytest.mark.parametrize("name", ["shapes", "tiny_sdxl", "tiny_sd"])
def test_weights_are_those_that_are_loaded(request, name):
    model: Any = request.getfixturevalue(name)
    parts = [getattr(model.pipe, part, None) for part in model.pipe.components]
    loaded = sum(
        each.nbytes
        for part in parts
        if isinstance(part, torch.nn.Module)
        for each in (*part.parameters(), *part.buffers())
    )
    by_name, by_model = (
        footprint(muralist.Request(model=one), [Call(1, model.native)], torch.float32).weights
        for one in (model.card.name, model)
    )
    assert by_name == by_model == loaded


PUBLISHED = {  # parameters of the checkpoints' networks
    "sdxl": [2_567_463_684, 83_653_863, 123_060_480, 694_659_840],
    "sd15": [859_520_964, 83_653_863, 123_060_480],
    "sd21": [865_910_724, 83_653_863, 340_387_840],
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_named_checkpoints_are_as_large_as_they_are_published(name):
    known = weightless(name, muralist.Request(model=name).card, torch.float16)
    assert known is not None
    counts = [
        sum(each.numel() for each in network.parameters()) for network in known.networks.values()
    ]
    assert counts == PUBLISHED[name]


def test_half_the_width_takes_half_the_memory():
    request, calls = muralist.Request(model="sd15"), [Call(8, Size(64, 64))]
    wide, narrow = (footprint(request, calls, one) for one in (torch.float32, torch.float16))
    assert narrow.weights == pytest.approx(wide.weights / 2, rel=0.01)
    assert narrow.batch == pytest.approx(wide.batch / 2, rel=0.05)


def test_attention_is_planned_without_its_matrix():
    shape = 2, 8, 4096, 64
    with Fused(), Held() as held:
        query = torch.empty(shape, device="meta")
        answer = F.scaled_dot_product_attention(query, query, query)
    real = F.scaled_dot_product_attention(*[torch.zeros(1, 64, 2, 16).transpose(1, 2)] * 3)
    assert held.peak == 2 * answer.nbytes
    assert answer.shape == shape
    # and heads lie beside each other, as kernels leave them: to join them costs nothing
    assert real.transpose(1, 2).is_contiguous() and answer.transpose(1, 2).is_contiguous()


def test_perturbed_attention_asks_more_often_and_not_for_more():
    plain, perturbed = (
        work(toy_request(guidance_scale=3.0, height=16, width=16, pag_scale=scale)).stages[0].calls
        for scale in (0.0, 2.0)
    )
    assert plain == {Call(2, NATIVE): 4}
    assert perturbed == {Call(1, NATIVE): 12}


# --- places ------------------------------------------------------------------------------------


def test_bytes_are_told_by_place():
    request = toy_request(height=64, width=64)
    beside, apart, mapped = (
        plan(replace(request, canvas=place)) for place in ("device", "ram", "disk")
    )
    canvases = beside.canvas_bytes
    assert (
        beside.device["canvases"] == apart.host["canvases"] == mapped.disk["canvases"] == canvases
    )
    assert (beside.device_bytes, apart.device_bytes, mapped.device_bytes) == (canvases, 0, 0)
    assert apart.host_bytes == beside.host_bytes + canvases
    assert mapped.disk_bytes == beside.disk_bytes + canvases


def test_pixels_beyond_512_mib_are_on_the_disk():
    small, large = (
        plan(muralist.Request(model="sdxl", height=side, width=side, num_inference_steps=1))
        for side in (8192, 16384)
    )
    assert small.host["pixels"] == 8192 * 8192 * 3
    assert "pixels" not in large.host
    assert large.disk["pixels"] == 16384 * 16384 * 3


def test_a_file_takes_what_the_check_for_room_assumes():
    request = toy_request(height=64, width=64)
    taken = {ending: plan(request, out=f"a{ending}").file for ending in (".tif", ".dzi", ".jpg")}
    assert taken[".tif"] > taken[".dzi"] == taken[".jpg"] > 0


@pytest.mark.parametrize("solver", ["ddim", "dpmpp2m", "pndm"])
def test_a_job_takes_no_more_than_is_planned_and_no_less_than_half(tmp_path, solver):
    request, most = toy_request(height=96, width=96, solver=solver), 0
    for _ in muralist.generate(request, job=Job(tmp_path / "job", request, interval=0)):
        files = [each for each in (tmp_path / "job").rglob("*.safetensors")]
        most = max(most, sum(each.stat().st_size for each in files))
    planned = plan(request).disk["job"]
    assert planned / 2 <= most <= planned


def test_what_a_device_suits_is_half_as_wide_on_cuda():
    assert (suited("cuda"), suited("cpu")) == (torch.float16, torch.float32)
    assert plan(toy_request(), dtype=torch.bfloat16).dtype == torch.bfloat16


# --- time --------------------------------------------------------------------------------------


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Timed(Toy):
    """A model that takes its time: some for a call, some for a row, some for each cell decoded."""

    clock: Clock = field(default_factory=Clock)

    def __call__(self, x: Tensor, q: Query) -> Estimate:
        self.clock.now += 3 + len(x) * x.shape[-1] * x.shape[-2] / 100
        return super().__call__(x, q)

    def decode(self, latents: Tensor) -> Tensor:
        self.clock.now += latents[0, 0].numel() / 50
        return super().decode(latents)

    def encode_pixels(self, pixels: Tensor) -> Tensor:
        self.clock.now += pixels[0, 0].numel() / 70
        return super().encode_pixels(pixels)


@pytest.mark.parametrize("settings", [{}, {"guidance_scale": 3.0}], ids=["plain", "guided"])
@pytest.mark.parametrize("method", KINDS.values(), ids=KINDS)
def test_a_run_takes_the_time_that_was_foretold(method, settings):
    """By a clock that only the model moves: stage by stage, and to the end."""
    model = Timed()
    request = toy_request(method, model=model, height=48, width=40, batch_size=5, **settings)
    foretold = calibrated(request, work(request).stages, model.clock)
    assert foretold.measuring == model.clock.now
    model.clock.now, ends = 0.0, [0.0]
    for event in muralist.generate(request):
        if isinstance(event, muralist.StageDone):
            ends.append(model.clock.now)
    stages = [after - before for before, after in pairwise(ends)]
    assert foretold.stages == pytest.approx(stages)
    assert foretold.total == pytest.approx(model.clock.now)


# --- the counter -------------------------------------------------------------------------------


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_what_is_held_is_counted_until_it_is_gone(device):
    with Held() as held:
        first = torch.zeros(100, device=device)
        window = first[50:]
        del first  # the window keeps all of it
        second = window + 1
        held.named("second", second)
        assert held.peak == 400 + 200
        assert held.at_peak == {"": 600}
        del window
        third = torch.zeros(160, device=device)
        assert held.peak == 200 + 640
        assert held.at_peak == {"": 640, "second": 200}
        del second, third
        with held.aside():
            torch.zeros(10_000, device=device)
        torch.zeros(10, device=device)
    assert held.peak == 840
