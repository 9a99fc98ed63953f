"""The feature space that is shipped has the properties that comparing pictures asks for."""

import random

import pytest
import torch
import torch.nn.functional as F
from safetensors import safe_open
from torch import Generator, Tensor
from training.features import flaws
from training.features.data import windows

from muralist.bench.controls import enlarged
from muralist.bench.distances import frechet, kernel
from muralist.bench.features import patches, patchwise, reduced, shapes_features, whole
from muralist.canvas import Size
from muralist.errors import BadRequest
from muralist.shapes import FEATURES
from muralist.shapes.render import NATIVE, picture, render
from muralist.shapes.scene import random_scene, random_scenes

HELD_OUT = 3 * 10**6  # training draws its seeds below 2^31 at random: scenes, not seeds, are new
SIDE = 64


@pytest.fixture(scope="module")
def true() -> Tensor:
    """Patches of true pictures, `N 3 64 64`."""
    return windows(HELD_OUT, 96, SIDE)


@pytest.fixture(scope="module")
def others() -> Tensor:
    """As many others."""
    return windows(HELD_OUT + 1, 96, SIDE)


@pytest.fixture(scope="module")
def told_true(true) -> Tensor:
    return told(true)


@pytest.fixture(scope="module")
def told_others(others) -> Tensor:
    return told(others)


def told(pictures: Tensor) -> Tensor:
    """Mean features `N 64` of patches."""
    return torch.cat([shapes_features()(some).mean((2, 3)) for some in pictures.split(32)])


def with_blur(pictures: Tensor, sigma: float) -> Tensor:
    return torch.stack([flaws.blurred(one, sigma) for one in pictures])


def with_lanczos(pictures: Tensor, factor: float) -> Tensor:
    return torch.stack([flaws.enlarged(one, round(SIDE / factor)) for one in pictures])


def with_grain(pictures: Tensor, deviation: float) -> Tensor:
    noise = torch.randn(pictures.shape, generator=Generator().manual_seed(0))
    return (pictures + deviation * noise).clamp(-1, 1)


def with_seam(pictures: Tensor, shift: int) -> Tensor:
    """The right half is taken from so many pixels further down."""
    lower = F.pad(pictures, (0, 0, 0, shift), mode="replicate")[..., shift:, :]
    return torch.cat([pictures[..., : SIDE // 2], lower[..., SIDE // 2 :]], -1)


def with_tint(pictures: Tensor, amount: float) -> Tensor:
    field = torch.rand(len(pictures), 3, 2, 2, generator=Generator().manual_seed(1)) * 2 - 1
    field = F.interpolate(field, SIDE, mode="bilinear", align_corners=True)
    return (pictures + amount * field).clamp(-1, 1)


def test_what_is_shipped_is_small():
    with safe_open(FEATURES, "pt") as file:
        parts = [file.get_tensor(name) for name in file.keys()]  # noqa: SIM118
    assert {part.dtype for part in parts if part.is_floating_point()} == {torch.float16}
    assert 50_000 < sum(part.numel() for part in parts) < 250_000
    assert FEATURES.stat().st_size < 1_000_000


@pytest.mark.parametrize(("height", "width"), [(64, 64), (128, 72), (9, 50), (8, 8)])
def test_pictures_of_any_size_have_a_feature_for_every_eight_pixels(height, width):
    features = shapes_features()(torch.zeros(2, 3, height, width))
    assert features.shape == (2, 64, -(-height // 8), -(-width // 8))


def test_a_feature_does_not_know_of_what_is_far_away():
    image = picture(random_scene(1), 2)
    other = image.clone()
    other[:, :32] = -other[:, :32]
    before, after = (shapes_features()(one[None])[0] for one in (image, other))
    # The layers reach 49 pixels beyond those that were changed, which is within ten cells.
    assert torch.equal(before[:, 11:], after[:, 11:])
    assert not torch.allclose(before[:, :6], after[:, :6], atol=0.1)


def test_features_have_comparable_variances(true):
    deviation = shapes_features()(true).std((0, 2, 3))
    assert 0.2 < deviation.min() < deviation.max() < 5


SPOILT = {
    "Lanczos 3": lambda pictures: with_lanczos(pictures, 3),
    "blur 1.5": lambda pictures: with_blur(pictures, 1.5),
    "grain 0.05": lambda pictures: with_grain(pictures, 0.05),
}


@pytest.mark.parametrize("flaw", SPOILT)
def test_true_and_spoilt_patches_are_linearly_separable(flaw, true, others):
    """Fisher's discriminant of one half tells the other, whose scenes it has not seen."""
    spoil = SPOILT[flaw]
    edged = [some[some.std((1, 2, 3)) > 0.2] for some in (true, others)]  # what can be blurred
    learned, asked = ((told(some), told(spoil(some))) for some in edged)
    inside = sum(each.T.cov() for each in learned) + 0.1 * torch.eye(64)
    direction = torch.linalg.solve(inside, learned[1].mean(0) - learned[0].mean(0))
    between = (learned[0].mean(0) + learned[1].mean(0)) @ direction / 2
    right = torch.cat([asked[0] @ direction < between, asked[1] @ direction > between])
    assert right.float().mean() > 0.85


GROWING = {
    "blur": (with_blur, (0.5, 1, 2, 3)),
    "Lanczos": (with_lanczos, (2, 3, 4)),
    "grain": (with_grain, (0.02, 0.05, 0.1, 0.2)),
    "seam": (with_seam, (2, 4, 8, 16)),
    "tint": (with_tint, (0.1, 0.2, 0.3, 0.4)),
}


@pytest.mark.parametrize("flaw", GROWING)
def test_distances_grow_with_every_flaw(flaw, true, told_true, told_others):
    spoil, strengths = GROWING[flaw]
    spoilt = [told(spoil(true, strength)) for strength in strengths]
    for distance in (frechet, kernel):
        found = [distance(told_true, each) for each in spoilt]
        assert found == sorted(found)
    assert kernel(told_others, spoilt[-1]) > kernel(told_others, told_true)


def test_an_enlarged_base_is_near_when_whole_and_far_in_patches():
    """The trap of distances of reduced pictures: they see little of blur."""
    size, scenes = Size(4 * NATIVE, 4 * NATIVE), random_scenes(HELD_OUT, 5)
    true, other = (render(some, size, 4) for some in (scenes, random_scenes(HELD_OUT + 1, 5)))
    moved = render(scenes, size, 4, 16, 16)  # as true, and all but the same
    blurry = [enlarged(one, size) for one in render(scenes, (NATIVE, NATIVE))]

    def rows(view, pictures) -> Tensor:
        return torch.cat([view(one, shapes_features()) for one in pictures])

    def distances(view, *others) -> list[float]:
        mine = rows(view, true)
        return [frechet(mine, rows(view, some)) for some in others]

    for_whole = distances(whole, blurry, moved, other)
    in_patches = distances(patchwise, blurry, moved)
    assert for_whole[0] < 0.1 * for_whole[2]  # nearer than other scenes by far
    assert in_patches[0] / in_patches[1] > 3 * for_whole[0] / for_whole[1]


def test_patches_lie_side_by_side():
    image = torch.rand(3, 70, 100, generator=Generator().manual_seed(0))
    found = patches(image, 32)
    assert found.shape == (6, 3, 32, 32)
    rows = [torch.cat(list(row), 2) for row in found.split(3)]
    assert torch.equal(torch.cat(rows, 1), image[:, :64, :96])


def test_a_picture_without_room_for_a_patch_is_refused():
    with pytest.raises(BadRequest, match="100x40 pixels has no patches of 64x64"):
        patches(torch.zeros(3, 40, 100), 64)


def test_pictures_are_reduced_by_averaging():
    image = torch.rand(3, 64, 128, generator=Generator().manual_seed(0))
    assert torch.allclose(
        reduced(image, 32), image.unflatten(1, (16, 4)).unflatten(3, (32, 4)).mean((2, 4))
    )
    with pytest.raises(BadRequest, match="128x64 pixels cannot be reduced to 256"):
        reduced(image, 256)


def test_whole_pictures_have_one_row_and_patches_many():
    image = picture(random_scene(random.Random(0)), 2)
    assert whole(image, shapes_features()).shape == (1, 64)
    assert patchwise(image, shapes_features()).shape == (16, 64)
    mean = shapes_features()(image[None, :, :64, 64:128]).mean((0, 2, 3))
    assert torch.allclose(patchwise(image, shapes_features())[1], mean, atol=1e-5)
