"""What is measured is what was asked for."""

import pytest

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
    case, native = Case(captions(1)[0], 3, Size(256, 256)), Size(128, 128)
    one, five = (true_pictures(case, native, count) for count in (1, 5))
    assert one[0][1].equal(five[0][1])
    assert not one[0][1].equal(five[1][1])
