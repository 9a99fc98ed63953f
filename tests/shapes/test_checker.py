"""The checker reads what the renderer draws, and does not believe what is not there."""

import math

import pytest
import torch

from muralist.canvas import Size
from muralist.shapes.checker import count_objects, read
from muralist.shapes.judge import judge
from muralist.shapes.render import picture, render
from muralist.shapes.scene import (
    BACKGROUNDS,
    COLOURS,
    MATERIALS,
    SHAPES,
    Scene,
    Thing,
    random_scenes,
)


@pytest.mark.parametrize(("zoom", "count"), [(1.0, 150), (2.0, 40), (4.0, 15)])
def test_truth_is_read_right(zoom, count):
    scenes = random_scenes(21, count)
    right = sum(judge(picture(scene, zoom), scene.caption).all for scene in scenes)
    assert right >= 0.99 * count


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("material", MATERIALS)
def test_every_shape_and_colour_is_read(shape, material):
    for i, colour in enumerate(COLOURS):
        background = [name for name in BACKGROUNDS if name != colour][i]
        scene = Scene((Thing(shape, colour, material, 0.5, 0.45, 0.28, 0.2),), background)
        reading = read(picture(scene))
        assert reading.background == background
        (found,) = reading.objects
        assert (found.shape, found.colour) == (shape, colour)
        assert found.x == pytest.approx(0.5, abs=0.02)  # a pixel and a half
        # A triangle's and a star's centre of mass are their centre, too.
        assert found.y == pytest.approx(0.45, abs=0.02)


def test_a_wrong_caption_is_refused_for_its_reason():
    image = picture(Scene((Thing("star", "red", "plain", 0.5, 0.5, 0.3),), "blue"))
    assert judge(image, "a red star on a blue background").all
    assert not judge(image, "a red star on a green background").background
    assert not judge(image, "a green star on a blue background").colours
    assert not judge(image, "a red circle on a blue background").shapes
    assert not judge(image, "a red star and a red star on a blue background").number


def test_repeated_objects_are_counted():
    scene = Scene((Thing("circle", "red", "plain", 0.5, 0.5, 0.3),), "blue")
    one = picture(scene)
    assert count_objects(one, "red") == 1
    assert count_objects(one.repeat(1, 2, 3), "red") == 6
    assert count_objects(one, "green") == 0
    # One object of four times the size is one object.
    assert count_objects(picture(scene, 4.0), "red") == 1


def test_fragments_are_not_counted():
    speck = Scene((Thing("circle", "red", "plain", 0.5, 0.5, 0.07),), "blue")
    assert count_objects(picture(speck), "red") == 0
    assert count_objects(picture(speck), "red", least=100) == 1


def test_a_shape_that_is_like_none_is_unclear():
    above = Thing("ring", "red", "plain", 0.5, 0.28, 0.2)
    below = Thing("ring", "red", "plain", 0.5, 0.66, 0.2)
    (eight,) = read(picture(Scene((above, below), "blue"))).objects
    assert eight.shape == "unclear"


def test_noise_is_not_taken_for_objects():
    noise = torch.rand(3, 128, 128, generator=torch.Generator().manual_seed(0)) * 2 - 1
    assert read(noise).objects == ()


def test_readings_bear_noise_and_blur():
    scenes = random_scenes(22, 60)
    images = render(scenes, (128, 128))
    images = images + 0.1 * torch.randn(images.shape, generator=torch.Generator().manual_seed(0))
    images = torch.nn.functional.avg_pool2d(images, 3, 1, 1)
    right = [judge(image, s.caption).all for image, s in zip(images, scenes, strict=True)]
    assert sum(right) >= 0.9 * len(scenes)


def test_what_is_found_says_where_it_is():
    scene = Scene((Thing("circle", "red", "plain", 0.25, 0.5, 0.1),), "blue", width=2.0)
    (found,) = read(picture(scene, 0.5), 0.001).objects
    mask = found.area.on(Size(64, 128))
    assert int(mask.sum()) == found.pixels == pytest.approx(math.pi * 6.4**2, rel=0.1)
    assert found.share == found.pixels / mask.numel()
    assert (found.x, found.y) == pytest.approx((0.125, 0.5), abs=0.01)
    assert not found.touches
    red = picture(scene, 0.5)[0] > 0
    assert (mask & ~red).sum() == 0


def test_what_the_border_cuts_touches_it():
    scene = Scene((Thing("circle", "red", "plain", 0.5, 0.0, 0.3),), "blue")
    (found,) = read(picture(scene)).objects
    assert found.touches
