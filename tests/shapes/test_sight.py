"""Broken objects are one, copies are several, debris is none."""

import math
import random

import pytest
import torch
from torch import Tensor

from muralist.shapes.checker import NATIVE_OBJECT
from muralist.shapes.render import picture
from muralist.shapes.scene import RGB, SHAPES, Scene, Thing, random_scene
from muralist.shapes.sight import look


def thing(shape: str, x: float = 0.5, y: float = 0.5, radius: float = 0.28) -> Thing:
    return Thing(shape, "red", "plain", x, y, radius, 0.1)


def paint(image: Tensor, where: Tensor, colour: str) -> None:
    image[:, where] = torch.tensor(RGB[colour]).view(3, 1) * 2 - 1


def band(image: Tensor, angle: float, middle: tuple[float, float], width: float) -> Tensor:
    """Where a picture `3 H W` is nearer than half a width to a line; shares of its height."""
    height, across = image.shape[-2:]
    y = (torch.arange(height) + 0.5)[:, None] / height - middle[1]
    x = (torch.arange(across) + 0.5) / height - middle[0]
    return (x * math.cos(angle) + y * math.sin(angle)).abs() < width / 2


@pytest.mark.parametrize("zoom", [1, 2, 4])
@pytest.mark.parametrize("shape", SHAPES)
def test_an_object_cut_in_two_is_one_with_a_fragment(shape, zoom):
    draw = random.Random(zoom)
    for _ in range(4):
        image = picture(Scene((thing(shape),), "white"), zoom)
        middle = draw.uniform(0.42, 0.58), draw.uniform(0.42, 0.58)
        cut = band(image, draw.uniform(0, math.pi), middle, draw.uniform(0.03, 0.06))
        paint(image, cut, "white")
        seen = look(image)
        assert [one.shape for one in seen.objects] == [shape]
        assert 1 <= len(seen.fragments) <= 2  # of a star a tip may come off


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("gap", [0.02, 0.1, 0.4])
def test_whole_objects_side_by_side_are_never_one(shape, gap):
    reach = 0.13 * {"star": 1.3, "triangle": 1.35, "square": 1.0}.get(shape, 1.1) + gap / 2
    four = [
        Thing(shape, "red", "plain", 1 + i * reach, 1 + j * reach, 0.13)
        for i in (-1, 1)
        for j in (-1, 1)
    ]
    seen = look(picture(Scene(tuple(four), "blue", width=2.0, height=2.0)))
    assert len(seen.objects) == 4
    assert seen.fragments == ()


def test_a_lone_piece_is_no_object_unless_it_is_large():
    image = picture(Scene((thing("ring", radius=0.25),), "blue"))
    paint(image, band(image, 0.0, (0.0, 0.0), 1.1), "blue")  # less than half is left
    seen = look(image)
    assert seen.objects == () and len(seen.fragments) == 1
    large = look(image, typical=NATIVE_OBJECT / 4)
    assert [one.shape for one in large.objects] == ["unclear"] and large.fragments == ()


def test_what_the_border_hides_half_of_is_an_object():
    disc = thing("ring", y=0.0, radius=0.26)
    assert len(look(picture(Scene((disc,), "blue"))).objects) == 1
    inside = picture(Scene((thing("ring", radius=0.26),), "blue"))
    paint(inside, torch.arange(128)[:, None].expand(128, 128) < 64, "blue")
    assert look(inside).objects == ()


def test_pieces_that_make_no_outline_together_are_not_one():
    image = picture(Scene((), "white"))
    for left in (24, 57):  # bars, with a gap that is filled where pieces are one
        image[:, 12:116, left : left + 20] = torch.tensor(RGB["red"]).view(3, 1, 1) * 2 - 1
    assert [one.shape for one in look(image).objects] == ["unclear", "unclear"]


def test_debris_is_no_object():
    image = picture(Scene((thing("star"),), "white"), 2)
    for i, colour in enumerate(("red", "green", "black")):
        speck = band(image, 0.0, (0.1, 0.5), 0.04) & band(image, 1.57, (0.5, 0.1 + 0.1 * i), 0.04)
        paint(image, speck, colour)
    seen = look(image, NATIVE_OBJECT)
    assert [one.shape for one in seen.objects] == ["star"]
    assert sorted(one.colour for one in seen.fragments) == ["black", "green", "red"]


def test_objects_of_the_native_size_are_found_in_any_picture():
    scene = random_scene(3, pair=1.0)
    for times in (1, 3, 5):
        seen = look(picture(scene).repeat(1, times, times), NATIVE_OBJECT / 2)
        assert len(seen.objects) == 2 * times**2


def test_the_objects_of_noise_are_none():
    noise = torch.rand(3, 256, 256, generator=torch.Generator().manual_seed(0)) * 2 - 1
    assert look(noise).objects == ()
