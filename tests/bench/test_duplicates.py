"""The score of repeated subjects, which knows no colours, outlines or labels."""

import math
import random
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from scipy.stats import spearmanr
from torch import Tensor
from transformers import Dinov2Config, Dinov2Model

from muralist.bench.duplicates import duplicates
from muralist.bench.features import shapes_features
from muralist.bench.vision import VisionTransformer
from muralist.shapes.render import picture
from muralist.shapes.scene import EXTENT, Scene, random_scene

SCENES = [random_scene(seed, pair=0.3) for seed in range(10**6, 10**6 + 6)]


def enlarged(image: Tensor, factor: int) -> Tensor:
    """By Lanczos: the null control."""
    small = Image.fromarray(((image + 1) * 127.5).round().byte().permute(1, 2, 0).numpy())
    size = small.width * factor, small.height * factor
    large = np.array(small.resize(size, Image.Resampling.LANCZOS))
    return torch.from_numpy(large).permute(2, 0, 1) / 127.5 - 1


def crowded(scene: Scene, extra: int, factor: int, draw: random.Random) -> Scene:
    """With more things of the same kinds, of a native window's size, that touch no other."""
    things = list(scene.things)
    while len(things) < len(scene.things) + extra:
        thing = draw.choice(scene.things)
        radius = thing.radius / factor * draw.uniform(0.7, 1.1)
        reach = radius * EXTENT[thing.shape]
        x, y = (draw.uniform(reach, 1 - reach) for _ in range(2))
        gaps = (math.hypot(x - o.x, y - o.y) - o.radius * EXTENT[o.shape] for o in things)
        if min(gaps) > 1.1 * reach:
            things.append(replace(thing, x=x, y=y, radius=radius, turn=draw.uniform(-0.3, 0.3)))
    return replace(scene, things=tuple(things))


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_a_base_enlarged_repeats_nothing(factor):
    for scene in SCENES[:2]:
        base = picture(scene)
        assert duplicates(enlarged(base, factor), base, shapes_features()) == 0


def test_a_true_picture_repeats_nothing():
    for scene in SCENES[:3]:
        assert duplicates(picture(scene, 4), picture(scene), shapes_features()) == 0


@pytest.mark.parametrize("factor", [2, 4])
def test_copies_in_every_native_window_are_all_found(factor):
    for scene in SCENES[:2]:
        base, subjects = picture(scene), len(scene.things)
        tiled = base.repeat(1, factor, factor)
        assert duplicates(tiled, base, shapes_features()) == (factor**2 - 1) * subjects


def test_a_wide_picture_is_looked_at_as_a_square_one_is():
    scene = random_scene(6, width=1.0, height=0.75, pair=0.0)
    base = picture(scene)
    assert duplicates(enlarged(base, 4), base, shapes_features()) == 0
    assert duplicates(base.repeat(1, 4, 4), base, shapes_features()) == 15


def test_the_score_ranks_scenes_by_how_many_things_were_added():
    draw, added, found = random.Random(0), [], []
    for number, scene in enumerate(SCENES + SCENES[:4]):
        extra = number % 7
        image = picture(crowded(scene, extra, 4, draw), 4)
        added.append(extra)
        found.append(duplicates(image, picture(scene), shapes_features()))
    assert spearmanr(added, found).statistic > 0.9


def test_any_features_will_do():
    """Mean colours of squares of sixteen pixels, for one."""

    def colours(pictures: Tensor) -> Tensor:
        return F.avg_pool2d(pictures, 16)

    base = picture(SCENES[0])
    assert duplicates(enlarged(base, 2), base, colours) == 0
    assert duplicates(base.repeat(1, 2, 2), base, colours) == 3 * len(SCENES[0].things)


def test_a_picture_of_nothing_has_no_subject_to_repeat():
    blank = torch.full((3, 128, 128), 0.2)
    assert duplicates(blank.repeat(1, 4, 4), blank, shapes_features()) == 0


def test_a_vision_transformers_features_are_taken_as_they_are():
    """With random weights there is no subject to speak of: the null control holds all the same."""
    torch.manual_seed(0)
    config = Dinov2Config(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=56, patch_size=14
    )
    model = Dinov2Model(config).eval().requires_grad_(False)
    features = VisionTransformer(model, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    base = picture(SCENES[0])
    assert abs(duplicates(enlarged(base, 4), base, features)) <= 1
