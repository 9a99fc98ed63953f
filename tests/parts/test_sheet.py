"""Panels of pictures of any size, side by side."""

import numpy as np
import torch

from muralist.sinks import lit, panel, resize, side_by_side
from tests.parts.test_resize import grain


def test_a_panel_has_the_pictures_ratio_and_at_most_its_side():
    for height, width, small in (
        (100, 400, (16, 64)),
        (401, 100, (64, 16)),
        (64, 64, (64, 64)),
        (1, 3000, (1, 64)),
    ):
        assert panel(grain(height, width), 64).shape == (*small, 3)


def test_a_small_picture_is_its_own_panel():
    pixels = grain(30, 40)
    assert np.array_equal(panel(pixels, 64), pixels)


def test_a_panel_of_a_large_picture_is_made_of_all_of_it(monkeypatch):
    """In strips of a few lines: a chequered half is grey, the other as it is."""
    monkeypatch.setattr(resize, "STRIP", 10_000)
    pixels = np.zeros((600, 400, 3), np.uint8)
    pixels[:300:2, ::2] = pixels[1:300:2, 1::2] = 255
    pixels[300:] = (10, 20, 30)
    small = panel(pixels, 60)
    assert np.abs(small[4:26].astype(int) - 127).max() <= 2
    assert (small[34:] == (10, 20, 30)).all()


def test_light_falls_where_the_map_says():
    pixels = np.full((40, 40, 3), 200, np.uint8)
    where = torch.zeros(4, 4)
    where[:2] = 1
    shown = lit(pixels, where)
    assert (shown[:10] == 200).all()
    assert (shown[30:] == 30).all()  # 15 %: what it is can still be seen


def test_every_panel_is_on_the_sheet():
    panels = [np.full((100, 120, 3), shade, np.uint8) for shade in (50, 100, 150, 200, 250)]
    sheet = side_by_side([("words", each) for each in panels], columns=2)
    for shade in (50, 100, 150, 200, 250):
        assert (sheet == shade).all(-1).sum() >= 100 * 120
