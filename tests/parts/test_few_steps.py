"""Distilled networks: few steps, a guidance scale that is told or off, and every method."""

from dataclasses import replace

import pytest
import torch
from diffusers import LCMScheduler, StableDiffusionPipeline, UNet2DConditionModel

import muralist
from muralist import BadRequest, DemoFusion, MultiDiffusion, Pixelsmith, Request
from muralist.models import card
from muralist.models.prompt import Prompt
from muralist.query import Estimate
from muralist.solvers.schedule import schedule
from tests.laws.parts import METHODS, SCHEDULER, Watched, distance, painted, query, toy_request

FEW = {  # as published for LCM-LoRA, SDXL Turbo, SDXL Lightning, Hyper-SD, TCD
    "LCM": {"_class_name": "LCMScheduler"},
    "Turbo": {
        "_class_name": "EulerAncestralDiscreteScheduler",
        "timestep_spacing": "trailing",
    },
    "Lightning": {"_class_name": "EulerDiscreteScheduler", "timestep_spacing": "trailing"},
    "Hyper": {"_class_name": "DDIMScheduler", "timestep_spacing": "trailing"},
    "TCD": {"_class_name": "TCDScheduler"},
}


SHOWN = ("DemoFusion", "DemoFusion, entered half way", "AccDiffusion", "MultiDiffusion")
KINDS = {name: METHODS[name] for name in SHOWN} | {"Pixelsmith": Pixelsmith()}


def toy_with(scheduler):
    toy = muralist.models.Toy()
    return replace(toy, card=replace(toy.card, scheduler={**SCHEDULER, **scheduler}))


@pytest.mark.parametrize("steps", [1, 2, 4])
@pytest.mark.parametrize("scheduler", FEW.values(), ids=FEW)
@pytest.mark.parametrize("method", KINDS.values(), ids=KINDS)
def test_every_method_paints_in_few_steps(method, scheduler, steps):
    model = toy_with(scheduler)
    settings = {"height": 20, "width": 24, "num_inference_steps": steps}
    if isinstance(method, DemoFusion) and int(method.strength * steps) < 1:
        with pytest.raises(BadRequest, match="of 1 steps leaves no step"):
            toy_request(method, model=model, **settings)
        return
    picture = painted(toy_request(method, model=model, **settings))
    assert all(bool(stage.latents.isfinite().all()) for stage in picture.stages)


@pytest.mark.parametrize("steps", [1, 2, 4])
@pytest.mark.parametrize("scheduler", FEW.values(), ids=FEW)
@pytest.mark.parametrize("method", [MultiDiffusion(), Pixelsmith()], ids=["windows", "patches"])
def test_views_that_agree_on_a_picture_paint_it(method, scheduler, steps):
    """Whatever x is: what is left is the noise of the first training timestep."""
    grey = Watched(toy_with(scheduler), lambda e, q: Estimate(e.x, torch.full_like(e.x0, 0.3)))
    request = toy_request(
        method, model=grey, height=24, width=20, num_inference_steps=steps, guidance_scale=0.0
    )
    assert float((painted(request).latents - 0.3).abs().max()) < 0.05 * 4


@pytest.mark.parametrize("scale", [0.0, 0.5, 1.0])
def test_scales_up_to_1_ask_about_the_prompt_alone(tiny_sd, scale):
    watched = Watched(tiny_sd)
    request = Request(
        model=watched,
        prompt="a red cat",
        height=64,
        width=64,
        method=MultiDiffusion(),
        num_inference_steps=1,
        guidance_scale=scale,
    )
    painted(request)
    assert watched.rows == [1]
    assert torch.equal(
        watched.asked[0].cond.embeds, tiny_sd.encode(Prompt(prompt="a red cat"))[0].embeds
    )


@pytest.fixture(scope="module")
def distilled(tiny_sd):
    """The tiny pipeline with a network that is told the guidance scale."""
    torch.manual_seed(3)
    unet = UNet2DConditionModel.from_config({**tiny_sd.pipe.unet.config, "time_cond_proj_dim": 31})
    parts = {**tiny_sd.pipe.components, "unet": unet}
    pipe = StableDiffusionPipeline(**parts, requires_safety_checker=False)
    pipe.scheduler = LCMScheduler.from_config(pipe.scheduler.config, clip_sample=False)
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.mark.parametrize("scale", [1.0, 3.0, 8.5])
def test_a_distilled_network_is_told_the_scale_as_by_diffusers(distilled, scale):
    model = Watched(muralist.wrap(distilled))
    height, width = (side * 8 for side in model.native)
    noise = torch.randn(1, 4, *model.native, generator=torch.Generator().manual_seed(2))
    ours = painted(
        Request(
            model=model,
            prompt="a red cat",
            height=height,
            width=width,
            method=MultiDiffusion(),
            num_inference_steps=1,
            guidance_scale=scale,
        ),
        latents=noise,
    )
    theirs = distilled(
        "a red cat",
        height=height,
        width=width,
        num_inference_steps=1,
        guidance_scale=scale,
        latents=noise,
        output_type="latent",
    ).images
    assert distance(ours.latents, theirs) < 1e-4
    assert model.rows == [1]


def test_scales_make_other_pictures_of_a_distilled_network(distilled):
    model = muralist.wrap(distilled)
    x, q = torch.ones(1, 4, 8, 8), query(model.native, schedule(model.card.scheduler, 4).steps[0])
    q = replace(q, cond=model.encode(Prompt(prompt="a red cat"))[0])
    with torch.no_grad():
        low, high = (model(x, replace(q, told=scale)).x0 for scale in (1.0, 8.0))
    assert distance(low, high) > 1e-3


def test_defaults_suit_distilled_networks(distilled, tiny_sd):
    facts = muralist.wrap(distilled).card
    assert (facts.distilled, facts.num_inference_steps, facts.guidance_scale) == (True, 4, 8.5)
    pipe = StableDiffusionPipeline(**tiny_sd.pipe.components, requires_safety_checker=False)
    pipe.scheduler = LCMScheduler.from_config(pipe.scheduler.config, clip_sample=False)
    facts = muralist.wrap(pipe).card
    assert (facts.distilled, facts.num_inference_steps, facts.guidance_scale) == (False, 4, 1.0)
    facts = card("sd15")
    assert (facts.distilled, facts.num_inference_steps, facts.guidance_scale) == (False, 50, 7.5)


def test_perturbed_attention_beside_distilled_guidance_is_refused(distilled):
    with pytest.raises(BadRequest, match=r"pag_scale is 3\.0; .* was distilled with guidance"):
        Request(model=muralist.wrap(distilled), pag_scale=3.0)
