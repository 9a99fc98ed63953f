"""The embedded model does what it is shipped for: it paints captions, and shows the problem."""

from pathlib import Path

import numpy as np
import pytest
import torch

import muralist
from muralist import MultiDiffusion
from muralist.shapes import WEIGHTS
from muralist.shapes.checker import count_objects
from muralist.shapes.judge import judge

# One object well apart from its background, each shape once or twice; seeds as drawn, unpicked.
CAPTIONS = (
    "a red circle on a blue background",
    "a yellow square on a purple background",
    "a green triangle on a white background",
    "a blue star on a yellow background",
    "an orange ring on a black background",
    "a cyan circle on a red background",
    "a purple star on a white background",
    "a striped red ring on a white background",
    "a dotted yellow circle on a blue background",
    "a blue triangle on a white background",
)


@pytest.fixture(scope="module")
def shapes(device: torch.device, dtype: torch.dtype) -> muralist.Model:
    return muralist.load("shapes", device=device, dtype=dtype)


def pixels(picture: muralist.Picture) -> torch.Tensor:
    """`3 H W` in [-1, 1]."""
    return torch.from_numpy(np.array(picture.image)).permute(2, 0, 1) / 127.5 - 1


def test_native_pictures_show_what_the_caption_says(shapes):
    pictures = muralist.paint(shapes, list(CAPTIONS), height=128, width=128, seed=1)
    verdicts = [
        judge(pixels(picture), caption) for picture, caption in zip(pictures, CAPTIONS, strict=True)
    ]
    assert sum(one.background for one in verdicts) >= 9
    assert sum(one.colours for one in verdicts) >= 9
    assert sum(one.shapes for one in verdicts) >= 8


def test_windows_alone_repeat_the_object_and_demofusion_does_not(shapes):
    """At twice the side, with half the steps, three pictures of each; one object is true."""
    settings = {"height": 256, "width": 256, "num_inference_steps": 12, "seed": 2}
    several = [
        muralist.paint(shapes, caption, method=MultiDiffusion(), **settings)
        for caption in CAPTIONS[:3]
    ]
    one = [muralist.paint(shapes, caption, **settings) for caption in CAPTIONS[:3]]
    colours = ("red", "yellow", "green")
    repeated = [count_objects(pixels(p), c) for p, c in zip(several, colours, strict=True)]
    held = [count_objects(pixels(p), c) for p, c in zip(one, colours, strict=True)]
    assert sum(repeated) >= 6, (repeated, held)
    assert sum(held) <= 4, (repeated, held)


def test_the_folder_loads_as_an_ordinary_pipeline_and_is_small():
    from diffusers import StableDiffusionXLPipeline

    pipe = StableDiffusionXLPipeline.from_pretrained(WEIGHTS, dtype=torch.float32)
    assert pipe.scheduler.config.prediction_type == "v_prediction"
    assert sum(path.stat().st_size for path in Path(WEIGHTS).rglob("*")) <= 15e6
