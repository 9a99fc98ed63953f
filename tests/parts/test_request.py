"""Everything is checked before anything is loaded."""

import math

import pytest
import torch

import muralist
import muralist.generation  # before `load` is replaced, which it imports by name
from muralist import BadRequest, DemoFusion, ModelNotFound, MultiDiffusion, Request
from muralist.models import Toy


@pytest.fixture(autouse=True)
def nothing_is_loaded(monkeypatch):
    def refuse(*args, **settings):
        raise AssertionError("a model was loaded")

    monkeypatch.setattr("muralist.models.load", refuse)
    monkeypatch.setattr("muralist.generation.load", refuse)


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
