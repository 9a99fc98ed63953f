"""The picture of phases shows what Pixelsmith's guide makes of a patch."""

from itertools import pairwise

import pytest
import torch

from muralist.explain import Phase
from muralist.explain.phase import apart, shown
from muralist.guides.phase import half_way


def test_at_slider_one_the_patch_is_as_it_was():
    assert torch.equal(Phase(slider=1).became(), shown("dots"))


@pytest.mark.parametrize("slider", [2, 4])
def test_each_further_step_turns_half_way_again(slider):
    """In the reference's scale, which phases do not depend on."""
    x = shown("dots")
    for _ in range(slider - 1):
        x = half_way(x, shown("ring"))
    torch.testing.assert_close(Phase(slider=slider).became(), x, atol=2e-3, rtol=0)


def test_amplitudes_stay_the_patchs():
    idea = Phase(patch="star", last="stripes", slider=6)
    mine, became = (torch.fft.rfft2(x).abs() for x in (shown("star"), idea.became()))
    torch.testing.assert_close(became, mine, atol=1e-2, rtol=1e-4)


def test_phases_lie_half_as_far_apart_at_each_step():
    last = shown("ring")
    angles = [apart(Phase(slider=slider).became(), last) for slider in range(1, 6)]
    for before, after in pairwise(angles):
        assert after == pytest.approx(before / 2, rel=0.1)


def test_independent_phases_lie_a_quarter_turn_apart_and_equal_ones_nowhere():
    noise = torch.randn(2, 1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    assert apart(*noise) == pytest.approx(90, abs=2)
    assert apart(noise[0], noise[0]) == pytest.approx(0, abs=1e-3)


def test_a_picture_held_to_itself_stays():
    torch.testing.assert_close(
        Phase(patch="star", last="star", slider=5).became(), shown("star"), atol=1e-4, rtol=0
    )
