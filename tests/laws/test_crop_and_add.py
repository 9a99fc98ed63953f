"""What a view adds it crops again, wherever it lies."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from muralist.canvas import Size, View, gather
from tests.laws.parts import VIEWS, normal, query

quick = settings(max_examples=60, deadline=None, derandomize=True)
sizes = st.builds(Size, st.integers(1, 14), st.integers(1, 14))
anywhere = st.builds(
    View,
    top=st.integers(-20, 20),
    left=st.integers(-20, 20),
    height=st.integers(1, 10),
    width=st.integers(1, 10),
    step=st.integers(1, 4),
    wrap=st.just(False),
)


@st.composite
def rings(draw) -> tuple[Size, View]:
    """A canvas and a view that goes round it at most once."""
    step, width = draw(st.integers(1, 3)), draw(st.integers(1, 6))
    size = Size(draw(st.integers(1, 12)), draw(st.integers(width * step, 24)))
    view = draw(anywhere)._replace(width=width, step=step, wrap=True)
    return size, view


def cells(view: View, size: Size) -> torch.Tensor:
    """Which cell of the canvas each of the view's is, counted in reading order; -1 outside."""
    where = torch.full((view.height, view.width), -1)
    for i in range(view.height):
        for j in range(view.width):
            row, col = view.top + i * view.step, view.left + j * view.step
            col = col % size.width if view.wrap else col
            if 0 <= row < size.height and 0 <= col < size.width:
                where[i, j] = row * size.width + col
    return where


on_a_canvas = st.tuples(sizes, anywhere)
kinds = pytest.mark.parametrize("kind", [on_a_canvas, rings()], ids=["plain", "ring"])


@kinds
@quick
@given(data=st.data())
def test_a_view_sees_its_cells_and_zero_outside(kind, data):
    size, view = data.draw(kind)
    canvas = normal(1, 2, *size)
    where = cells(view, size)
    expected = canvas.flatten(2)[:, :, where.clamp(min=0)] * (where >= 0)
    assert torch.equal(view.crop(canvas), expected)


@kinds
@quick
@given(data=st.data())
def test_crop_after_add_returns_the_patch(kind, data):
    size, view = data.draw(kind)
    patch, canvas = normal(1, 2, view.height, view.width), torch.zeros(1, 2, *size).double()
    view.add(canvas, patch)
    inside = cells(view, size) >= 0
    assert torch.equal(view.crop(canvas), patch * inside)
    assert int((canvas != 0).sum()) == 2 * int(inside.sum())


@quick
@given(view=anywhere, size=sizes)
def test_adding_ones_counts_each_seen_cell_once(view, size):
    canvas = torch.zeros(1, 1, *size)
    view.add(canvas, torch.ones(1, 1, view.height, view.width))
    assert canvas.max() <= 1
    assert int(canvas.sum()) == len(set(cells(view, size).flatten().tolist()) - {-1})


@quick
@given(view=anywhere, size=sizes, down=st.integers(-5, 5), right=st.integers(-5, 5))
def test_a_moved_view_sees_the_canvas_moved_the_other_way(view, size, down, right):
    canvas = normal(1, 1, *size)
    wide = torch.nn.functional.pad(canvas, (60, 60, 60, 60))
    there = View(view.top + 60, view.left + 60, *view[2:])
    rolled = wide.roll((-down, -right), (-2, -1))
    assert torch.equal(view.moved(down, right).crop(canvas), there.crop(rolled))


def test_adding_keeps_what_was_there():
    canvas = torch.ones(1, 1, 4, 4)
    View(1, 1, 2, 2).add(canvas, torch.full((1, 1, 2, 2), 2.0))
    assert canvas.sum() == 16 + 4 * 2


def test_a_view_that_would_meet_itself_round_the_ring_is_our_mistake():
    with pytest.raises(AssertionError, match="meet itself"):
        View(0, 0, 4, 9, wrap=True).crop(torch.zeros(1, 1, 4, 8))


@pytest.mark.parametrize("views", VIEWS.values(), ids=VIEWS)
def test_gather_puts_each_view_in_its_row(views):
    canvas = normal(1, 3, 23, 31)
    seen = views(query(Size(23, 31)))
    rows = gather(canvas, seen)
    assert len(rows) == len(seen)
    for row, view in zip(rows, seen, strict=True):
        assert torch.equal(row[None], view.crop(canvas))


def test_a_size_is_written_width_first():
    assert str(Size(height=4, width=9)) == "9x4"
    assert Size(4, 9).area == 36
    assert Size(4, 9).times(8) == Size(32, 72)
