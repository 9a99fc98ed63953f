"""What is repeated, lost or changed is counted as just that; truth and enlargements are clean."""

import math
import random
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from muralist.bench.repetition import Repetition, compared, comparison
from muralist.shapes.render import picture
from muralist.shapes.scene import SHAPES, Scene, Thing, random_scene

CLEAN = Repetition(
    found=1,
    base=1,
    excess=0,
    index=0.0,
    missing=0,
    wrong_colours=0,
    wrong_shapes=0,
    fragments=0,
    drift=0.0,
)


def clean(count: int, **others: float) -> Repetition:
    return replace(CLEAN, **{"found": count, "base": count, **others})


def measured(large: Tensor, base: Tensor, caption: str) -> tuple[Repetition, float]:
    """Counts, and drift apart from them."""
    result = compared(large, base, caption)
    return replace(result, drift=0.0), result.drift


def lanczos(image: Tensor, times: int) -> Tensor:
    pixels = ((image + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
    small = Image.fromarray(pixels)
    large = small.resize((small.width * times, small.height * times), Image.Resampling.LANCZOS)
    return torch.from_numpy(np.array(large)).permute(2, 0, 1) / 127.5 - 1


def single(shape: str, material: str = "plain") -> Scene:
    background = {"plain": "white", "striped": "black", "dotted": "yellow"}[material]
    return Scene((Thing(shape, "blue", material, 0.45, 0.5, 0.25, 0.2, 0.4),), background)


# Scene, and zoom of the base picture: each shape alone; drawn ones with one and two objects,
# square and twice as wide as high.
SCENES = [
    *(
        (single(shape, ("plain", "striped", "dotted")[i % 3]), 1.0)
        for i, shape in enumerate(SHAPES)
    ),
    *((random_scene(seed, pair=0.0), 1.0) for seed in (31, 32)),
    *((random_scene(seed, pair=1.0), 1.0) for seed in (33, 34)),
    *((random_scene(seed, 2.0, 1.0, pair=0.0), 0.5) for seed in (35, 36)),
    *((random_scene(seed, 2.0, 1.0, pair=1.0), 0.5) for seed in (37, 38)),
]
CASES = [
    pytest.param(scene, zoom, 2 + i % 3, id=f"{i}-{2 + i % 3}x")
    for i, (scene, zoom) in enumerate(SCENES)
]


@pytest.mark.parametrize(("scene", "zoom", "times"), CASES)
def test_truth_repeats_nothing(scene, zoom, times):
    counts, drift = measured(picture(scene, zoom * times), picture(scene, zoom), scene.caption)
    assert counts == clean(len(scene.things))
    assert drift < 0.005  # two thirds of a native pixel


@pytest.mark.parametrize(("scene", "zoom", "times"), CASES)
def test_an_enlargement_repeats_nothing(scene, zoom, times):
    base = picture(scene, zoom)
    counts, drift = measured(lanczos(base, times), base, scene.caption)
    assert counts == clean(len(scene.things))
    assert drift < 0.005


@pytest.mark.parametrize(("scene", "zoom", "times"), CASES)
def test_copies_in_every_window_are_all_excess_but_one(scene, zoom, times):
    base, count = picture(scene, zoom), len(scene.things)
    counts = compared(base.repeat(1, times, times), base, scene.caption)
    assert (counts.found, counts.base) == (count * times**2, count)
    assert (counts.excess, counts.index) == (count * (times**2 - 1), 1.0)
    assert (counts.missing, counts.fragments) == (0, 0)


def pair(left: Thing, right: Thing | None = None) -> Scene:
    return Scene((left, right) if right else (left,), "white")


LEFT = Thing("circle", "blue", "plain", 0.28, 0.4, 0.17)
RIGHT = Thing("square", "red", "plain", 0.74, 0.6, 0.16)
SAID = pair(LEFT, RIGHT)
CHANGES = {
    "nothing": (SAID, clean(2), 0.0),
    "moved": (pair(replace(LEFT, y=0.6), RIGHT), clean(2), 0.1),
    "both moved": (pair(replace(LEFT, y=0.6), replace(RIGHT, x=0.64)), clean(2), 0.15),
    "recoloured": (pair(replace(LEFT, colour="green"), RIGHT), clean(2, wrong_colours=1), 0.0),
    "of swapped colours": (
        pair(replace(LEFT, colour="red"), replace(RIGHT, colour="blue")),
        clean(2, wrong_colours=2),
        0.0,
    ),
    "reshaped": (pair(replace(LEFT, shape="ring"), RIGHT), clean(2, wrong_shapes=1), 0.0),
    "removed": (pair(LEFT), clean(2, found=1, missing=1), 0.0),
    "both removed": (Scene((), "white"), clean(2, found=0, missing=2), math.nan),
    "a third": (
        Scene((LEFT, RIGHT, Thing("star", "green", "plain", 0.3, 0.82, 0.1)), "white"),
        clean(2, found=3, excess=1),
        0.0,
    ),
    "another instead, elsewhere": (
        pair(replace(LEFT, colour="green", x=0.55, y=0.2, radius=0.15), RIGHT),
        clean(2, excess=1, missing=1),
        0.0,
    ),
    "another instead, far smaller": (
        pair(replace(LEFT, colour="green", radius=0.09), RIGHT),
        clean(2, excess=1, missing=1),
        0.0,
    ),
}


@pytest.mark.parametrize("times", [2, 4])
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_reported_as_just_that(change, times):
    scene, expected, drift = CHANGES[change]
    counts, way = measured(picture(scene, times), picture(SAID), SAID.caption)
    index = expected.excess / (2 * (times**2 - 1))
    assert counts == replace(expected, index=index)
    assert way == pytest.approx(drift, abs=0.005, nan_ok=True)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("times", [2, 4])
def test_a_split_object_is_one_in_fragments(shape, times):
    scene = Scene((Thing(shape, "blue", "plain", 0.5, 0.5, 0.25),), "white")
    large = picture(scene, times)
    middle = large.shape[-1] // 2
    large[:, :, middle - 3 * times : middle + 2 * times] = 0.9
    counts, drift = measured(large, picture(scene), scene.caption)
    assert counts.fragments >= 1
    assert replace(counts, fragments=0) == CLEAN
    assert drift < 0.03


def test_specks_that_the_base_has_are_no_excess():
    """Too small to be an object of the base picture, and four times as large beside copies."""
    scene = single("circle")
    speck = Thing("circle", "red", "plain", 0.85, 0.85, 0.05)
    said, with_speck = scene.caption, replace(scene, things=(*scene.things, speck))
    counts, _ = measured(picture(with_speck, 4), picture(with_speck), said)
    assert counts == CLEAN
    counts, _ = measured(picture(with_speck, 4), picture(scene), said)
    assert (counts.excess, counts.missing) == (1, 0)
    counts, _ = measured(picture(scene, 4), picture(with_speck), said)
    assert counts == CLEAN
    same = replace(scene, things=(*scene.things, replace(speck, colour="blue")))
    counts, _ = measured(picture(scene).repeat(1, 2, 2), picture(same), said)
    assert (counts.excess, counts.index, counts.missing) == (3, 1.0, 0)


@pytest.mark.parametrize("seed", range(5))
def test_what_was_found_is_kept_or_extra_and_what_was_there_kept_or_missing(seed):
    draw = random.Random(seed)
    scene, other = random_scene(draw, pair=0.5), random_scene(draw, pair=0.5)
    base = picture(scene)
    both = comparison(picture(other).repeat(1, 2, 2), base)
    assert len(both.kept) + len(both.extra) == len(both.after.objects)
    assert len(both.kept) + len(both.missing) == len(scene.things)


def test_colours_and_shapes_are_the_captions_not_the_bases():
    scene = single("circle")
    said = "a green circle on a white background"
    assert compared(picture(scene, 2), picture(scene), said).wrong_colours == 1


def test_without_objects_there_is_no_index_and_no_drift():
    empty = torch.full((3, 128, 128), 0.9)
    counts = compared(picture(single("star"), 2), empty, "a blue star on a white background")
    assert (counts.base, counts.found, counts.excess) == (0, 1, 1)
    assert math.isnan(counts.index) and math.isnan(counts.drift)


def test_what_is_no_caption_of_the_world_is_refused():
    base = picture(single("star"))
    with pytest.raises(ValueError, match="not a caption"):
        compared(base, base, "a cat")


def test_right_is_what_shows_the_base_and_no_more_and_where_there_is_none_nobody_knows():
    one = single("circle")
    small, large = picture(one), picture(one, 2)
    assert compared(large, small, one.caption).right == 1
    assert compared(small.repeat(1, 2, 2), small, one.caption).right == 0
    empty = replace(one, things=())
    nothing = compared(large, picture(empty), one.caption)
    assert math.isnan(nothing.right)
