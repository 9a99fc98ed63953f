"""Stable Diffusion 1 and 2, small: every method, networks of noise and of velocity."""

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor

import muralist
from muralist import AccDiffusion, DemoFusion, Request
from muralist.canvas import Size
from muralist.models import card
from muralist.models.prompt import Prompt
from muralist.patches import Probe
from tests.laws.parts import ALONE, METHODS, distance, normal, painted, query

SD21 = {  # what sets its network apart from SD 1.5's
    "attention_head_dim": [2, 4],
    "use_linear_projection": True,
    "upcast_attention": True,
    "sample_size": 24,
}
ZERO_SNR = {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
EVERY_METHOD = pytest.mark.parametrize("method", ALONE.values(), ids=ALONE)


def pipeline(
    tiny_sd: Any, network: Mapping[str, Any], scheduler: Mapping[str, Any]
) -> StableDiffusionPipeline:
    parts = dict(tiny_sd.pipe.components)
    torch.manual_seed(5)
    parts["unet"] = UNet2DConditionModel.from_config({**parts["unet"].config, **network})
    parts["scheduler"] = DDIMScheduler.from_config(parts["scheduler"].config, **scheduler)
    pipe = StableDiffusionPipeline(**parts, requires_safety_checker=False)
    return pipe.to(tiny_sd.device)


def of_velocity(pipe: StableDiffusionPipeline) -> StableDiffusionPipeline:
    """The same network, whose answers about noise are said as velocities (Salimans, Ho, 2022)."""
    changed = {"prediction_type": "v_prediction"}
    scheduler = DDIMScheduler.from_config(pipe.scheduler.config, **changed)
    kept = scheduler.alphas_cumprod.double()

    def said(network: Any, given: tuple, output: tuple) -> tuple:
        x, timestep = given[0].double(), int(given[1][0])
        alpha, sigma = kept[timestep].sqrt(), (1 - kept[timestep]).sqrt()
        noise = output[0].double()
        picture = (x - sigma * noise) / alpha
        return ((alpha * noise - sigma * picture).float(),)

    network = copy.deepcopy(pipe.unet)
    network.register_forward_hook(said)
    parts = {**pipe.components, "unet": network, "scheduler": scheduler}
    return StableDiffusionPipeline(**parts, requires_safety_checker=False)


def asked(pipe: StableDiffusionPipeline, method: Any, **settings: Any) -> Request:
    height, width = 160, 128
    settings = {"height": height, "width": width, "num_inference_steps": 2, **settings}
    return Request(
        model=muralist.wrap(pipe),
        prompt="a red cat and a corgi",
        negative_prompt="blurry",
        method=method,
        guidance_scale=3.0,
        **settings,
    )


def unblurred(method: Any) -> Any:
    """DemoFusion carries an answer, noise or velocity, from a blurred x to x: here they differ."""
    if isinstance(method, DemoFusion):
        return replace(method, sigma=1e-3)
    if isinstance(method, AccDiffusion):
        return replace(method, demofusion=unblurred(method.demofusion))
    return method


@EVERY_METHOD
def test_noise_and_velocity_are_two_words_for_one_picture(tiny_sd, method):
    pipe = pipeline(tiny_sd, {"sample_size": 12}, {"timestep_spacing": "trailing"})
    request = asked(pipe, unblurred(method))
    ours = painted(request)
    theirs = painted(replace(request, model=muralist.wrap(of_velocity(pipe))))
    for one, other in zip(ours.stages, theirs.stages, strict=True):
        # x0 of pure noise is its rounding, divided by an alpha of 0.07
        assert distance(one.latents, other.latents) < 2e-3


def test_velocities_taken_for_noise_paint_another_picture(tiny_sd):
    """So that the law above can fail."""
    pipe = pipeline(tiny_sd, {"sample_size": 12}, {"timestep_spacing": "trailing"})
    wrong = of_velocity(pipe)
    wrong.scheduler = pipe.scheduler
    method = METHODS["MultiDiffusion"]
    ours, theirs = (painted(asked(each, method)).latents for each in (pipe, wrong))
    assert distance(ours, theirs) > 0.1


@EVERY_METHOD
def test_every_method_paints_from_pure_noise_with_a_network_like_sd_21s(tiny_sd, method):
    pipe = pipeline(tiny_sd, SD21, {**ZERO_SNR, "prediction_type": "v_prediction"})
    request = asked(pipe, method, height=320, width=256)
    assert request.schedule.steps[0].alpha == pytest.approx(0, abs=1e-6)
    picture = painted(request)
    assert picture.stages[-1].latents.shape[-2:] == (40, 32)
    assert all(bool(stage.latents.isfinite().all()) for stage in picture.stages)


@pytest.mark.parametrize(("name", "side"), [("sd15", 512), ("sd21", 768)])
def test_native_sizes_are_those_of_the_checkpoints(name, side):
    facts = card(name)
    assert facts.native.times(facts.factor) == Size(side, side)
    predictions = {"sd15": "epsilon", "sd21": "v_prediction"}
    assert facts.scheduler["prediction_type"] == predictions[name]


class Keeping(AttnProcessor):
    """diffusers' plain attention, which asks the layer for its weights, and keeps them."""

    def __init__(self, kept: list):
        self.kept = kept

    def __call__(self, attn, hidden_states, encoder_hidden_states=None, **others):
        scores = attn.get_attention_scores
        if encoder_hidden_states is not None:
            attn.get_attention_scores = lambda *given: (
                self.kept.append(scores(*given)) or (self.kept[-1])
            )
        try:
            return super().__call__(attn, hidden_states, encoder_hidden_states, **others)
        finally:
            vars(attn).pop("get_attention_scores", None)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=str)
def test_the_probe_hears_what_upcast_attention_computes(tiny_sd, dtype):
    """Heads of another width, linear projections, weights in float32: as the layers do."""
    pipe = pipeline(tiny_sd, SD21, {"prediction_type": "v_prediction"})
    pipe.unet.to(dtype)
    model, probe, kept = muralist.wrap(pipe), Probe(), []
    x, size = normal(1, 4, 24, 24, dtype=torch.float32), Size(24, 24)
    q = query(size, asked(pipe, METHODS["AccDiffusion"]).schedule.steps[0])
    q = replace(q, cond=model.encode(Prompt(prompt="a red cat and a corgi"))[0])
    layers = [layer for name, layer in pipe.unet.named_modules() if name.endswith("attn2")]
    heard = [layer for layer in layers if layer is not layers[-1]]  # the middle comes last
    assert all(layer.upcast_attention for layer in layers)
    with torch.no_grad():
        with probe(pipe.unet, x, q):
            model(x, q)
        for layer in heard:
            layer.set_processor(Keeping(kept))
        model(x, q)
    expected = torch.stack([weights.float().mean(0) for weights in kept]).mean(0).T
    assert probe.maps is not None
    close = {"rtol": 1e-5, "atol": 1e-7} if dtype == torch.float32 else {"rtol": 4e-3, "atol": 1e-5}
    torch.testing.assert_close(probe.maps.flatten(1), expected.float(), **close)
