"""The weights that are drawn are the paper's, and the method's."""

import math
from dataclasses import replace

import numpy as np
import pytest

from muralist.explain import Weights
from muralist.explain.chart import Curve, curves, shares
from muralist.explain.moment import steps
from muralist.explain.palette import PALETTES


def at(t: float):
    return replace(steps(50)[0], t=t)


def test_at_noise_all_weights_are_one():
    assert Weights().weights(at(1.0)) == pytest.approx((1, 1, 1))


def test_at_the_picture_the_weights_are_gone_and_the_blur_nearly():
    assert Weights().weights(at(0.0)) == pytest.approx((0, 0, 0.01))


@pytest.mark.parametrize("t", [0.1, 0.37, 0.5, 0.93])
def test_between_they_are_the_papers_cosines(t):
    """DemoFusion, eq. 5 and below: ((1 + cos((T - t) / T pi)) / 2) ^ alpha."""
    wave = (1 + math.cos(math.pi * (1 - t))) / 2
    idea = Weights(cosine_scale_1=3, cosine_scale_2=2, cosine_scale_3=0.5)
    assert idea.weights(at(t)) == pytest.approx((wave**3, wave**2, 0.99 * wave**0.5 + 0.01))


def test_weights_fall_step_by_step():
    every = [Weights().weights(step) for step in steps(50)]
    for one in zip(*every, strict=True):
        assert list(one) == sorted(one, reverse=True)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_curves_are_drawn_where_their_values_are(theme):
    palette = PALETTES[theme]
    flat = Curve("flat", [0.25] * 11, palette.second)
    pixels = curves(400, 254, [flat], 5, palette)
    off = np.abs(pixels[:, 100].astype(int) - palette.second).sum(-1)
    drawn = np.flatnonzero(off < 60)  # the line's edges are soft
    assert drawn.mean() == pytest.approx(14 + 200 * 0.75, abs=1)


def test_the_area_of_a_share_is_its_value():
    palette = PALETTES["light"]
    below, above = (Curve("", [0.3] * 11, colour) for colour in (palette.first, palette.quiet))
    pixels = shares(400, 254, below, above, 0, palette)
    field = pixels[14:214, 100].astype(int)
    bluer = field[:, 2] - field[:, 0] > 40
    assert bluer.mean() == pytest.approx(0.3, abs=0.02)
