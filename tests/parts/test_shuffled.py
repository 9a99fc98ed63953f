"""Cells are exchanged inside their cell, seen by the subsamplings, and put back."""

import pytest
import torch
import torch.nn.functional as F

from muralist.canvas import Size
from muralist.denoisers import Shuffled, Tiled
from muralist.query import Estimate
from muralist.views import Strided
from tests.laws.parts import network, normal, query

CASES = [(2, Size(8, 8)), (3, Size(9, 12)), (3, Size(7, 8)), (5, Size(6, 4))]
EACH = pytest.mark.parametrize(("k", "size"), CASES, ids=str)


def shown(k: int, size: Size, **known) -> tuple[torch.Tensor, torch.Tensor, Size]:
    """A canvas, what `inner` sees of it, and the canvas it is told of."""
    seen = []

    def looking(x, q):
        seen.append((x, q.canvas))
        return Estimate(x, x)

    x = normal(1, 3, *size)
    Shuffled(looking, k)(x, query(size, **known))
    return x, *seen[0]


@EACH
def test_what_works_cell_by_cell_does_not_notice(k, size):
    def pointwise(x, q):
        return Estimate(2 * x, torch.tanh(x))

    x = normal(1, 3, *size)
    made = Shuffled(pointwise, k)(x, query(size))
    assert torch.equal(made.x, 2 * x)
    assert torch.equal(made.x0, torch.tanh(x))


@EACH
def test_samples_stay_in_their_cell_and_channel(k, size):
    x, seen, told = shown(k, size)
    top, left = -size.height % k, -size.width % k
    assert tuple(seen.shape[-2:]) == told == (size.height + top, size.width + left)
    whole = F.pad(x, (left, 0, top, 0))
    for canvas in (whole, seen):
        assert canvas.shape == seen.shape
    sorted_cells = [
        F.pixel_unshuffle(canvas, k).unflatten(1, (3, k * k)).sort(2).values
        for canvas in (whole, seen)
    ]
    assert torch.equal(*sorted_cells)
    assert not torch.equal(whole, seen)


def test_every_order_of_a_cell_is_as_likely():
    """Two samples a cell side: 24 orders, each in about one of 24 cells of 120 by 120."""
    part = Shuffled(network, 2)
    order = part.order(torch.empty(1, 1, 240, 240), Size(240, 240), query(Size(240, 240)))
    code = (order[0].long() * torch.tensor([64, 16, 4, 1]).view(4, 1, 1)).sum(0)
    _, counts = code.unique(return_counts=True)
    assert len(counts) == 24
    # 600 expected of each, with a standard deviation of 24
    assert (counts - 600).abs().max() < 5 * 24


def test_channels_steps_and_seeds_have_orders_of_their_own():
    part, size = Shuffled(network, 2), Size(16, 16)
    x = torch.empty(1, 2, *size)
    first = part.order(x, size, query(size))
    assert not torch.equal(first[0], first[1])
    assert torch.equal(first, part.order(x, size, query(size)))
    assert not torch.equal(first, part.order(x, size, query(size, seed=1)))
    assert not torch.equal(first, part.order(x, size, query(size, stage=3)))


@EACH
def test_equals_a_plain_loop_over_the_subsamplings(k, size):
    """Views are cut one by one, exchanged, asked, and put back by the inverse."""
    part = Shuffled(Tiled(network, Strided(k)), k)
    x, q = normal(1, 3, *size), query(size)
    ours = part(x, q)

    top, left = -size.height % k, -size.width % k
    whole = F.pad(x, (left, 0, top, 0))
    views = torch.stack([whole[0, :, i::k, j::k] for i in range(k) for j in range(k)])
    order = part.order(x, Size(*whole.shape[-2:]), q).long().transpose(0, 1)  # views C h w
    exchanged = views.gather(0, order)
    theirs = torch.empty_like(whole)
    answers = []
    for number in range(k * k):
        view = Strided(k)(query(Size(*whole.shape[-2:])))[number]
        answers.append(network(exchanged[number][None], q.at([view])).x0[0])
    back = torch.empty_like(views).scatter_(0, order, torch.stack(answers))
    for number in range(k * k):
        theirs[0, :, number // k :: k, number % k :: k] = back[number]
    torch.testing.assert_close(ours.x0, theirs[..., top:, left:])
