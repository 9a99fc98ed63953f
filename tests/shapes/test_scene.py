"""Scenes of the shapes world and their captions."""

import random
from itertools import pairwise

import pytest

from muralist.shapes.scene import (
    EXTENT,
    Scene,
    Thing,
    parse_caption,
    random_scene,
    random_scenes,
    scenes_of,
    vocabulary,
)


def test_captions_say_what_is_there_from_left_to_right():
    star = Thing("star", "orange", "striped", 0.3, 0.5, 0.15)
    ring = Thing("ring", "red", "plain", 0.7, 0.5, 0.15)
    caption = Scene((star, ring), "grey").caption
    assert caption == "a striped orange star and a red ring on a grey background"
    assert Scene((Thing("circle", "orange", "plain", 0.5, 0.5, 0.3),), "red").caption == (
        "an orange circle on a red background"
    )


def test_captions_parse_back():
    for scene in random_scenes(1, 200):
        things, background = parse_caption(scene.caption)
        assert background == scene.background
        assert things == tuple((one.shape, one.colour, one.material) for one in scene.things)


@pytest.mark.parametrize(
    "text", ["", "a photo of a cat", "a red circle", "a red cat on a red wall"]
)
def test_other_texts_are_refused(text):
    with pytest.raises(ValueError, match="is not a"):
        parse_caption(text)


def test_captions_use_the_vocabulary_only():
    words = set(vocabulary())
    assert all(words >= set(scene.caption.split()) for scene in random_scenes(2, 200))


def test_a_seed_draws_one_scene():
    assert random_scene(3) == random_scene(3) != random_scene(4)
    assert random_scenes(3, 2)[0] == random_scene(random.Random(3))


@pytest.mark.parametrize(
    ("width", "height"), [(1.0, 1.0), (1.25, 0.75), (0.75, 1.25), (1.0, 0.5), (0.5, 1.0)]
)
def test_things_stay_inside_the_frame_and_apart(width, height):
    draw = random.Random(5)
    for _ in range(300):
        scene = random_scene(draw, width, height)
        for thing in scene.things:
            reach = thing.radius * EXTENT[thing.shape]
            assert reach <= thing.x <= width - reach
            assert reach <= thing.y <= height - reach
        if len(scene.things) == 2:
            left, right = scene.things
            spans = (EXTENT[one.shape] * one.radius for one in scene.things)
            assert right.x - left.x >= sum(spans)


def test_colours_of_things_and_background_differ():
    for scene in random_scenes(6, 300):
        colours = [scene.background, *(thing.colour for thing in scene.things)]
        assert len(set(colours)) == len(colours)


@pytest.mark.parametrize(("width", "height"), [(1.0, 1.0), (1.0, 0.5)])
def test_scenes_of_a_caption_say_it_and_lie_elsewhere(width, height):
    for one in random_scenes(7, 40):
        drawn = scenes_of(one.caption, 3, 4, width, height)
        assert {scene.caption for scene in drawn} == {one.caption}
        assert {(scene.width, scene.height) for scene in drawn} == {(width, height)}
        for name in ("y", "radius", "turn", "grain"):
            assert len({getattr(scene.things[0], name) for scene in drawn}) > 1
        assert len({scene.things[0].x for scene in drawn}) == 4
        for scene in drawn:
            assert all(left.x < right.x for left, right in pairwise(scene.things))


def test_scenes_of_captions_are_as_large_as_any():
    """Their objects' areas are spread as those of random scenes are."""
    radii = [
        [scene.things[0].radius for scene in some]
        for some in (
            scenes_of("a red circle on a blue background", 1, 400),
            [random_scene(seed, pair=0.0) for seed in range(400)],
        )
    ]
    for share in (0.1, 0.5, 0.9):
        ours, every = (sorted(each)[int(share * 400)] for each in radii)
        assert ours == pytest.approx(every, abs=0.02)


def test_a_seed_draws_the_same_scenes_of_a_caption():
    caption = "a striped red star and a blue ring on a white background"
    assert scenes_of(caption, 5, 3) == scenes_of(caption, 5, 3) != scenes_of(caption, 6, 3)


def test_captions_of_more_things_are_refused():
    three = "a red star and a blue ring and a green star on a white background"
    with pytest.raises(ValueError, match="has 3 things; scenes have one or two"):
        scenes_of(three, 0, 1)
