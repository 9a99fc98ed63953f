"""Controls are what they are called."""

import torch

from muralist.bench.controls import copied, enlarged
from muralist.bench.detail import detail
from muralist.canvas import Size
from muralist.shapes.render import picture
from muralist.shapes.scene import random_scene


def base() -> torch.Tensor:
    return picture(random_scene(3))


def test_a_copy_is_the_base_again_and_again():
    large = copied(base(), Size(256, 512))
    assert large.shape == (3, 256, 512)
    for top in (0, 128):
        for left in range(0, 512, 128):
            assert torch.equal(large[:, top : top + 128, left : left + 128], base())


def test_a_copy_may_end_in_the_middle():
    assert copied(base(), Size(200, 130)).shape == (3, 200, 130)


def test_an_enlargement_reduces_to_the_base_and_adds_nothing():
    large = enlarged(base(), Size(512, 512))
    reduced = torch.nn.functional.avg_pool2d(large, 4)
    assert (reduced - base()).abs().mean() < 0.02
    assert detail(large, 4) < 0.3 * detail(picture(random_scene(3), 4), 4)
