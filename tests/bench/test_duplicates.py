"""The score of repeated subjects, which knows no colours, outlines or labels."""

import math
import random
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from scipy.stats import spearmanr
from torch import Tensor

from muralist.bench.controls import enlarged
from muralist.bench.duplicates import duplicates
from muralist.bench.features import shapes_features
from muralist.bench.vision import VisionTransformer
from muralist.canvas import Size
from muralist.shapes.render import picture
from muralist.shapes.scene import EXTENT, Scene, random_scene
from tests.bench.tiny import dinov2

SCENES = [random_scene(seed, pair=0.3) for seed in range(10**6, 10**6 + 6)]
ONE, *_, TWO = SCENES  # of one thing, and of two


def larger(base: Tensor, factor: int) -> Tensor:
    """The null control."""
    return enlarged(base, Size(*base.shape[1:]).times(factor))


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


@pytest.mark.parametrize(("factor", "scene"), [(2, ONE), (3, TWO), (4, ONE)])
def test_a_base_enlarged_repeats_nothing(factor, scene):
    base = picture(scene)
    assert duplicates(larger(base, factor), base, shapes_features()) == 0


@pytest.mark.parametrize("scene", [ONE, TWO])
def test_a_true_picture_repeats_nothing(scene):
    assert duplicates(picture(scene, 4), picture(scene), shapes_features()) == 0


@pytest.mark.parametrize(("factor", "scene"), [(2, TWO), (4, ONE)])
def test_copies_in_every_native_window_are_all_found(factor, scene):
    base, subjects = picture(scene), len(scene.things)
    tiled = base.repeat(1, factor, factor)
    assert duplicates(tiled, base, shapes_features()) == (factor**2 - 1) * subjects


def test_a_wide_picture_is_looked_at_as_a_square_one_is():
    scene = random_scene(6, width=1.0, height=0.75, pair=0.0)
    base = picture(scene)
    assert duplicates(larger(base, 4), base, shapes_features()) == 0
    assert duplicates(base.repeat(1, 4, 4), base, shapes_features()) == 15


def test_the_score_ranks_scenes_by_how_many_things_were_added():
    draw, added, found = random.Random(0), [], []
    for extra, scene in enumerate([*SCENES, ONE]):
        image = picture(crowded(scene, extra, 4, draw), 4)
        added.append(extra)
        found.append(duplicates(image, picture(scene), shapes_features()))
    assert spearmanr(added, found).statistic > 0.9


def test_any_features_will_do():
    """Mean colours of squares of sixteen pixels, for one."""

    def colours(pictures: Tensor) -> Tensor:
        return F.avg_pool2d(pictures, 16)

    base = picture(ONE)
    assert duplicates(larger(base, 2), base, colours) == 0
    assert duplicates(base.repeat(1, 2, 2), base, colours) == 3


def test_a_picture_of_nothing_has_no_subject_to_repeat():
    blank = torch.full((3, 128, 128), 0.2)
    assert duplicates(blank.repeat(1, 4, 4), blank, shapes_features()) == 0


def test_a_vision_transformers_features_are_taken_as_they_are():
    """With random weights there is no subject to speak of: the null control holds all the same."""
    features = VisionTransformer(dinov2(), (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    base = picture(ONE)
    assert abs(duplicates(larger(base, 4), base, features)) <= 1
