"""A picture is a function of its request: not of batches, of earlier runs, nor of global state."""

import random
from dataclasses import replace

import numpy as np
import pytest
import torch

import muralist
from muralist import BadRequest, DemoFusion
from muralist.models import Toy
from muralist.query import Query, seeded
from tests.laws.parts import METHODS, distance, painted, query, steps, toy_request

EVERY_METHOD = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)


def sdxl_request(tiny_sdxl, method, **settings):
    return toy_request(
        method,
        model=tiny_sdxl,
        prompt="a red cat",
        height=320,
        width=256,
        num_inference_steps=2,
        guidance_scale=5.0,
        **settings,
    )


@EVERY_METHOD
@pytest.mark.parametrize("batch_size", [1, 3])
def test_the_picture_does_not_depend_on_the_batch_size(method, batch_size):
    expected = painted(toy_request(method, batch_size=16)).latents
    ours = painted(toy_request(method, batch_size=batch_size)).latents
    assert distance(ours, expected) < 1e-5  # products of batches round differently


@pytest.mark.parametrize("method", [kind() for kind in muralist.METHODS.values()])
def test_nor_does_that_of_sdxl(method, tiny_controlled):
    request = sdxl_request(tiny_controlled, method)
    one, three, sixteen = (
        painted(replace(request, batch_size=size)).latents for size in (1, 3, 16)
    )
    assert distance(one, sixteen) < 1e-4
    assert distance(three, sixteen) < 1e-4


@EVERY_METHOD
def test_two_runs_are_bit_identical(method):
    one, other = painted(toy_request(method, seed=5)), painted(toy_request(method, seed=5))
    for stage, again in zip(one.stages, other.stages, strict=True):
        assert torch.equal(stage.latents, again.latents)
    assert one.image.tobytes() == other.image.tobytes()


@EVERY_METHOD
def test_different_seeds_paint_different_pictures(method):
    one, other = painted(toy_request(method, seed=5)), painted(toy_request(method, seed=6))
    correlation = torch.corrcoef(torch.stack([one.latents.flatten(), other.latents.flatten()]))
    # 4800 cells that hang together over some 4 cells each way: at 0.3 they share more than chance
    assert abs(correlation[0, 1]) < 0.3


@EVERY_METHOD
def test_a_run_leaves_the_global_generators_alone(method):
    torch.manual_seed(1), np.random.seed(1), random.seed(1)
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    painted(toy_request(method))
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (np.random.get_state()[1] == before[1]).all()
    assert random.getstate() == before[2]


@EVERY_METHOD
def test_a_run_does_not_depend_on_the_global_generators(method):
    torch.manual_seed(1), np.random.seed(1), random.seed(1)
    one = painted(toy_request(method)).latents
    torch.manual_seed(2), np.random.seed(2), random.seed(2)
    assert torch.equal(painted(toy_request(method)).latents, one)


def test_sdxl_too_leaves_the_global_generators_alone(tiny_sdxl):
    before = torch.get_rng_state()
    painted(sdxl_request(tiny_sdxl, DemoFusion()))
    assert torch.equal(torch.get_rng_state(), before)


def test_several_prompts_are_painted_as_each_alone(tiny_sdxl):
    settings = {
        "height": 320,
        "width": 256,
        "num_inference_steps": 2,
        "guidance_scale": 5.0,
        "seed": 7,
    }
    prompts, negatives = ["a red cat", "an old house"], ["blurry", None]
    together = muralist.paint(tiny_sdxl, prompts, negative_prompt=negatives, **settings)
    assert isinstance(together, list)
    for number, picture in enumerate(together):
        alone = muralist.paint(
            tiny_sdxl,
            prompts[number],
            negative_prompt=negatives[number],
            **{**settings, "seed": 7 + number},
        )
        assert torch.equal(picture.latents, alone.latents)
        assert picture.settings == alone.settings
    assert not torch.equal(together[0].latents, together[1].latents)


def test_one_negative_prompt_serves_all_prompts(tiny_sdxl):
    settings = {"height": 256, "width": 256, "num_inference_steps": 1, "guidance_scale": 5.0}
    pictures = muralist.paint(tiny_sdxl, ("a cat", "a dog"), negative_prompt="blurry", **settings)
    assert [picture.settings["negative_prompt"] for picture in pictures] == ["blurry"] * 2


def small(**settings) -> muralist.Picture:
    return muralist.paint(Toy(), "", height=24, width=24, num_inference_steps=2, **settings)


def test_a_generator_decides_the_seed():
    one, again, other = (
        small(generator=torch.Generator().manual_seed(seed)).latents for seed in (3, 3, 4)
    )
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_a_generator_that_goes_on_paints_another_picture():
    generator = torch.Generator().manual_seed(3)
    assert not torch.equal(small(generator=generator).latents, small(generator=generator).latents)


def test_the_seed_a_generator_decided_is_recorded():
    picture = small(generator=torch.Generator().manual_seed(3))
    assert torch.equal(small(seed=picture.settings["seed"]).latents, picture.latents)


def test_the_default_seed_is_0():
    assert torch.equal(small().latents, small(seed=0).latents)


def test_seed_and_generator_together_are_refused():
    with pytest.raises(BadRequest, match="seed or generator, not both"):
        small(seed=1, generator=torch.Generator())


def test_as_many_negative_prompts_as_prompts_are_needed():
    with pytest.raises(BadRequest, match="there are 2 prompts and 3 negative prompts"):
        muralist.paint(Toy(), ["a", "b"], negative_prompt=["c", "d", "e"])


def numbers(q: Query, purpose: str) -> list[float]:
    return torch.rand(4, generator=q.rng(purpose)).tolist()


def test_random_numbers_are_a_function_of_seed_stage_step_and_purpose():
    one, other = steps()[:2]
    base = query((8, 8), one)
    assert numbers(base, "jitter") == numbers(query((9, 9), one), "jitter")
    for different in (
        numbers(base, "patches"),
        numbers(query((8, 8), other), "jitter"),
        numbers(query((8, 8), one, seed=1), "jitter"),
        numbers(query((8, 8), one, stage=2), "jitter"),
    ):
        assert different != numbers(base, "jitter")


def test_seeded_numbers_stay_what_they_are():
    """Pictures are repainted from their settings years later: these numbers are a promise."""
    drawn = torch.randint(0, 1000, (4,), generator=seeded(7, "noise/base")).tolist()
    assert drawn == [797, 53, 776, 98]
