"""Shades of 8 bits are numbers in [-1, 1] and back."""

import numpy as np
import torch

from muralist.bench.shades import pixels, shades

EVERY = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)


def test_every_shade_comes_back():
    assert np.array_equal(shades(pixels(EVERY)), EVERY)


def test_shades_lie_evenly_between_the_ends():
    found = pixels(EVERY)
    assert found.shape == (3, 16, 16)
    assert torch.allclose(found[0].flatten(), torch.linspace(-1, 1, 256), atol=1e-6)


def test_what_lies_beyond_the_ends_is_the_nearest_shade():
    assert shades(torch.tensor([-3.0, -1.01, 1.01, 7.0]).expand(3, 1, -1)).tolist() == [
        [[0] * 3, [0] * 3, [255] * 3, [255] * 3]
    ]


def test_the_nearest_shade_is_taken():
    between = torch.tensor([0.4, 0.6]).expand(3, 1, -1) / 127.5
    assert shades(between)[0, :, 0].tolist() == [128, 128]
