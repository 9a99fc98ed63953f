"""Scenes to pixels, whole and cropped, at any size."""

import pytest
import torch
import torch.nn.functional as F

from muralist.shapes.render import NATIVE, picture, render
from muralist.shapes.scene import Scene, Thing, random_scenes

SCENES = random_scenes(11, 12)


def test_the_picture_of_a_crop_is_the_crop_of_the_picture():
    whole = render(SCENES, (384, 384), zoom=3.0)
    crop = render(SCENES, (100, 120), zoom=3.0, top=70.0, left=41.0)
    assert torch.allclose(crop, whole[:, :, 70:170, 41:161], atol=1e-4)  # float32 coordinates


def test_every_scene_has_its_own_window():
    zooms, tops, lefts = [1.0, 2.5, 4.0], [0.0, 30.0, -9.0], [5.0, -16.0, 200.0]
    together = render(SCENES[:3], (64, 48), zooms, tops, lefts)
    for i, where in enumerate(zip(zooms, tops, lefts, strict=True)):
        alone = render(SCENES[i : i + 1], (64, 48), *where)
        assert torch.allclose(together[i], alone[0], atol=1e-4)


def test_a_large_picture_reduced_is_the_native_one():
    native = render(SCENES, (NATIVE, NATIVE))
    large = F.avg_pool2d(render(SCENES, (4 * NATIVE, 4 * NATIVE), zoom=4.0), 4)
    # Edges are antialiased along one direction only, so single pixels differ; the mean does not.
    assert (native - large).abs().mean() < 0.01
    assert (native - large).mean().abs() < 0.002


@pytest.mark.parametrize("material", ["striped", "dotted"])
def test_materials_have_detail_that_only_large_pictures_resolve(material):
    scene = Scene((Thing("square", "green", material, 0.5, 0.5, 0.4),), "white")
    native = render([scene], (NATIVE, NATIVE))
    enlarged = F.interpolate(native, scale_factor=4, mode="bicubic")[..., 192:320, 192:320]
    fine = render([scene], (NATIVE, NATIVE), 4.0, 192.0, 192.0)
    # Without the second octave they would be about equal.
    assert fine.diff(dim=-1).abs().mean() > 1.5 * enlarged.diff(dim=-1).abs().mean()


def test_windows_may_hang_over_the_frame():
    beyond = render(SCENES, (32, 32), top=-300.0, left=-300.0)
    assert beyond.isfinite().all()
    assert beyond.abs().max() <= 1
    # Nothing is there but the background.
    assert beyond.flatten(2).std(dim=2).max() < 0.01


def test_pictures_have_the_frame_of_their_scene():
    scene = random_scenes(1, 1)[0]
    oblong = Scene(scene.things, scene.background, width=1.25, height=0.75)
    assert picture(oblong, 2.0).shape == (3, 192, 320)
