"""The shipped model, as diffusers' own pipeline loads it."""

import pytest
import torch
from diffusers import StableDiffusionXLPipeline

from muralist.shapes import WEIGHTS


@pytest.fixture(scope="module")
def pipe() -> StableDiffusionXLPipeline:
    loaded = StableDiffusionXLPipeline.from_pretrained(WEIGHTS, dtype=torch.float32)
    loaded.set_progress_bar_config(disable=True)
    return loaded


def test_the_folder_is_small_and_knows_no_other_machine():
    files = [path for path in WEIGHTS.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 15e6
    for path in files:
        if path.suffix == ".json" and not path.name.startswith("tokenizer"):
            assert "_name_or_path" not in path.read_text()


def test_native_pictures_have_32_latents_per_side(pipe):
    assert pipe.default_sample_size * pipe.vae_scale_factor == 128
