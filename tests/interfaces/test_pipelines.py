"""Custom pipelines of diffusers, loaded as their users load them, from a local folder."""

import warnings

import numpy as np
import pytest
import torch
from diffusers import DiffusionPipeline

import muralist
from muralist import pipelines
from tests.conftest import DATA

NATIVE = {"tiny-sdxl": pipelines.SDXL, "tiny-sd": pipelines.SD}
SMALL = {"num_inference_steps": 2, "guidance_scale": 3.0, "method": "multidiffusion"}


@pytest.fixture(params=NATIVE, scope="module")
def pipe(request, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patched:  # diffusers copies the file into a cache
        cache = str(tmp_path_factory.mktemp("modules"))
        patched.setattr("diffusers.utils.dynamic_modules_utils.HF_MODULES_CACHE", cache)
        made = DiffusionPipeline.from_pretrained(
            DATA / request.param,
            custom_pipeline=NATIVE[request.param],
            trust_remote_code=True,
            dtype=torch.float32,
            safety_checker=None,
            **({} if request.param == "tiny-sdxl" else {"requires_safety_checker": False}),
        )
    made.set_progress_bar_config(disable=True)
    return made


def test_it_paints_what_muralist_paints_with_the_same_weights(pipe):
    folder = DATA / ("tiny-sdxl" if hasattr(pipe, "text_encoder_2") else "tiny-sd")
    size = {"height": 128, "width": 192, "seed": 3}
    model = muralist.load(str(folder), device="cpu", dtype=torch.float32)
    known = muralist.paint(model, "a cat", negative_prompt="a dog", **size, **SMALL, progress=False)
    (image,) = pipe("a cat", negative_prompt="a dog", **size, **SMALL).images
    assert image.size == (192, 128)
    assert np.array_equal(np.asarray(image), known.pixels)
    (latents,) = pipe(
        "a cat", negative_prompt="a dog", **size, **SMALL, output_type="latent", return_dict=False
    )[:1]
    torch.testing.assert_close(latents, known.latents, rtol=0, atol=1e-5)


def test_outputs_are_those_of_diffusers(pipe):
    asked = {"height": 128, "width": 128, "seed": 1, **SMALL}
    twice = pipe(["a cat", "a dog"], **asked).images
    assert len(twice) == 2
    assert len(pipe("a cat", num_images_per_prompt=2, **asked).images) == 2
    array = pipe("a cat", output_type="np", **asked).images
    tensor = pipe("a cat", output_type="pt", **asked).images
    assert array.shape == (1, 128, 128, 3) and tensor.shape == (1, 3, 128, 128)
    assert np.array_equal(np.rint(array[0] * 255).astype(np.uint8), np.asarray(twice[0]))
    assert np.array_equal(tensor.permute(0, 2, 3, 1).numpy(), array)


def test_texts_and_embeddings_are_one_for_each_prompt(pipe):
    width = pipe.unet.config.cross_attention_dim
    words = {"prompt_embeds": torch.randn(2, 77, width, generator=torch.Generator().manual_seed(0))}
    if hasattr(pipe, "text_encoder_2"):
        words["pooled_prompt_embeds"] = torch.ones(2, 32)
    asked = {"height": 64, "width": 64, "seed": 1, **SMALL, "output_type": "latent"}
    four = pipe(num_images_per_prompt=2, **words, **asked).images
    assert len(four) == 4
    second = {name: rows[1:] for name, rows in words.items()}
    (third,) = pipe(**second, **{**asked, "seed": 3}).images
    assert torch.equal(four[2], third)  # seeds count up
    both = pipe(("a", "b"), negative_prompt=("c", "d"), **asked).images
    twice = pipe(("a", "b"), negative_prompt=("c", "d"), num_images_per_prompt=2, **asked).images
    assert len(twice) == 4
    (alone,) = pipe("b", negative_prompt="d", **{**asked, "seed": 2}).images
    assert torch.equal(both[1], alone)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"output_type": "jpeg"}, "output_type is 'jpeg'; pil, np, pt, latent are possible"),
        ({"height": 12}, "a picture of 12x12 pixels is not possible"),
        ({"strides": 3}, "no argument 'strides'"),
        ({"num_images_per_prompt": 0}, "num_images_per_prompt is 0; a whole number from 1"),
        ({"num_images_per_prompt": 1.5}, r"num_images_per_prompt is 1\.5; a whole number from 1"),
        ({"prompt": 5}, "prompt is 5; a text is needed"),
        ({"prompt": []}, "there are no prompts"),
        ({"generator": [torch.Generator()]}, "generator is not one generator of torch's"),
    ],
)
def test_what_cannot_be_painted_is_refused_in_a_sentence(pipe, wrong, sentence):
    with pytest.raises((muralist.BadRequest, TypeError), match=sentence):
        pipe(**{"prompt": "a cat", **SMALL, **wrong})


def test_wrapping_warns_of_nothing(pipe):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        muralist.wrap(pipe)


def test_a_generator_and_a_callback_are_taken_as_by_diffusers(pipe):
    steps = []

    def on_step_end(asked, step, timestep, told):
        steps.append((asked is pipe, step))
        return told

    asked = {"height": 128, "width": 128, **SMALL, "callback_on_step_end": on_step_end}
    first, second = (
        pipe("a cat", **asked, generator=torch.Generator().manual_seed(5)).images[0]
        for _ in range(2)
    )
    assert np.array_equal(np.asarray(first), np.asarray(second))
    assert steps == [(True, 0), (True, 1)] * 2
