"""Textures are told from the true one: what is too faint, what is too strong, and nothing else."""

import math

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from muralist.bench.spectrum import SHADE, bands, edges, gap, true_bands
from muralist.canvas import Size
from muralist.shapes.render import picture
from muralist.shapes.scene import scenes_of

CIRCLE = "a red circle on a blue background"
TEXTURED = (
    "a striped red circle on a blue background",
    "a dotted green square on a white background",
    "a striped orange ring on a black background",
    "a striped red star and a dotted blue ring on a white background",
)
SIZE = Size(256, 256)


def drawn(caption: str, zoom: float = 2.0, **frame: float) -> Tensor:
    """A true picture, of a scene that is none of those the true texture is taken of."""
    return picture(scenes_of(caption, 99, 1, **frame)[0], zoom)


def enlarged(image: Tensor, size: Size) -> Tensor:
    pixels = ((image.permute(1, 2, 0) + 1) * 127.5).round().byte().numpy()
    large = Image.fromarray(pixels).resize(size[::-1], Image.Resampling.LANCZOS)
    return torch.from_numpy(np.array(large)).permute(2, 0, 1) / 127.5 - 1


def grain(image: Tensor, deviation: float) -> Tensor:
    return image + deviation * torch.randn(image.shape, generator=torch.Generator().manual_seed(1))


def decibels(variance: float) -> float:
    return 10 * math.log10(variance / SHADE + 1)


def test_bands_are_octaves_that_the_pixels_hold():
    assert edges(Size(128, 128)) == (8, 16, 32, 64)
    assert edges(Size(256, 512)) == edges(Size(512, 512)) == (8, 16, 32, 64, 128, 256)
    assert edges(Size(384, 384)) == (8, 16, 32, 64, 128)


@pytest.mark.parametrize(("pitch", "band"), [(12, 0), (24, 1), (48, 2), (96, 3)])
def test_a_wave_has_its_variance_in_its_own_band(pitch, band):
    phase = torch.arange(256) / 256 * pitch * 2 * math.pi
    found = bands(drawn(CIRCLE) + 0.1 * phase.sin(), CIRCLE)
    assert found[band] == pytest.approx(decibels(0.1**2 / 2), abs=0.5)
    assert all(found[band] - other > 12 for at, other in enumerate(found) if at != band)


def test_white_noise_has_the_variance_that_a_bands_share_of_all_waves_is():
    """A ring of the plane of waves, which is as wide as there are pixels to a unit."""
    found = bands(grain(drawn(CIRCLE), 0.1), CIRCLE)
    for low, high, strength in zip(edges(SIZE), edges(SIZE)[1:], found, strict=False):
        share = math.pi * (high**2 - low**2) / 256**2
        assert strength == pytest.approx(decibels(0.1**2 * share), abs=0.5)


@pytest.mark.parametrize("caption", [CIRCLE, *TEXTURED])
def test_another_true_picture_of_the_caption_is_near(caption):
    assert gap(drawn(caption), caption) < 1


def test_another_true_picture_of_a_wide_frame_is_near():
    assert gap(drawn(TEXTURED[3], 2.0, height=0.5), TEXTURED[3]) < 1


@pytest.mark.parametrize("caption", TEXTURED)
def test_an_enlarged_picture_lacks_fine_bands(caption):
    shown = enlarged(drawn(caption, 1.0), SIZE)
    found, true = bands(shown, caption), true_bands(caption, SIZE)
    assert found[0] == pytest.approx(true[0], abs=1)
    assert all(mine < its - 3 for mine, its in zip(found[2:], true[2:], strict=True))
    assert gap(shown, caption) > 3


@pytest.mark.parametrize("caption", [CIRCLE, *TEXTURED])
def test_grain_is_on_the_other_side(caption):
    gaps = [gap(grain(drawn(caption), strength), caption) for strength in (0.0, 0.05, 0.1, 0.2)]
    assert gaps == sorted(gaps) and gaps[-1] > 2
    assert bands(grain(drawn(caption), 0.1), caption)[-1] > true_bands(caption, SIZE)[-1] + 2


def test_plain_things_have_no_texture():
    assert max(true_bands(CIRCLE, SIZE)) < 0.5
    assert gap(enlarged(drawn(CIRCLE, 1.0), SIZE), CIRCLE) < 1


def test_a_picture_without_its_thing_has_no_texture_to_tell():
    shown = drawn("a green square on a blue background")
    assert all(math.isnan(band) for band in bands(shown, CIRCLE))
    assert math.isnan(gap(shown, CIRCLE))


def test_the_largest_area_is_looked_at():
    """A small one beside it, of another texture, changes nothing."""
    shown = drawn("a red star on a blue background")
    alone = bands(shown, CIRCLE)
    shown[:, :20, :20] = grain(
        torch.tensor([0.72, -0.8, -0.76]).view(3, 1, 1).expand(3, 20, 20), 0.2
    )
    assert bands(shown, CIRCLE) == pytest.approx(alone)


def test_other_texts_are_refused():
    with pytest.raises(ValueError, match="is not a caption"):
        gap(torch.zeros(3, 64, 64), "a photo of a cat")
