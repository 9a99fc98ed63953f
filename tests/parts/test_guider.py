"""diffusers' guiders as ours: the same answers as theirs, and a network left as it was."""

from dataclasses import replace

import pytest
import torch
from diffusers import guiders

import muralist
from muralist import AccDiffusion, BadRequest, MultiDiffusion, Request
from muralist.canvas import Size
from muralist.denoisers import CFG, Guider
from muralist.patches import Probe
from muralist.planning import plan
from tests.laws.parts import Bare, distance, normal, painted, toy_request
from tests.parts.test_cfg import PREDICTIONS, answered, asked

MODELS = pytest.mark.parametrize("fixture", ["tiny_sdxl", "tiny_sd"])


@pytest.mark.parametrize("prediction", PREDICTIONS)
@pytest.mark.parametrize("rescale", [0.0, 0.7])
def test_their_classifier_free_guidance_is_ours(prediction, rescale):
    x, q = normal(2, 3, 8, 8), asked(prediction)
    theirs = guiders.ClassifierFreeGuidance(guidance_scale=5.0, guidance_rescale=rescale)
    ours = CFG(answered, 5.0, rescale)(x, q)
    torch.testing.assert_close(Guider(Bare(answered), theirs)(x, q), ours)


@pytest.mark.parametrize("scale", [1.5, 4.0])
def test_it_can_be_led_at_another_scale(scale):
    x, q = normal(2, 3, 8, 8), asked()
    led = Guider(Bare(answered), guiders.ClassifierFreeGuidance(guidance_scale=5.0)).led(scale)
    torch.testing.assert_close(led(x, q), CFG(answered, scale)(x, q))


@pytest.mark.parametrize("scale", [0.0, 0.5, 1.0])
def test_perturbed_attention_is_not_led_without_guidance(scale):
    method = AccDiffusion(window_guidance_scale=scale)
    with pytest.raises(BadRequest, match="beside perturbed attention it is above 1"):
        Request(pag_scale=3.0, method=method)


@MODELS
def test_perturbed_attention_at_native_size_is_that_of_diffusers_pipelines(fixture, request):
    import diffusers

    model = request.getfixturevalue(fixture)
    kind = {
        "tiny_sdxl": diffusers.StableDiffusionXLPAGPipeline,
        "tiny_sd": diffusers.StableDiffusionPAGPipeline,
    }[fixture]
    pipe = kind.from_pipe(model.pipe, pag_applied_layers=["mid"])
    pipe.set_progress_bar_config(disable=True)
    settings = {
        "prompt": "a cat",
        "height": 256,
        "width": 256,
        "num_inference_steps": 4,
        "guidance_scale": 5.0,
    }
    drawn = normal(1, 4, 32, 32, dtype=torch.float32).to(model.device)
    theirs = pipe(latents=drawn.clone(), pag_scale=3.0, output_type="latent", **settings).images
    asked = toy_request(MultiDiffusion(), model=model, **settings)
    without = painted(asked, latents=drawn).latents
    ours = painted(replace(asked, pag_scale=3.0), latents=drawn).latents
    assert distance(ours, theirs) < 1e-4
    assert distance(ours, without) > 1e-2


@MODELS
def test_the_network_is_left_as_it_was_also_when_it_fails(fixture, request, monkeypatch):
    model = request.getfixturevalue(fixture)
    x, q = normal(1, 4, 16, 16, dtype=torch.float32), _about(model)
    before = model(x, q)
    guided = Guider.pag(model, 5.0, 3.0)
    first = guided(x, q)
    assert torch.equal(model(x, q).x0, before.x0)
    calls, ask = [], type(model).__call__

    def failing(self, *about):
        calls.append(about)
        if len(calls) == 3:  # the one without attention
            raise RuntimeError("on purpose")
        return ask(self, *about)

    monkeypatch.setattr(type(model), "__call__", failing)
    with pytest.raises(RuntimeError, match="on purpose"):
        guided(x, q)
    monkeypatch.undo()
    assert torch.equal(model(x, q).x0, before.x0)
    assert torch.equal(guided(x, q).x0, first.x0)


@MODELS
def test_the_probe_hears_the_prompt_alone(fixture, request):
    model = request.getfixturevalue(fixture)
    x, q = normal(1, 4, 16, 16, dtype=torch.float32), _about(model)
    maps = []
    for guided in (CFG(model, 5.0), Guider.pag(model, 5.0, 3.0)):
        probe = Probe()
        with torch.no_grad(), probe(model.network, x, q):
            guided(x, q)
        maps.append(probe.maps)
    torch.testing.assert_close(*maps)


def test_perturbed_attention_asks_a_third_time():
    request = Request(height=128, width=128, num_inference_steps=3, pag_scale=3.0)
    assert plan(request).samples == 3 * 3
    assert plan(request).evaluations == 3


def test_guiders_with_momentum_are_refused():
    momentum = guiders.AdaptiveProjectedGuidance(adaptive_projected_guidance_momentum=-0.5)
    with pytest.raises(BadRequest, match=r"momentum is -0\.5; views share no momentum"):
        Guider(Bare(answered), momentum)
    Guider(Bare(answered), guiders.AdaptiveProjectedGuidance())


@pytest.mark.parametrize("settings", [{"guidance_scale": 1.0}, {"guidance_interval": (0.0, 0.5)}])
def test_perturbed_attention_alone_is_refused(settings):
    with pytest.raises(BadRequest, match=r"pag_scale is 3\.0; it needs a guidance_scale above 1"):
        Request(pag_scale=3.0, **settings)


def _about(model: muralist.Model):
    from tests.parts.test_probe import asked

    return asked(model, Size(16, 16))
