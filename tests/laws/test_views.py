"""Views cover every cell, and lie where the papers put them."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from muralist.canvas import Size, Unclaimed
from muralist.views import Cover, Grid, RandomCover, Strided
from tests.laws.parts import VIEWS, counted, query, steps, windows_of_the_papers

quick = settings(max_examples=30, deadline=None, derandomize=True)
extents = st.integers(1, 40)
sizes = st.builds(Size, extents, extents)


@st.composite
def grids(draw, jittered: bool = False, wrap: bool = False) -> Grid:
    window = Size(draw(st.integers(1, 12)), draw(st.integers(1, 12)))
    stride = draw(st.integers(1, min(window)))
    jitter = draw(st.integers(0, (min(window) - stride) // 2)) if jittered else 0
    overhang = jittered and draw(st.booleans())
    return Grid(window, stride, jitter, overhang, wrap)


@pytest.mark.parametrize("views", VIEWS.values(), ids=VIEWS)
@quick
@given(size=sizes, seed=st.integers(0, 99))
def test_views_see_every_cell(views, size, seed):
    assert counted(size, views(query(size, seed=seed))).min() >= 1


@pytest.mark.parametrize("views", VIEWS.values(), ids=VIEWS)
@quick
@given(size=sizes)
def test_views_of_one_canvas_have_one_shape(views, size):
    shapes = {(view.height, view.width, view.step, view.wrap) for view in views(query(size))}
    assert len(shapes) == 1


@pytest.mark.parametrize("wrap", [False, True], ids=["plain", "ring"])
@quick
@given(data=st.data(), size=sizes)
def test_a_grid_of_any_window_and_stride_covers(wrap, data, size):
    grid = data.draw(grids(wrap=wrap))
    assert counted(size, grid(query(size))).min() >= 1


@pytest.mark.parametrize("wrap", [False, True], ids=["plain", "ring"])
@quick
@given(data=st.data(), size=sizes, seed=st.integers(0, 2**63 - 1))
def test_a_grid_covers_however_far_it_is_allowed_to_jitter(wrap, data, size, seed):
    grid = data.draw(grids(jittered=True, wrap=wrap))
    for step in steps(4):
        assert counted(size, grid(query(size, step, seed=seed))).min() >= 1


@quick
@given(factor=st.integers(1, 12), size=sizes)
def test_strided_views_see_every_cell_exactly_once(factor, size):
    views = Strided(factor)(query(size))
    assert len(views) == factor**2
    assert (counted(size, views) == 1).all()


@quick
@given(factor=st.integers(1, 12), size=sizes)
def test_strided_views_come_in_reading_order(factor, size):
    corners = [(view.top, view.left) for view in Strided(factor)(query(size))]
    assert corners == sorted(corners)


def test_strided_views_hang_over_at_the_top_and_left():
    """As published: the last row and column of cells are seen by the last view's last sample."""
    views = Strided(3)(query(Size(7, 8)))
    assert [(view.top, view.left) for view in views] == [
        (top, left) for top in (-2, -1, 0) for left in (-1, 0, 1)
    ]
    assert {view[2:5] for view in views} == {(3, 3, 3)}


@quick
@given(grid=grids(), size=sizes)
def test_windows_lie_where_the_papers_put_them(grid, size):
    expected = [
        (top, left)
        for top in windows_of_the_papers(size.height, grid.window.height, grid.stride)
        for left in windows_of_the_papers(size.width, grid.window.width, grid.stride)
    ]
    assert [(view.top, view.left) for view in grid(query(size))] == expected


@quick
@given(grid=grids(), size=sizes)
def test_an_axis_shorter_than_the_window_is_seen_whole(grid, size):
    for view in grid(query(size)):
        assert view.height == min(grid.window.height, size.height)
        assert view.width == min(grid.window.width, size.width)


def drawn(grid: Grid, size: Size, count: int) -> torch.Tensor:
    """How far (down, right) each window moved from its place, at each of many steps."""
    still = replace(grid, jitter=0)(query(size))
    moves = []
    for seed in range(count):
        moved = grid(query(size, seed=seed))
        moves.append([(m.top - s.top, m.left - s.left) for m, s in zip(moved, still, strict=True)])
    return torch.tensor(moves)


@pytest.mark.parametrize(("overhang", "outwards"), [(False, 0), (True, 2)])
def test_jitter_moves_border_windows_at_most_outwards_and_others_both_ways(overhang, outwards):
    # three windows an axis: a first, one between, a last; 200 draws miss an end of five values
    # with a chance of 2e-19 a window and end
    grid = Grid(Size(8, 8), 4, jitter=2, overhang=overhang)
    moves = drawn(grid, Size(16, 16), 200).view(200, 3, 3, 2)
    low, high = moves.amin(0), moves.amax(0)
    ends = {0: (-outwards, 0), 1: (-2, 2), 2: (0, outwards)}
    for row in range(3):
        for col in range(3):
            assert (low[row, col, 0], high[row, col, 0]) == ends[row]
            assert (low[row, col, 1], high[row, col, 1]) == ends[col]


@quick
@given(data=st.data(), size=sizes, seed=st.integers(0, 99))
def test_windows_stay_on_the_canvas_unless_they_may_hang_over(data, size, seed):
    grid = replace(data.draw(grids(jittered=True)), overhang=False)
    for view in grid(query(size, seed=seed)):
        assert 0 <= view.top <= size.height - view.height
        assert 0 <= view.left <= size.width - view.width


def test_jitter_is_as_likely_at_each_of_its_values():
    moves = drawn(Grid(Size(8, 8), 4, jitter=2), Size(16, 16), 500).view(500, 3, 3, 2)[:, 1, 1]
    shares = torch.bincount(moves.flatten() + 2, minlength=5) / 1000
    assert (shares - 0.2).abs().max() < 0.06  # five standard deviations of a share are 0.063


def test_a_window_as_long_as_the_axis_does_not_jitter_along_it():
    moves = drawn(Grid(Size(8, 8), 4, jitter=2), Size(8, 20), 50)
    assert (moves[..., 0] == 0).all()
    assert (moves[..., 1] != 0).any()


def test_windows_of_a_ring_jitter_along_it_without_borders():
    moves = drawn(Grid(Size(8, 8), 4, jitter=2, wrap=True), Size(16, 16), 200)
    moves = moves.view(200, 3, 4, 2)[..., 1]
    assert (moves.amin(0) == -2).all()
    assert (moves.amax(0) == 2).all()


def test_windows_are_drawn_anew_at_each_step_and_stage():
    grid, size = Grid(Size(8, 8), 4, jitter=2), Size(24, 24)
    one, other = steps()[:2]
    assert grid(query(size, one)) != grid(query(size, other))
    assert grid(query(size, one)) != grid(query(size, one, stage=2))
    assert grid(query(size, one)) == grid(query(size, one))


def test_a_ring_sees_every_column_equally_often():
    """Stride 4 of windows 8 wide: two windows see each column, at the seam as elsewhere."""
    count = counted(Size(8, 24), Grid(Size(8, 8), 4, wrap=True)(query(Size(8, 24))))
    assert (count == 2).all()


def test_a_ring_is_one_ring_and_not_two():
    views = Grid(Size(8, 8), 4, wrap=True)(query(Size(24, 24)))
    assert {view.left for view in views} == {0, 4, 8, 12, 16, 20}
    assert {view.top for view in views} == {0, 4, 8, 12, 16}


def test_a_canvas_no_wider_than_the_window_is_no_ring():
    (view,) = Grid(Size(8, 8), 4, wrap=True)(query(Size(8, 8)))
    assert not view.wrap


@pytest.mark.parametrize("stride", [0, -1, 7])
def test_a_stride_that_leaves_gaps_is_refused(stride):
    with pytest.raises(ValueError, match=rf"stride is {stride} latent cells; 1 to 6"):
        Grid(Size(8, 6), stride)


def test_a_negative_jitter_is_refused():
    with pytest.raises(ValueError, match="jitter is -1 latent cells; 0 to 2"):
        Grid(Size(8, 8), 4, jitter=-1)


def test_a_jitter_that_leaves_gaps_is_refused():
    with pytest.raises(ValueError, match="jitter is 3 latent cells"):
        Grid(Size(8, 8), 4, jitter=3)


def test_a_factor_below_one_is_refused():
    with pytest.raises(ValueError, match="factor of strided views is 0; 1 or more"):
        Strided(0)


@pytest.mark.parametrize(
    ("native", "window", "stride", "jitter", "expected"),
    [
        (Size(128, 128), None, None, None, Grid(Size(128, 128), 64, 16)),  # the papers' for SDXL
        (Size(64, 64), None, 8, 0, Grid(Size(64, 64), 8, 0)),
        (Size(64, 96), None, None, None, Grid(Size(64, 96), 32, 8)),
        (Size(64, 64), 10, None, None, Grid(Size(10, 10), 5, 1)),
        (Size(1, 1), None, None, None, Grid(Size(1, 1), 1, 0)),
    ],
)
def test_what_is_unset_follows_from_the_native_size(native, window, stride, jitter, expected):
    assert Grid.of(native, window, stride, jitter) == expected


@quick
@given(data=st.data(), size=sizes, seed=st.integers(0, 99))
def test_a_cover_is_no_larger_than_its_overlap_demands(data, size, seed):
    window = Size(data.draw(st.integers(1, 12)), data.draw(st.integers(1, 12)))
    overlap = data.draw(st.integers(0, min(window) - 1))
    views = Cover(window, overlap)(query(size, seed=seed))
    assert counted(size, views).min() >= 1
    expected = 1
    for extent, side in zip(size, window, strict=True):
        expected *= 1 + max(-(-(extent - side) // (side - overlap)), 0)
    assert len(views) == expected
    for axis in (0, 1):
        starts = sorted({view[axis] for view in views})
        gaps = [after - before for before, after in pairwise(starts)]
        side = min(window[axis], size[axis])
        # within one row or column of windows; rows draw their columns each for themselves
        if axis == 0:
            assert all(0 < gap <= side - overlap for gap in gaps)


def test_a_cover_is_drawn_anew_in_place_and_order():
    cover, size = Cover(Size(8, 8), 2), Size(30, 30)
    one, other = (cover(query(size, seed=seed)) for seed in (0, 1))
    assert one != other and sorted(one) != sorted(other)
    assert one == cover(query(size, seed=0))
    assert one != sorted(one)


@pytest.mark.parametrize("overlap", [-1, 8])
def test_an_overlap_that_never_arrives_is_refused(overlap):
    with pytest.raises(ValueError, match=f"overlap is {overlap} latent cells; 0 to 7"):
        Cover(Size(8, 8), overlap)


def test_a_random_cover_takes_as_many_windows_as_published():
    """36.2 with a deviation of 2.2 for a canvas four windows a side (a.7, simulated)."""
    cover, size = RandomCover(Size(32, 32)), Size(128, 128)
    counts = torch.tensor([float(len(cover(query(size, seed=seed)))) for seed in range(60)])
    assert abs(counts.mean() - 36.2) < 5 * 2.2 / 60**0.5


def test_every_window_of_a_random_cover_finds_bare_cells():
    size = Size(300, 301)  # its random order is looked through in two parts
    unclaimed = Unclaimed(size)
    assert all(unclaimed.claim(view).any() for view in RandomCover(Size(8, 9))(query(size)))


@pytest.mark.parametrize("views", VIEWS.values(), ids=VIEWS)
def test_every_cell_has_one_owner(views):
    """Nobody's where nobody sees it, never two's."""
    size = Size(23, 19)
    unclaimed, canvas = Unclaimed(size), torch.zeros(1, 1, 23, 19)
    for view in views(query(size)):
        view.add(canvas, unclaimed.claim(view)[None, None].float())
    assert (canvas == 1).all()
