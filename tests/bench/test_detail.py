"""Detail beyond the native size."""

import torch
import torch.nn.functional as F

from muralist.bench.detail import detail
from muralist.shapes.render import picture
from muralist.shapes.scene import Scene, Thing

SCENE = Scene((Thing("circle", "red", "striped", 0.5, 0.5, 0.3),), "blue")


def test_true_pictures_have_detail_that_enlarged_ones_lack():
    true = picture(SCENE, 4.0)
    enlarged = F.interpolate(picture(SCENE)[None], scale_factor=4, mode="bicubic")[0]
    assert detail(true, 4) > 4 * detail(enlarged, 4)


def test_grain_passes_for_detail():
    true = picture(SCENE, 4.0)
    grain = 0.1 * torch.randn(true.shape, generator=torch.Generator().manual_seed(0))
    assert detail(true + grain, 4) > detail(true, 4)
