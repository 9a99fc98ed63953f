"""Phases half way to the reference's in a patch's own cells, and a checkerboard of its samples."""

from dataclasses import replace

import pytest
import torch

from muralist.canvas import Size, Unclaimed, gather
from muralist.guides import Checkerboard, PhaseMix, Reference
from muralist.guides.phase import half_way
from muralist.query import Estimate
from muralist.solvers.schedule import Constant
from muralist.views import Cover
from tests.laws.parts import distance, normal, query, steps

SIZE = Size(20, 26)
COVER = Cover(Size(8, 8), 2)
MOVES = steps(6)
ALWAYS = Constant(1)


def spectrum(x: torch.Tensor) -> torch.Tensor:
    return torch.fft.fft2(x)


def reference() -> Reference:
    return Reference(normal(1, 3, *SIZE, seed=1), normal(1, 3, *SIZE, seed=2))


@pytest.mark.parametrize("shape", [(8, 8), (7, 9), (8, 5), (1, 6)], ids=str)
def test_amplitudes_are_kept_and_phases_lie_in_the_middle(shape):
    x, guide = normal(2, 3, *shape), normal(2, 3, *shape, seed=1)
    mine, theirs, made = map(spectrum, (x, guide, half_way(x, guide)))
    torch.testing.assert_close(made.abs(), mine.abs())
    turned = torch.angle(theirs / mine)
    middle = torch.where(turned.abs() > torch.pi - 1e-4, 0, turned / 2)
    away = torch.angle(made / mine) - middle
    assert torch.sin(away).abs().max() < 1e-6
    assert torch.cos(away).min() > 0


def test_phases_half_way_to_themselves_change_nothing():
    x = normal(1, 3, 9, 8)
    assert distance(half_way(x, 3 * x), x) < 1e-12


def test_a_mean_that_the_guide_contradicts_is_kept():
    """In the release it becomes 0: opposite phases meet there at right angles to both."""
    x = normal(1, 1, 8, 8) + 2
    made = half_way(x, normal(1, 1, 8, 8, seed=1) - 2)
    assert made.mean().item() == pytest.approx(x.mean().item(), abs=1e-12)


def test_only_cells_that_a_patch_owns_are_mixed():
    q = query(SIZE, MOVES[1])
    views, canvas = COVER(q), normal(1, 3, *SIZE)
    made = PhaseMix(reference(), ALWAYS, COVER)(gather(canvas, views), q.at(views))
    guide = gather(reference().at(MOVES[1]).x, views)
    unclaimed = Unclaimed(SIZE)
    for at, view in enumerate(views):
        before, mine = view.crop(canvas), unclaimed.claim(view)
        expected = torch.where(mine, half_way(before, guide[at : at + 1]), before)
        torch.testing.assert_close(made[at : at + 1], expected)


def test_patches_are_mixed_alike_in_any_batch():
    q = query(SIZE, MOVES[1])
    views, x = COVER(q), normal(len(COVER(q)), 3, 8, 8)
    mix = PhaseMix(reference(), ALWAYS, COVER)
    together = mix(x, q.at(views))
    alone = [mix(x[at : at + 1], q.at([view])) for at, view in enumerate(views)]
    torch.testing.assert_close(together, torch.cat(alone))
    board = Checkerboard(reference(), ALWAYS)
    estimate = Estimate(x, 2 * x)
    alone = [
        board(Estimate(x[at : at + 1], 2 * x[at : at + 1]), q.at([view])).x0
        for at, view in enumerate(views)
    ]
    assert torch.equal(board(estimate, q.at(views)).x0, torch.cat(alone))


# The slider's table: (phases, checkerboard) at each of six steps.
TABLE = {
    1: [(0, 0), (0, 0), (0, 0), (0, 0), (0, 0), (0, 0)],
    2: [(0, 1), (1, 0), (0, 0), (0, 0), (0, 0), (0, 0)],
    4: [(0, 1), (1, 1), (1, 1), (1, 0), (0, 0), (0, 0)],
    6: [(0, 1), (1, 1), (1, 1), (1, 1), (1, 1), (1, 0)],
    9: [(0, 1), (1, 1), (1, 1), (1, 1), (1, 1), (1, 0)],
}


@pytest.mark.parametrize("slider", TABLE)
def test_the_slider_guides_the_steps_of_its_table(slider):
    from muralist import Pixelsmith
    from muralist.models import Toy

    *_, last = Pixelsmith(slider=slider).stages(Toy(), Size(32, 32))
    held = Reference(normal(1, 3, 32, 32, seed=1), normal(1, 3, 32, 32, seed=2))
    patch = last.denoiser(held).inner
    acts = []
    for step in MOVES:
        q = query(Size(32, 32), step)
        q = q.at(patch.inner.guide.views(q)[:1])
        x = normal(1, 3, 16, 16)
        mixed = not torch.equal(patch.inner.guide(x, q), x)
        followed = not torch.equal(patch.amend(Estimate(x, x), q).x0, x)
        acts.append((int(mixed), int(followed)))
    assert acts == TABLE[slider]


@pytest.mark.parametrize(("steps", "held"), [(50, 30), (25, 15), (4, 2), (1, 1)])
def test_three_of_five_steps_are_held_unless_the_slider_says(steps, held):
    from muralist import Pixelsmith

    assert Pixelsmith().held(steps) == held
    assert Pixelsmith(slider=7).held(steps) == 7


def test_every_other_cell_follows_the_reference():
    q = query(SIZE, MOVES[2])
    views = COVER(q)
    there = Estimate(*(gather(each, views) for each in reference().at(MOVES[2])))
    here = Estimate(there.x + 1, there.x0 - 1)
    made = Checkerboard(reference(), ALWAYS)(here, q.at(views))
    for ours, guide, before in zip(made, there, here, strict=True):
        follows = torch.isclose(ours, guide)
        assert torch.isclose(ours, torch.where(follows, guide, before)).all()
        boards = (torch.arange(8)[:, None] + torch.arange(8)) % 2 == 0
        kinds = {bool(each[0, 0, 0]) for each in follows}
        assert kinds == {True, False}  # both boards, in so many patches
        for each in follows:
            assert torch.equal(each, (boards if each[0, 0, 0] else ~boards).expand(3, 8, 8))


def test_boards_are_drawn_for_each_patch_step_and_seed():
    board, q = Checkerboard(reference(), ALWAYS), query(SIZE, MOVES[1])
    views = COVER(q)
    one = board.parities(q.at(views))
    assert one == board.parities(q.at(views))
    assert one != board.parities(replace(q, seed=1).at(views))
    assert one != board.parities(replace(q, step=MOVES[2]).at(views))
