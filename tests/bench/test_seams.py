"""Seams are found where views and tiles meet, and only there."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

import muralist
from muralist import MultiDiffusion, Request
from muralist.bench.seams import Border, Lines, borders, energy, lines
from muralist.canvas import Size, View
from muralist.decode import Tile, decoded, place, tiles_of
from muralist.models import Toy
from muralist.shapes.render import picture, render
from muralist.shapes.scene import random_scene
from muralist.views import Grid, RandomCover, Strided
from tests.laws.parts import METHODS, query, toy_request

SIDE = Size(64, 64)


def quarters(cell: int) -> Lines:
    """Of 16 tiles of a canvas of 64x64 cells."""
    tiles = [View(top, left, 16, 16) for top in range(0, 64, 16) for left in range(0, 64, 16)]
    return lines(tiles, SIDE, cell)


def scattered(seed: int) -> Lines:
    """Of windows that lie anywhere, of a canvas of 64x64 cells of 4 pixels."""
    return lines(RandomCover(Size(32, 32))(query(SIDE, seed=seed)), SIDE, 4)


def grain(seed: int, side: int = 256) -> Tensor:
    """White noise, alike in all channels, whose neighbours differ by 0.02, squared."""
    generator = torch.Generator().manual_seed(seed)
    return (0.1 * torch.randn(1, side, side, generator=generator)).expand(3, -1, -1)


def offset(strength: float, cell: int) -> Tensor:
    """Sixteen tiles, every other one brighter by `strength`."""
    board = (torch.arange(4)[:, None] + torch.arange(4)) % 2
    return board.repeat_interleave(16 * cell, 0).repeat_interleave(16 * cell, 1) * strength


def shades(pixels: np.ndarray) -> Tensor:
    return torch.from_numpy(pixels).permute(2, 0, 1) / 127.5 - 1


# --- where -------------------------------------------------------------------------------------


def test_two_windows_have_one_border_and_the_frame_is_none():
    views = [View(0, 0, 4, 4), View(0, 4, 4, 4)]
    assert lines(views, Size(4, 8), 2) == Lines(2, vertical=(Border(8, 0, 8),))


def test_what_hangs_over_the_canvas_is_left_out():
    assert lines([View(-2, 3, 5, 9)], Size(8, 8)) == Lines(
        1, vertical=(Border(3, 0, 3),), horizontal=(Border(3, 3, 8),)
    )


def test_a_ring_has_no_border_where_it_closes():
    assert lines([View(0, 6, 4, 4, wrap=True)], Size(4, 8)) == Lines(
        1, vertical=(Border(2, 0, 4), Border(6, 0, 4))
    )


def test_subsamplings_have_no_borders():
    assert lines(Strided(2)(query(SIDE)), SIDE) == Lines(1)


@pytest.mark.parametrize(
    "views", [Grid(Size(16, 12), 8, jitter=2, overhang=True), Grid(Size(9, 9), 7, wrap=True),
              RandomCover(Size(11, 14))]
)  # fmt: skip
def test_borders_are_where_other_views_begin_to_see_a_cell(views):
    """Neighbours are parted by a border just where not all views see both or neither."""
    size = Size(30, 41)
    every = views(query(size))
    seen = torch.zeros(len(every), *size, dtype=torch.bool)
    for view, cells in zip(every, seen, strict=True):
        view.fill(cells, True)
    found = lines(every, size)
    parted = torch.zeros(2, *size, dtype=torch.bool)
    for at, start, stop in found.vertical:
        parted[0, start:stop, at] = True
    for at, start, stop in found.horizontal:
        parted[1, at, start:stop] = True
    # a view may go on across the end of another one that meets it: both then see both cells
    across, down = (seen.diff(dim=axis).any(0) for axis in (2, 1))
    assert torch.equal(parted[0, :, 1:], across)
    assert torch.equal(parted[1, 1:], down)


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_every_larger_picture_has_borders_on_its_cells(method):
    found = borders(toy_request(method, height=40, width=56)).views
    assert found.vertical and found.horizontal
    assert all(0 < at < 56 and 0 <= start < stop <= 40 for at, start, stop in found.vertical)


def test_a_picture_of_one_view_and_one_tile_has_no_borders():
    found = borders(Request(model="shapes", height=128, width=128))
    assert found.views == found.tiles == Lines(4)
    assert math.isnan(energy(torch.zeros(3, 128, 128), found.views))


# --- how strong --------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", [1, 4, 8])
def test_grain_and_gradients_are_seamless_wherever_borders_are_thought(cell):
    side = 64 * cell
    ramp = torch.linspace(-1, 1, side).square().expand(3, side, side)
    assert energy(ramp, quarters(cell)) == pytest.approx(1, abs=0.1)
    assert energy(grain(0, side), quarters(cell)) == pytest.approx(1, abs=0.1)
    assert energy(torch.zeros(3, side, side), quarters(cell)) == 1


def test_true_pictures_are_seamless_wherever_borders_are_thought():
    scores = [energy(picture(random_scene(seed), 2.0), scattered(seed)) for seed in range(20)]
    assert all(score == pytest.approx(1, abs=0.1) for score in scores)
    assert sum(scores) / 20 == pytest.approx(1, abs=0.01)


def test_brighter_tiles_score_what_the_formula_says():
    """1 + a^2 / (v cell): the step is one of as many differences as a cell has pixels."""
    scores = []
    for strength in (0.0, 0.1, 0.2, 0.5, 1.0):
        scores.append(energy(grain(1) + offset(strength, 4), quarters(4)))
        assert scores[-1] == pytest.approx(1 + strength**2 / (0.02 * 4), rel=0.1)
    assert scores == sorted(scores)


def test_true_edges_hide_no_seam():
    """A step of three shades on every border shows in a picture full of objects."""
    for seed in range(6):
        true = picture(random_scene(seed), 2.0)
        assert energy(true + offset(6 / 255, 4), quarters(4)) > 2


def test_copies_of_a_picture_score_high_where_they_meet():
    copied = picture(random_scene(3)).repeat(1, 2, 2)
    halves = lines([View(0, 0, 32, 32), View(32, 32, 32, 32)], SIDE, 4)
    assert energy(copied, halves) > 3
    assert energy(picture(random_scene(3), 2.0), halves) == pytest.approx(1, abs=0.1)


def test_windows_side_by_side_are_worse_than_those_that_overlap():
    def painted(stride: int) -> float:
        method = MultiDiffusion(stride=stride)
        request = Request(model=Toy(), height=64, width=64, num_inference_steps=8, method=method)
        *_, done = muralist.generate(request)
        return energy(done.picture.latents[0], borders(request).views)

    assert painted(16) > 2 * painted(8) > 2 * 1.2


@torch.no_grad()
def test_tiles_decoded_one_by_one_are_seen_and_those_of_one_picture_are_not(monkeypatch):
    model, size = muralist.load("shapes", dtype=torch.float32), Size(20, 40)
    true = render([random_scene(4)], size.times(4), zoom=1.25)
    latents = model.encode_pixels((true + 1) / 2)
    at_once = decoded(model, latents)
    monkeypatch.setattr("muralist.decode.BUDGET", 1)
    tiled, alone = decoded(model, latents), np.zeros_like(at_once)
    for at in tiles_of(model.card, size):
        place(alone, Tile(4 * at.top, 4 * at.left, decoded(model, at.crop(latents))))
    found = borders(Request(model="shapes", height=80, width=160)).tiles
    assert found == Lines(4, vertical=(Border(80, 0, 80),))
    whole, tiles, naive = (energy(shades(each), found) for each in (at_once, tiled, alone))
    assert tiles == pytest.approx(whole, rel=0.02)
    assert naive > 3 * whole
