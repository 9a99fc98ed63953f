"""Everything is checked before anything is loaded."""

import math

import pytest
import torch

import muralist
import muralist.generation
import muralist.painting  # both before `load` is replaced, which they import by name
from muralist import BadRequest, DemoFusion, ModelNotFound, MultiDiffusion, Request
from muralist.models import Toy


@pytest.fixture(autouse=True)
def nothing_is_loaded(monkeypatch):
    def refuse(*args, **settings):
        raise AssertionError("a model was loaded")

    monkeypatch.setattr("muralist.models.load", refuse)
    monkeypatch.setattr("muralist.generation.load", refuse)
    monkeypatch.setattr("muralist.painting.load", refuse)


WORDS, POOLED = torch.zeros(1, 77, 2048), torch.zeros(1, 1280)
EMBEDS = {"prompt": "", "prompt_embeds": WORDS, "pooled_prompt_embeds": POOLED}
NEGATIVE_EMBEDS = {"negative_prompt_embeds": WORDS, "negative_pooled_prompt_embeds": POOLED}

BAD = [
    ({"height": 1001}, "of 1001x1001 pixels .* sdxl paints positive multiples of 8, 1000x1000 for"),
    ({"width": 7}, "of 7x7 pixels is not possible; .* of 8, 8x8 for example"),
    ({"width": 520, "height": 9}, "of 520x9 pixels is not possible; .* 520x8 for example"),
    ({"height": 0}, "height is 0; a whole number from 1"),
    ({"width": -8}, "width is -8; a whole number from 1"),
    ({"width": 2**21}, "width is 2097152; a whole number from 1"),
    ({"height": 512.0}, "height is 512.0; a whole number"),
    ({"width": True}, "width is True; a whole number"),
    ({"width": "512"}, "width is '512'; a whole number"),
    ({"prompt": None}, "prompt is None; "),
    ({"prompt": 7}, "prompt is 7; "),
    ({"prompt": "x" * 10_001}, "prompt is longer than 2500 characters"),
    ({"negative_prompt": "x" * 10_001}, "negative_prompt is longer than 2500 characters"),
    ({"negative_prompt": ["a"]}, r"negative_prompt is \['a'\]; "),
    ({"prompt_2": 7}, "prompt_2 is 7; a text"),
    ({"prompt": "a \ud800 wave"}, "prompt holds half a character, a surrogate"),
    ({"negative_prompt": "a \udfff wave"}, "negative_prompt holds half a character"),
    ({"prompt_2": "x" * 2501}, "prompt_2 is longer than 2500 characters"),
    ({"negative_prompt_2": "x" * 2501}, "negative_prompt_2 is longer than 2500 characters"),
    (
        {name: "\U0001f600" * 2500 for name in ("prompt", "negative_prompt", "prompt_2")},
        "the settings are 9.* bytes of JSON, and pictures carry 64000; shorter texts",
    ),
    ({"clip_skip": -1}, "clip_skip is -1; a whole number of at least 0"),
    ({"clip_skip": 1.5}, "clip_skip is 1.5; a whole number"),
    ({"original_size": 512}, "original_size is 512; height and width in pixels are needed, 1 to"),
    ({"original_size": (512,)}, r"original_size is \(512,\); height and width in pixels"),
    ({"target_size": (0, 8)}, r"target_size is \(0, 8\); height and width .* 1 to 1048576 each"),
    ({"target_size": (8.0, 8)}, r"target_size is \(8.0, 8\); height and width"),
    ({"crops_coords_top_left": (-1, 0)}, r"\(-1, 0\); top and left in pixels are needed, 0 to"),
    (
        {"negative_original_size": (8, 8)},
        "negative_original_size alone would not be told; .* negative_target_size are needed, both",
    ),
    (
        {"negative_crops_coords_top_left": (8, 8), "negative_target_size": (8, 8)},
        "negative_crops_coords_top_left and negative_target_size alone would not be told",
    ),
    ({"ip_adapter_image": "cat.png"}, "cat.png is no file"),
    ({"ip_adapter_image_embeds": [WORDS]}, "images for IP-Adapters, and sdxl has none; load one"),
    (
        {**EMBEDS, "prompt": "a cat"},
        "prompt_embeds is given, and prompt as well; only one can be told",
    ),
    ({**EMBEDS, "prompt_2": "a cat"}, "prompt_embeds is given, and prompt_2 as well"),
    ({**EMBEDS, "clip_skip": 1}, "prompt_embeds is given, and clip_skip as well"),
    (
        {**NEGATIVE_EMBEDS, "prompt": "a cat", "negative_prompt": "a dog"},
        "negative_prompt_embeds is given, and negative_prompt as well",
    ),
    (
        {"prompt": "", "prompt_embeds": WORDS},
        "prompt_embeds and pooled_prompt_embeds go together; one of them is missing",
    ),
    ({"pooled_prompt_embeds": POOLED}, "prompt_embeds and pooled_prompt_embeds go together"),
    (
        {"negative_prompt_embeds": WORDS},
        "negative_prompt_embeds and negative_pooled_prompt_embeds go together",
    ),
    (
        {**EMBEDS, "prompt_embeds": torch.zeros(1, 77, 768)},
        r"prompt_embeds have shape \(1, 77, 768\); sdxl reads floats of shape \(1, tokens, 2048\)",
    ),
    ({**EMBEDS, "prompt_embeds": WORDS[0]}, r"prompt_embeds have shape \(77, 2048\); sdxl reads"),
    ({**EMBEDS, "prompt_embeds": WORDS[:, :0]}, r"prompt_embeds have shape \(1, 0, 2048\); sdxl"),
    ({**EMBEDS, "prompt_embeds": WORDS.repeat(2, 1, 1)}, r"have shape \(2, 77, 2048\); sdxl reads"),
    ({**EMBEDS, "prompt_embeds": WORDS.long()}, r"have shape \(1, 77, 2048\); sdxl reads floats"),
    ({**EMBEDS, "prompt_embeds": "a cat"}, "prompt_embeds have shape str; sdxl reads floats"),
    (
        {**EMBEDS, "pooled_prompt_embeds": torch.zeros(1, 768)},
        r"pooled_prompt_embeds have shape \(1, 768\); sdxl reads floats of shape \(1, 1280\)",
    ),
    (
        {**EMBEDS, "prompt_embeds": WORDS.repeat(1, 2, 1), "negative_prompt": "a dog"},
        "the prompt has 154 tokens, and what guidance leads away from 77; give prompt_embeds and",
    ),
    (
        {**EMBEDS, **NEGATIVE_EMBEDS, "prompt_embeds": WORDS[:, :20]},
        "the prompt has 20 tokens, and what guidance leads away from 77",
    ),
    ({**NEGATIVE_EMBEDS, "negative_prompt_embeds": WORDS[:, :20]}, "77 .* leads away from 20"),
    ({"num_inference_steps": 0}, "num_inference_steps is 0; a whole number of at least 1"),
    ({"num_inference_steps": -3}, "num_inference_steps is -3"),
    ({"num_inference_steps": 1001}, "num_inference_steps is 1001; 1 to 1000"),
    ({"num_inference_steps": 2.5}, "num_inference_steps is 2.5"),
    ({"seed": -1}, "seed is -1; a whole number from 0"),
    ({"seed": 2**63}, "seed is 9223372036854775808; "),
    ({"seed": 1.0}, "seed is 1.0; a whole number"),
    ({"batch_size": 0}, "batch_size is 0; a whole number of at least 1"),
    ({"guidance_scale": -1.0}, "guidance_scale is -1.0; a number of at least 0"),
    ({"guidance_scale": math.nan}, "guidance_scale is nan; a number"),
    ({"guidance_scale": math.inf}, "guidance_scale is inf; a number"),
    ({"guidance_scale": "7"}, "guidance_scale is '7'; a number"),
    ({"guidance_scale": True}, "guidance_scale is True; a number"),
    ({"guidance_rescale": 1.5}, "guidance_rescale is 1.5; a number from 0 to 1"),
    ({"guidance_rescale": math.nan}, "guidance_rescale is nan; a number from 0 to 1"),
    ({"guidance_rescale": None}, "guidance_rescale is None; a number from 0 to 1"),
    ({"guidance_interval": (0.5, 0.2)}, "guidance_interval is 0.5 to 0.2"),
    ({"guidance_interval": (0.0, 2.0)}, "guidance_interval is 0.0 to 2.0"),
    ({"guidance_interval": None}, "guidance_interval is None; two fractions"),
    ({"guidance_interval": (0.5,)}, r"guidance_interval is \(0.5,\); two fractions"),
    ({"solver": "quick"}, "solver is 'quick'; ddim or euler or dpmpp2m"),
    ({"guidance_interval": ("0", "1")}, "guidance_interval is "),
    ({"method": "demofusion"}, "method is 'demofusion'; an instance"),
    ({"method": DemoFusion}, "method is .*DemoFusion.*; an instance"),
    ({"method": None}, "method is None; an instance"),
    ({"method": DemoFusion(window=64, stride=65)}, "stride is 65 latent cells; 1 to 64"),
    ({"method": DemoFusion(jitter=33)}, "jitter is 33 latent cells; 0 to 32"),
    ({"method": MultiDiffusion(stride=129)}, "stride is 129 latent cells; 1 to 128"),
    ({"method": DemoFusion(strength=0.01)}, "strength 0.01 of 50 steps leaves no step"),
]


@pytest.mark.parametrize(("change", "message"), BAD, ids=lambda value: str(value)[:60])
def test_what_cannot_be_painted_is_refused_when_asked_for(change, message):
    with pytest.raises(BadRequest, match=message):
        Request(**{"model": "sdxl", "prompt": "a cat", **change})


FOR_SDXL = [
    ({"prompt_2": "a dog"}, "prompt_2"),
    ({"negative_prompt_2": "a dog"}, "negative_prompt_2"),
    ({"original_size": (8, 8)}, "original_size"),
    ({"target_size": (8, 8)}, "target_size"),
    ({"crops_coords_top_left": (0, 0)}, "crops_coords_top_left"),
    ({"negative_original_size": (8, 8), "negative_target_size": (8, 8)}, "negative_original_size"),
    ({"pooled_prompt_embeds": torch.zeros(1, 768)}, "pooled_prompt_embeds"),
]


@pytest.mark.parametrize(("given", "name"), FOR_SDXL, ids=lambda value: str(value)[:30])
def test_what_is_sdxls_is_refused_by_others(given, name):
    for model, kind in (("sd15", "a StableDiffusionPipeline"), ("toy", "none of its kind")):
        with pytest.raises(
            BadRequest, match=f"^{name} is for Stable Diffusion XL, and {model} is {kind}"
        ):
            Request(model=model, **given)


@pytest.mark.parametrize(
    "given", [{"clip_skip": 1}, {"prompt_embeds": torch.zeros(1, 77, 768)}], ids=["skip", "embeds"]
)
def test_the_toy_listens_to_nothing(given):
    with pytest.raises(BadRequest, match=f"{next(iter(given))} is given, and toy listens to noth"):
        Request(model="toy", **given)


def test_sd_reads_embeddings_of_its_width():
    words = torch.zeros(1, 231, 768)
    request = Request(model="sd15", prompt_embeds=words, negative_prompt_embeds=words)
    assert request.told.prompt_embeds is words


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"height": 1001}, "1001x1001 pixels is not possible"),
        ({"num_inference_steps": 0}, "num_inference_steps is 0"),
        ({"method": "demofusoin"}, "no method 'demofusoin'; did you mean demofusion"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_paint_refuses_before_it_loads(change, message):
    with pytest.raises(BadRequest, match=message):
        muralist.paint("sdxl", "a cat", **change)


@pytest.mark.parametrize(
    "change", [{"height": 1001}, {"num_inference_steps": 0}, {"negative_prompt": ["one"]}]
)
def test_paint_refuses_before_it_loads_with_several_prompts_too(change):
    with pytest.raises(BadRequest):
        muralist.paint("sdxl", ["a cat", "a dog"], **change)


def test_no_prompt_at_all_is_refused():
    with pytest.raises(BadRequest, match="there are no prompts"):
        muralist.paint("toy", [])


def test_what_names_no_model_is_told_by_its_type():
    """A pipeline's own text is a page long."""
    with pytest.raises(ModelNotFound, match=r"in wrap\(pipe\); this is of type object"):
        Request(model=object())  # type: ignore


def test_a_model_that_is_not_there_is_said_so_when_asked_for():
    with pytest.raises(ModelNotFound, match=r"no model 'nope'.* toy"):
        Request(model="nope")


def test_unset_sizes_are_four_native_sides():
    assert Request(model="sdxl").size == (512, 512)
    assert Request(model="toy").size == (64, 64)


def test_one_side_alone_makes_a_square():
    assert Request(model="sdxl", height=1024).size == (128, 128)
    assert Request(model="sdxl", width=1024).size == (128, 128)


def test_unset_steps_and_guidance_suit_the_model():
    assert len(Request(model="toy").schedule.steps) == Toy().card.num_inference_steps
    assert Request(model="sdxl").to_json()["guidance_scale"] == 7.5
    assert Request(model="sdxl", guidance_scale=0.0).to_json()["guidance_scale"] == 0.0


def test_sizes_are_any_multiple_of_the_factor():
    for height, width in ((8, 8), (8, 4096), (1000, 1720)):
        request = Request(model="sdxl", height=height, width=width)
        assert request.size == (height // 8, width // 8)


@pytest.mark.parametrize("solver", ["ddim", "euler", "dpmpp2m"])
def test_any_solver_takes_the_steps_of_any_model(solver):
    request = Request(model="sdxl", solver=solver, num_inference_steps=7)
    assert len(request.schedule.steps) == 7
    assert Request.from_json(request.to_json()).schedule == request.schedule


def test_making_a_request_makes_no_canvas():
    """A picture of a thousand million cells can be asked about on any machine."""
    request = Request(model="sdxl", height=2**18, width=2**18, num_inference_steps=1)
    assert request.size.area == 2**30


def test_a_request_draws_no_random_numbers():
    before = torch.get_rng_state()
    Request(model="toy")
    assert torch.equal(torch.get_rng_state(), before)
