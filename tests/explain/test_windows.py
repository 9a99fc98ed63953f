"""What is counted in the pictures of windows is what DemoFusion's windows see."""

import pytest
import torch

from muralist.canvas import Size, View
from muralist.errors import BadRequest
from muralist.explain import Windows
from muralist.explain.moment import asked, steps
from muralist.explain.windows import borders, seen
from muralist.methods import DemoFusion


def test_the_windows_are_the_methods_own():
    idea = Windows(window=20, stride=8, jitter=2, seed=3)
    theirs = DemoFusion(window=20, stride=8, jitter=2).windows(Size(20, 20))
    assert idea.views(7) == theirs(asked(steps(50)[6], Size(48, 84), seed=3))


@pytest.mark.parametrize("jitter", [0, 3])
def test_counts_add_up_to_views_times_window_area(jitter):
    idea = Windows(jitter=jitter)
    views = idea.views(1)
    assert seen(views).sum() == len(views) * 24**2


def test_every_cell_is_seen_at_every_step():
    idea = Windows()
    assert all(seen(idea.views(step)).min() >= 1 for step in range(1, 51))


def test_counts_equal_a_plain_loop():
    views = Windows(overhang=True, seed=5).views(9)
    slow = torch.zeros(48, 84)
    for top, left, height, width, *_ in views:
        for row in range(max(top, 0), min(top + height, 48)):
            for col in range(max(left, 0), min(left + width, 84)):
                slow[row, col] += 1
    assert torch.equal(seen(views), slow)


def test_windows_end_at_their_rims():
    rim = borders([View(2, 3, 4, 5)], Size(10, 12))
    assert rim.sum() == 2 * 4 + 2 * 5 - 4
    assert rim[2, 3:8].sum() == 5 and rim[3, 4] == 0


def test_the_edge_of_the_canvas_is_no_border():
    assert borders([View(0, 0, 48, 84)]).sum() == 0


def test_jitter_spreads_borders_that_stay_in_place_without():
    """Between border windows, whose inner ends hold still."""
    still, moving = (
        sum(borders(Windows(jitter=jitter).views(step)) for step in range(1, 51)) / 50
        for jitter in (0, 3)
    )
    inner = (slice(4, 18), slice(26, 58))
    assert moving[inner].max() < still[inner].max()
    assert (moving[inner] > 0).sum() > 2 * (still[inner] > 0).sum()


def test_a_stride_that_leaves_gaps_is_refused_when_it_is_set():
    with pytest.raises(BadRequest, match="stride is 30 latent cells; 1 to 24"):
        Windows(stride=30)


def test_windows_that_could_part_are_refused_when_they_are_set():
    with pytest.raises(BadRequest, match="jitter is 9 latent cells; 0 to 6"):
        Windows(jitter=9)
