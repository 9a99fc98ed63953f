"""What the pictures of dilated sampling show is what DemoFusion's dilated path sees."""

import pytest
import torch
import torch.nn.functional as F

from muralist.canvas import Size, gather
from muralist.errors import BadRequest
from muralist.explain import Dilated
from muralist.explain.dilated import disagreement, floor
from muralist.explain.plate import room
from muralist.guides import Reference
from muralist.methods import DemoFusion
from muralist.query import Estimate


def test_shift_zero_is_plain_sampling():
    idea = Dilated(factor=4)
    first = idea.views(idea.question)[0]
    assert torch.equal(first.crop(idea.canvas()), idea.canvas()[..., ::4, ::4])


@pytest.mark.parametrize("factor", range(2, 7))
def test_the_shifts_see_every_cell_once(factor):
    idea = Dilated(factor=factor)
    seen = gather(idea.canvas(), idea.views(idea.question))
    unshuffled = F.pixel_unshuffle(idea.canvas(), factor)[0, :, None]
    assert torch.equal(seen, unshuffled)


@pytest.mark.parametrize("step", [1, 20, 50])
def test_the_blurred_canvas_is_what_the_method_shows_its_dilated_path(step):
    """Factor 3: the expression of DemoFusion's third stage is asked what it shows."""
    idea, shown = Dilated(factor=3, sigma=1.2, step=step), []

    def far(x, q):
        shown.append(x)
        return Estimate(x, x)

    canvas = idea.canvas()
    held_to_itself = Reference(canvas / idea.question.step.alpha, torch.zeros_like(canvas))
    DemoFusion(sigma=1.2).denoiser(far, far, 3, held_to_itself)(canvas, idea.question)
    torch.testing.assert_close(shown[0], idea.blurred(), atol=1e-4, rtol=0)


def test_the_blur_falls_with_the_steps():
    widths = [
        idea.blur.sigma(idea.question.step) for idea in (Dilated(step=at) for at in (1, 25, 50))
    ]
    assert widths == sorted(widths, reverse=True) and widths[0] > 10 * widths[-1]


def test_shifts_of_the_blurred_canvas_agree_more():
    idea = Dilated()
    sharp, soft = (
        disagreement(gather(canvas, idea.views(idea.question)))
        for canvas in (idea.canvas(), idea.blurred())
    )
    assert soft < 0.9 * sharp


def test_shifts_of_a_plain_canvas_agree_and_of_a_fine_board_do_not():
    slow = torch.linspace(-1, 1, 240).expand(1, 1, 240, 240)
    fine = (torch.arange(240)[:, None] + torch.arange(240)) % 2 * 2.0 - 1
    views = Dilated(factor=2).views
    q = Dilated().question
    parts = [
        gather(each.reshape(1, 1, 240, 240)[..., :120, :120], views(q)) for each in (slow, fine)
    ]
    assert disagreement(parts[0]) < 0.02 and disagreement(parts[1]) == pytest.approx(1, abs=1e-2)


def test_the_floor_is_checkered_in_front_and_grey_at_the_horizon():
    board = floor(Size(120, 120), 6)[0, 0]
    front, far = board[-1], board[28]
    assert set(front.abs().round(decimals=1).tolist()) >= {1.0} and front.abs().mean() > 0.9
    assert far.abs().mean() < 0.3


def test_the_large_panels_are_the_samples():
    """Each sample is a square of one grey, read back from the picture."""
    idea = Dilated(factor=3, shift=4)
    pixels, side = idea(), room(3)
    small = idea.views(idea.question)[4].crop(idea.canvas())[0, 0]
    step = side / small.shape[-1]
    left, top = 40 + side + 40, 40
    for row, col in ((0, 0), (20, 7), (39, 39)):
        shown = pixels[int(top + (row + 0.5) * step), int(left + (col + 0.5) * step)]
        assert shown.tolist() == [round(float(small[row, col] + 1) * 127.5)] * 3


def test_the_shift_after_the_last_is_the_first():
    assert (Dilated(factor=2, shift=5)() == Dilated(factor=2, shift=1)()).all()


def test_factors_beyond_its_range_are_refused():
    with pytest.raises(BadRequest, match="factor is 7; a whole number from 2 to 6 is needed"):
        Dilated(factor=7)
