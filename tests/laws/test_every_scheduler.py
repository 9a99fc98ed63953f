"""Every method paints under every scheduler, in few steps too, and is taken up wherever it was."""

import copy

import diffusers
import pytest
import torch

import muralist
from muralist import DemoFusion, MultiDiffusion, Request, Ticked
from muralist.solvers.schedule import SOLVERS
from tests.laws.parts import METHODS, distance, normal, painted, toy_request

EVERY_SOLVER = pytest.mark.parametrize("solver", SOLVERS)
KINDS = {type(method): method for method in reversed(METHODS.values())}  # the first of each
EVERY_METHOD = pytest.mark.parametrize("method", KINDS.values(), ids=lambda one: type(one).__name__)


def small(method, solver, **settings):
    settings = {"height": 24, "width": 20, "num_inference_steps": 3, **settings}
    return toy_request(method, solver=solver, **settings)


@EVERY_SOLVER
@EVERY_METHOD
def test_every_method_paints_under_every_scheduler(method, solver):
    picture = painted(small(method, solver))
    assert all(bool(stage.latents.isfinite().all()) for stage in picture.stages)


@EVERY_SOLVER
def test_the_batch_size_does_not_change_what_a_scheduler_draws(solver):
    one, many = (painted(small(DemoFusion(), solver, batch_size=size)).latents for size in (1, 9))
    assert distance(one, many) < 1e-4


@EVERY_SOLVER
@pytest.mark.parametrize("method", [DemoFusion(), DemoFusion(strength=0.7)], ids=["whole", "late"])
def test_a_run_that_is_stopped_goes_on_to_the_same_picture(method, solver, tmp_path):
    request = small(method, solver, num_inference_steps=4)
    whole, count = painted(request), 0
    while True:
        ticks = 0
        for event in (run := muralist.generate(request, job=tmp_path)):
            ticks += isinstance(event, Ticked)
            if ticks == 2:
                run.close()
                break
        else:
            break
        count += 1
    assert count > 1
    assert torch.equal(event.picture.latents, whole.latents)


@EVERY_SOLVER
def test_a_canvas_on_the_disk_is_stepped_as_one_in_memory(solver, tmp_path, monkeypatch):
    monkeypatch.setattr("muralist.strips.STRIP", 900)
    here, there = (small(DemoFusion(), solver, canvas=place) for place in ("device", "disk"))
    assert torch.equal(painted(here).latents, painted(there, spool=tmp_path).latents)
    assert list(tmp_path.iterdir()) == []


@EVERY_SOLVER
def test_a_picture_under_any_scheduler_can_be_planned(solver):
    plan = muralist.plan(small(DemoFusion(), solver))
    calls = sum(isinstance(e, Ticked) for e in muralist.generate(small(DemoFusion(), solver)))
    assert sum(stage.steps for stage in plan.stages) == calls


@pytest.mark.parametrize(
    "scheduler",
    [
        diffusers.EDMDPMSolverMultistepScheduler(sigma_max=80.0, sigma_min=0.002),
        diffusers.EDMEulerScheduler(),
        diffusers.UniPCMultistepScheduler(timestep_spacing="trailing"),
        diffusers.PNDMScheduler(skip_prk_steps=True, steps_offset=1),
    ],
    ids=lambda one: type(one).__name__,
)
def test_sdxl_paints_as_its_own_pipeline_does(tiny_sdxl, scheduler):
    """With latents of a mean and a spread by channel, as Playground v2.5 has them."""
    parts = {**tiny_sdxl.pipe.components, "scheduler": scheduler}
    parts["vae"] = copy.deepcopy(parts["vae"])
    parts["vae"].register_to_config(latents_mean=[-1.6, 0.1, 2.6, 0.2], latents_std=[8, 5, 6, 4])
    pipe = diffusers.StableDiffusionXLPipeline(**parts)
    pipe.set_progress_bar_config(disable=True)
    side = tiny_sdxl.native.height * 8
    noise = normal(1, 4, *tiny_sdxl.native, dtype=torch.float32)
    asked = {"prompt": "a red cat", "height": side, "width": side, "guidance_scale": 3.0}
    ours = painted(
        Request(model=muralist.wrap(pipe), method=MultiDiffusion(), num_inference_steps=3, **asked),
        latents=noise,
    )
    theirs = pipe(**asked, num_inference_steps=3, latents=noise, output_type="pt").images
    shades = torch.from_numpy(ours.pixels).permute(2, 0, 1) / 255
    assert float((shades - theirs[0].cpu()).abs().max()) < 1.5 / 255


def test_pictures_are_encoded_to_latents_that_decode_to_them(tiny_sdxl):
    """The same mean and spread, backwards."""
    pipe = diffusers.StableDiffusionXLPipeline(**tiny_sdxl.pipe.components)
    pipe.vae = copy.deepcopy(pipe.vae)
    pixels, model = normal(1, 3, 64, 64, dtype=torch.float32).sigmoid(), muralist.wrap(pipe)
    plain = model.encode_pixels(pixels)
    mean, spread = torch.tensor([-1.6, 0.1, 2.6, 0.2]), torch.tensor([8.0, 5.0, 6.0, 4.0])
    pipe.vae.register_to_config(latents_mean=mean.tolist(), latents_std=spread.tolist())
    scale = pipe.vae.config.scaling_factor
    expected = (plain / scale - mean.view(-1, 1, 1)) / spread.view(-1, 1, 1) * scale
    torch.testing.assert_close(model.encode_pixels(pixels), expected, rtol=1e-5, atol=1e-6)
