"""Areas and what is done with masks, against scipy."""

import pytest
import torch
from scipy import ndimage

from muralist.canvas import Size
from muralist.shapes.areas import Area, closed, connected, dilated, filled, numbered, opened, united


def mask(seed: int, share: float = 0.6) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    height, width = torch.randint(1, 40, (2,), generator=generator).tolist()
    return torch.rand(height, width, generator=generator) < share


def square(radius: int) -> torch.Tensor:
    return torch.ones(2 * radius + 1, 2 * radius + 1)


@pytest.mark.parametrize("seed", range(40))
def test_areas_are_scipys_of_every_label(seed):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 3, mask(seed).shape, generator=generator)
    numbers = numbered(labels)
    assert torch.equal(numbers == 0, labels == 0)
    for label in (1, 2):
        theirs = torch.from_numpy(ndimage.label(labels == label)[0])[labels == label]
        pairs = set(zip(theirs.tolist(), numbers[labels == label].tolist(), strict=True))
        assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})


def test_areas_touch_side_by_side():
    drawn = torch.tensor([[1, 0, 1, 0], [1, 1, 1, 0], [0, 0, 0, 1]]).bool()
    assert sorted(area.pixels for _, area in connected(drawn)) == [1, 5]
    assert [area.pixels for _, area in connected(drawn, least=2)] == [5]
    assert connected(torch.zeros(4, 4).bool()) == []


@pytest.mark.parametrize("seed", range(10))
def test_areas_put_together_are_the_picture(seed):
    drawn = mask(seed)
    parts = [area for _, area in connected(drawn)]
    assert sum(area.pixels for area in parts) == int(drawn.sum())
    assert torch.equal(united(parts).on(Size(*drawn.shape)), drawn)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("radius", [1, 2, 3])
def test_masks_grow_and_shrink_as_in_scipy(seed, radius):
    drawn = mask(seed)
    grown = ndimage.binary_dilation(drawn, square(radius))
    assert torch.equal(dilated(drawn, radius), torch.from_numpy(grown))
    # Beyond the border a mask goes on where it is opened, and ends where it is closed.
    eroded = ndimage.binary_erosion(drawn, square(radius), border_value=1)
    assert torch.equal(
        opened(drawn, radius),
        torch.from_numpy(ndimage.binary_dilation(eroded, square(radius))) & drawn,
    )
    wide = ndimage.binary_closing(torch.nn.functional.pad(drawn, (9,) * 4), square(radius))
    assert torch.equal(closed(drawn, radius), torch.from_numpy(wide)[9:-9, 9:-9])


def test_only_small_holes_are_filled():
    ring = torch.ones(9, 9).bool()
    ring[4, 4], ring[1:3, 5:8] = False, False
    assert int(filled(Area(0, 0, ring), 0.05).mask.sum()) == 81 - 6
    assert int(filled(Area(0, 0, ring), 0.5).mask.sum()) == 81
    ring[0, 0] = False  # no hole: it is open to the outside
    assert not filled(Area(0, 0, ring), 0.5).mask[0, 0]


def test_the_middle_and_the_border_are_the_pictures():
    area = Area(2, 3, torch.ones(4, 2).bool())
    assert area.centre == (4.0, 4.0)
    assert not area.touches(Size(7, 6))
    assert area.touches(Size(6, 9)) and area.touches(Size(9, 5))
    assert Area(0, 3, area.mask).touches(Size(9, 9))
