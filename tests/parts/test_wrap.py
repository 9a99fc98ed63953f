"""Pipelines as their owners have them: painted with as they are, and left as they were."""

import pickle
from dataclasses import replace
from types import SimpleNamespace

import diffusers
import pytest
import torch
from accelerate.hooks import ModelHook, add_hook_to_module
from diffusers.models.attention_processor import AttnProcessor, AttnProcessor2_0

import muralist
from muralist import AccDiffusion, DemoFusion, MultiDiffusion, UnsupportedModel
from muralist.canvas import Size
from muralist.models.prompt import Prompt
from muralist.models.unet import decode, encode_pixels
from muralist.patches import Probe
from tests.checkpoints import DATA, controlnet, ip_adapter, lora
from tests.laws.parts import distance, normal, painted, query, toy_request

SD, SDXL = "StableDiffusion", "StableDiffusionXL"
SIBLINGS = ["Img2Img", "ControlNet", "ControlNetImg2Img"]


@pytest.fixture(params=["tiny-sd", "tiny-sdxl"])
def model(request, device):
    """One that may be changed."""
    return muralist.load(str(DATA / request.param), device=device, dtype=torch.float32)


def picture(model, method=None, **settings):
    method = method or MultiDiffusion(window=24, stride=12)
    settings = {"height": 264, "width": 200, "num_inference_steps": 2, **settings}
    return painted(toy_request(method, model=model, prompt="a red cat", **settings)).latents


def sibling(pipe, way: str, tmp_path, **given):
    """A pipeline of another way to paint with the same networks."""
    family = SDXL if hasattr(pipe, "text_encoder_2") else SD
    if "ControlNet" in way:
        net = diffusers.ControlNetModel.from_pretrained(controlnet(tmp_path / "net", pipe))
        given["controlnet"] = net.to(pipe.device)
    return getattr(diffusers, f"{family}{way}Pipeline")(**{**pipe.components, **given})


@pytest.mark.parametrize("way", SIBLINGS)
def test_siblings_paint_as_the_pipeline_from_text(model, way, tmp_path):
    wrapped = muralist.wrap(sibling(model.pipe, way, tmp_path))
    assert torch.equal(picture(wrapped), picture(model))
    assert wrapped.card.controlnets == int("ControlNet" in way)
    assert wrapped.card.pipeline == model.card.pipeline


def test_somebodys_own_kind_of_a_pipeline_is_wrapped(model):
    kind = type("Mine", (type(model.pipe),), {})
    assert muralist.wrap(kind(**model.pipe.components)).card.pipeline == model.card.pipeline


@pytest.mark.parametrize("kind", ["StableDiffusionInpaintPipeline", "FluxPipeline", "object"])
def test_other_pipelines_are_refused(kind):
    pipe = type(kind, (), {})()
    with pytest.raises(UnsupportedModel, match=f"{kind} is no pipeline of the supported ones: Sta"):
        muralist.wrap(pipe)


def test_a_pipeline_whose_network_inpaints_is_refused(model):
    config = {**model.pipe.unet.config, "in_channels": 9}
    with torch.device("meta"):
        model.pipe.unet = diffusers.UNet2DConditionModel.from_config(config)
    with pytest.raises(UnsupportedModel, match="reads 9 channels where its latents have 4"):
        muralist.wrap(model.pipe)


def test_a_refiner_is_refused(tiny_sdxl):
    parts = {**tiny_sdxl.pipe.components, "requires_aesthetics_score": True}
    with pytest.raises(UnsupportedModel, match=r"refines .* cannot paint from noise"):
        muralist.wrap(diffusers.StableDiffusionXLImg2ImgPipeline(**parts))


def test_a_pipeline_without_a_decoder_is_refused(model):
    model.pipe.vae = None
    with pytest.raises(UnsupportedModel, match="Pipeline has no vae"):
        muralist.wrap(model.pipe)


# --- what may change after it was wrapped ------------------------------------------------------


def test_the_scheduler_is_the_one_that_is_there_when_a_picture_is_asked_for(model):
    wrapped = muralist.wrap(model.pipe)
    before = picture(wrapped)
    old = model.pipe.scheduler
    model.pipe.scheduler = diffusers.DPMSolverMultistepScheduler.from_config(old.config)
    assert wrapped.card.scheduler["_class_name"] == "DPMSolverMultistepScheduler"
    assert model.card.scheduler["_class_name"] == "DPMSolverMultistepScheduler"
    assert distance(picture(wrapped), before) > 1e-3
    model.pipe.scheduler = old
    assert torch.equal(picture(wrapped), before)


def test_adapters_are_counted_when_they_are_there(model, tmp_path):
    wrapped = muralist.wrap(model.pipe)
    assert wrapped.card.ip_adapters == 0
    file = ip_adapter(tmp_path, model.pipe)
    model.pipe.load_ip_adapter(tmp_path, subfolder="", weight_name=file.rpartition("/")[2])
    assert wrapped.card.ip_adapters == 1
    model.pipe.unload_ip_adapter()
    assert wrapped.card.ip_adapters == 0


def test_the_device_is_where_the_pipeline_is(model):
    wrapped = muralist.wrap(model.pipe)
    model.pipe.to("meta")
    assert wrapped.device.type == "meta"


def test_loras_scaled_fused_or_put_away_are_painted_with_so(model, tmp_path):
    wrapped, pipe = muralist.wrap(model.pipe), model.pipe
    before = picture(wrapped)
    lora(tmp_path / "lora.safetensors", pipe)
    pipe.load_lora_weights(tmp_path, weight_name="lora.safetensors", adapter_name="a")
    pipe.set_adapters(["a"], [0.5])
    scaled = picture(wrapped)
    assert distance(scaled, before) > 1e-3
    pipe.set_adapters(["a"], [1.0])
    pipe.fuse_lora(lora_scale=0.5)
    assert distance(picture(wrapped), scaled) < 1e-3  # fused weights are rounded another way
    pipe.unfuse_lora()
    pipe.disable_lora()
    assert distance(picture(wrapped), before) < 1e-3


def test_what_was_added_after_loading_does_not_travel(model, tmp_path):
    """Workers would load the model without it, and paint other views than this process."""
    pickle.dumps(model)
    lora(tmp_path / "lora.safetensors", model.pipe)
    model.pipe.load_lora_weights(tmp_path, weight_name="lora.safetensors")
    with pytest.raises(UnsupportedModel, match=r"with 0 LoRA\(s\) and has 1 now"):
        pickle.dumps(model)
    model.pipe.unload_lora_weights()
    pickle.dumps(model)
    file = ip_adapter(tmp_path / "ip", model.pipe)
    folder, _, name = file.rpartition("/")
    model.pipe.load_ip_adapter(folder, subfolder="", weight_name=name)
    with pytest.raises(UnsupportedModel, match=r"with 0 IP-Adapter\(s\) and has 1 now"):
        pickle.dumps(model)


# --- offloading --------------------------------------------------------------------------------


class Resting(ModelHook):
    """A module's own weights are without data but while it computes: as in sequential offloading.

    (Accelerate's own hook cannot bring weights from host memory to host memory.)
    """

    def __init__(self, device: torch.device) -> None:
        self.execution_device = device

    def init_hook(self, module):
        self.kept = {key: each for key, each in module._parameters.items() if each is not None}
        return self.post_forward(module, module)

    def pre_forward(self, module, *args, **kwargs):
        module._parameters.update(self.kept)
        return args, kwargs

    def post_forward(self, module, output):
        for key, each in self.kept.items():
            module._parameters[key] = torch.nn.Parameter(each.to("meta"))
        return output


def sequential(pipe, device):
    for network in (pipe.unet, pipe.vae, pipe.text_encoder, getattr(pipe, "text_encoder_2", None)):
        for module in network.modules() if network else ():
            add_hook_to_module(module, Resting(device))


OFFLOADED = {
    "sequential": sequential,
    "model": lambda pipe, device: pipe.enable_model_cpu_offload(device=device),
    "leaves": lambda pipe, device: pipe.enable_group_offload(
        onload_device=device, offload_type="leaf_level"
    ),
    "blocks": lambda pipe, device: pipe.enable_group_offload(
        onload_device=device, offload_type="block_level", num_blocks_per_group=1
    ),
}


@pytest.mark.parametrize("kind", OFFLOADED)
@pytest.mark.parametrize("method", ["demofusion", "accdiffusion"])
def test_offloaded_pipelines_paint_the_same(model, kind, method):
    """AccDiffusion's probe asks layers of the network by itself."""
    wrapped = muralist.wrap(model.pipe)
    inner = DemoFusion(window=24, stride=12)
    settings = {
        "method": inner if method == "demofusion" else AccDiffusion(demofusion=inner),
        "guidance_scale": 3.0,
    }
    before, where = picture(wrapped, **settings), wrapped.device
    OFFLOADED[kind](model.pipe, where)
    if kind == "sequential":
        assert model.pipe.unet.conv_in.weight.is_meta
    assert wrapped.device == model.pipe._execution_device
    assert torch.equal(picture(wrapped, **settings), before)


@pytest.mark.parametrize("kind", OFFLOADED)
def test_the_device_of_an_offloaded_pipeline_is_asked_of_its_hooks(model, kind, monkeypatch):
    """Without a GPU it is the one where weights rest: so hooks are made to name another."""
    wrapped = muralist.wrap(model.pipe)
    OFFLOADED[kind](model.pipe, torch.device("cpu"))
    other = torch.device("cuda", 7)
    if kind in ("leaves", "blocks"):
        named = property(lambda pipe: other)
        monkeypatch.setattr(type(model.pipe), "_execution_device", named)
    else:
        model.pipe.unet._hf_hook.execution_device = other
    assert wrapped.device == other


def test_a_run_puts_the_pipeline_to_rest_even_when_it_is_cancelled(model, monkeypatch):
    rests = []
    monkeypatch.setattr(type(model.pipe), "maybe_free_model_hooks", lambda pipe: rests.append(pipe))
    picture(model)
    assert len(rests) == 1
    run = muralist.generate(
        toy_request(MultiDiffusion(window=24), model=model, height=64, width=64)
    )
    next(run)
    run.close()
    assert len(rests) == 2


# --- attention as the user set it --------------------------------------------------------------


@pytest.mark.parametrize("processor", [AttnProcessor, AttnProcessor2_0])
def test_processors_stay_and_the_probe_hears_the_same(model, processor):
    pipe = model.pipe
    cond, _ = model.encode(Prompt(prompt="a red cat"))
    x, q = normal(1, 4, 16, 16, dtype=torch.float32), replace(query(Size(16, 16)), cond=cond)
    heard = []
    for each in (pipe.unet.attn_processors, processor()):
        pipe.unet.set_attn_processor(each)
        probe = Probe()
        with torch.no_grad(), probe(model.network, x, q):
            model(x, q)
        heard.append(probe.maps)
    assert all(type(each) is processor for each in pipe.unet.attn_processors.values())
    assert heard[0] is not None
    torch.testing.assert_close(*heard)


def test_the_probe_hears_the_words_beside_the_pictures_of_an_ip_adapter(model, tmp_path):
    """At scale 0 a picture changes nothing, and what is heard of the words is the same."""
    unet, file = model.pipe.unet, ip_adapter(tmp_path, model.pipe)
    cond, _ = model.encode(Prompt(prompt="a red cat"))
    x, q = normal(1, 4, 16, 16, dtype=torch.float32), replace(query(Size(16, 16)), cond=cond)
    told = {"image_embeds": [torch.ones(1, 1, 24, device=model.device)]}
    if cond.pooled is not None:
        ids = torch.zeros(1, 6, device=model.device)
        told |= {"text_embeds": cond.pooled, "time_ids": ids}

    def heard():
        probe = Probe()
        with torch.no_grad(), probe(unet, x, q):
            unet(x.to(model.device), 5, cond.embeds, added_cond_kwargs=told)
        return probe.maps

    before = heard()
    model.pipe.load_ip_adapter(tmp_path, subfolder="", weight_name=file.rpartition("/")[2])
    model.pipe.set_ip_adapter_scale(0.0)
    torch.testing.assert_close(heard(), before)
    model.pipe.set_ip_adapter_scale(5.0)
    assert distance(heard(), before) > 1e-3


# --- the autoencoder's own rules ---------------------------------------------------------------


def test_latents_are_scaled_as_diffusers_pipelines_do(tiny_sdxl, device):
    """`latents_mean` and `latents_std`, as models have that were trained on normalised latents."""
    vae = diffusers.AutoencoderKL.from_config(
        {
            **tiny_sdxl.pipe.vae.config,
            "latents_mean": [0.1, -0.2, 0.3, -0.4],
            "latents_std": [1.5, 2.0, 0.5, 1.0],
        }
    ).to(device)
    vae.load_state_dict(tiny_sdxl.pipe.vae.state_dict())
    pipe = diffusers.StableDiffusionXLPipeline(**{**tiny_sdxl.pipe.components, "vae": vae})
    latents = normal(1, 4, 16, 16, dtype=torch.float32).to(device)

    def without_steps(pipe, step, timestep, given):
        return {"latents": latents}

    theirs = pipe(
        prompt="",
        height=128,
        width=128,
        num_inference_steps=1,
        guidance_scale=1.0,
        output_type="pt",
        callback_on_step_end=without_steps,
    ).images
    with torch.no_grad():
        ours = decode(vae, latents, device)
        torch.testing.assert_close(ours.clamp(0, 1), theirs, atol=1e-5, rtol=1e-4)
        encoded = encode_pixels(vae, ours, device)
        plain = vae.encode(2 * ours - 1).latent_dist.mode() * vae.config.scaling_factor
    mean, std = (torch.tensor(vae.config[f"latents_{each}"]) for each in ("mean", "std"))
    mean, std = (each.view(1, 4, 1, 1).to(device) for each in (mean, std))
    expected = (plain / vae.config.scaling_factor - mean) * vae.config.scaling_factor / std
    torch.testing.assert_close(encoded, expected)


def test_a_shift_is_taken_away_and_given_back():
    class Identity:
        dtype, use_tiling = torch.float32, False
        config = SimpleNamespace(scaling_factor=0.5, shift_factor=0.25, force_upcast=False)

        def decode(self, latents, return_dict):
            return (latents,)

        def encode(self, pixels, return_dict):
            return (SimpleNamespace(mode=lambda: pixels),)

    latents, device = normal(1, 4, 2, 2, dtype=torch.float32), torch.device("cpu")
    pixels = decode(Identity(), latents, device)
    torch.testing.assert_close(pixels, (latents / 0.5 + 0.25) / 2 + 0.5)
    torch.testing.assert_close(encode_pixels(Identity(), pixels, device), latents)
