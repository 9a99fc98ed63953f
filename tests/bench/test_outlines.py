"""Outlines lie around what was counted, in the colour of what it was counted as."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor

from muralist.bench.outlines import COLOURS, outlined
from muralist.bench.repetition import Comparison, comparison
from muralist.shapes.render import picture
from muralist.shapes.scene import RGB, Scene, Thing

ONE = Thing("circle", "blue", "plain", 0.3, 0.5, 0.18)
OTHER = replace(ONE, x=0.75, y=0.3, radius=0.12)


def shown(times: int = 2) -> tuple[Tensor, Comparison]:
    """A kept circle, an extra one above it at the right, and a speck below that."""
    large = picture(Scene((ONE, OTHER), "yellow"), times)
    rows = slice(100 * times, 104 * times)
    large[:, rows, 92 * times : 104 * times] = torch.tensor(RGB["red"]).view(3, 1, 1) * 2 - 1
    return large, comparison(large, picture(Scene((ONE,), "yellow")))


def of_colour(pixels: np.ndarray, kind: str) -> np.ndarray:
    return (pixels == COLOURS[kind]).all(-1)


def test_each_kind_has_its_colour_around_it_and_nowhere_else():
    large, found = shown()
    pixels = np.array(outlined(large, found))
    areas = {
        "kept": found.kept[0][1].area,
        "extra": found.extra[0].area,
        "fragment": found.after.fragments[0].area,
    }
    for kind, area in areas.items():
        mask = area.on(found.after.size).numpy()
        around = ndimage.binary_dilation(mask, iterations=8) & ~mask
        line = of_colour(pixels, kind) & ~mask  # within are the numbers
        assert line.any() and not (line & ~around).any()
        # The line is closed: it parts the inside from the rest.
        inside, _ = ndimage.label(~line)
        assert inside[mask].max() == inside[mask].min() != inside[0, 0]


def test_the_picture_is_as_it_was_elsewhere():
    large, found = shown()
    pixels = np.array(outlined(large, found))
    plain = ((large + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
    changed = (pixels != plain).any(-1)
    marked = [*found.after.objects, *found.after.fragments]
    near = sum(one.area.on(found.after.size) for one in marked).bool().numpy()
    assert not (changed & ~ndimage.binary_dilation(near, iterations=8)).any()
    assert changed.mean() < 0.2


@pytest.mark.parametrize("longest", [96, 256, 512])
def test_pictures_are_reduced_and_never_enlarged(longest):
    large, found = shown()
    image = outlined(large[:, :128], comparison(large[:, :128], large[:, :128:2, ::2]), longest)
    assert max(image.size) == min(longest, 256) and image.width == 2 * image.height
    assert of_colour(np.array(outlined(large, found, longest)), "extra").any()


@pytest.mark.parametrize("colour", RGB)
def test_a_line_or_the_black_beside_it_is_seen_on_any_colour(colour):
    own = np.array(RGB[colour])
    for line in COLOURS.values():
        assert max(np.linalg.norm(own - np.array(line) / 255), np.linalg.norm(own)) > 0.5


def test_a_picture_without_objects_is_left_alone():
    large = torch.full((3, 64, 64), 0.9)
    pixels = np.array(outlined(large, comparison(large, large)))
    assert (pixels == 242).all()
