"""What is measured is what was asked for."""

import pytest
import torch.nn.functional as F

from muralist.bench.cases import Case, captions
from muralist.bench.samples import Control, sampled, true_pictures
from muralist.bench.trials import Workshop
from muralist.canvas import Size


@pytest.mark.parametrize("size", [Size(512, 512), Size(256, 512), Size(136, 200), Size(640, 128)])
def test_true_pictures_are_as_large_as_painted_ones(tmp_path, size):
    """Also where the native ratio is rounded to whole latent cells."""
    workshop, case = Workshop(tmp_path, {"model": "shapes"}), Case(captions(1)[0], 0, size)
    truth = sampled(workshop, Control("truth", case))
    assert truth.large.shape == (3, *size)
    assert truth.base.shape == (3, *workshop.native_size(case))


def test_the_first_true_pictures_do_not_depend_on_how_many_there_are():
    case = Case(captions(1)[0], 3, Size(256, 256))
    one, five = (true_pictures(case, case.size, count) for count in (1, 5))
    assert one[0].equal(five[0])
    assert not one[0].equal(five[1])


def test_a_true_picture_is_the_same_at_every_size():
    case = Case(captions(1)[0], 3, Size(384, 256))
    (small,), (large,) = (true_pictures(case, size, 1) for size in (Size(192, 128), case.size))
    assert (F.avg_pool2d(large, 2) - small).abs().mean() < 0.02
