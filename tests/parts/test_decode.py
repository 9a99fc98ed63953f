"""Decoding tile by tile gives every pixel once, and the picture that decoding at once gives."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from muralist import NotFinite, TileDone
from muralist import decode as module
from muralist.canvas import Size
from muralist.decode import decode, decoded, tiles_of
from muralist.models import Toy
from tests.laws.parts import Watched, counted, events, normal, toy_request


@dataclass(frozen=True)
class Wide(Watched):
    """The toy, as if it was trained at 128 x 128 cells: the least tile and its halo are that."""

    factor: int = 1

    @property
    def card(self):
        return replace(self.inner.card, native=Size(128, 128), factor=self.factor)


@pytest.fixture
def cut(monkeypatch):
    """The least budget: tiles of 64 cells a side."""
    monkeypatch.setattr(module, "BUDGET", 1)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    height=st.integers(1, 400),
    width=st.integers(1, 400),
    native=st.integers(1, 200),
    budget=st.integers(1, 10**8),
)
def test_tiles_cover_the_canvas_and_none_twice(height, width, native, budget):
    card = replace(Toy().card, native=Size(native, native))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "BUDGET", budget)
        tiles = tiles_of(card, Size(height, width))
    assert (counted(Size(height, width), tiles) == 1).all()
    corners = [(tile.top, tile.left) for tile in tiles]
    assert corners == sorted(corners)


def test_a_picture_within_the_budget_is_one_tile():
    card = replace(Toy().card, decoder_width=1)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "BUDGET", 100 * 100 * 4 * 4)
        assert len(tiles_of(card, Size(100, 100))) == 1
        assert len(tiles_of(card, Size(100, 101))) > 1


@pytest.mark.parametrize("budget", [10**6, 10**7, 10**8])
def test_no_tile_is_decoded_beyond_the_budget(monkeypatch, budget):
    """With the halo around it: that is what the decoder holds."""
    monkeypatch.setattr(module, "BUDGET", budget)
    card = replace(Toy().card, native=Size(16, 16))
    size = Size(3000, 3000)
    seen = [module.with_halo(tile, size) for tile in tiles_of(card, size)]
    assert max(view.height * view.width for view in seen) * card.decoder_width * 16 <= budget


@pytest.mark.parametrize(
    "size", [Size(64, 64), Size(65, 200), Size(150, 97), Size(7, 300)], ids=str
)
def test_tiles_equal_the_whole_where_the_decoder_is_local(size, monkeypatch):
    latents = normal(1, 3, *size, dtype=torch.float32)
    model, whole = Wide(Toy()), decoded(Toy(), latents)
    monkeypatch.setattr(module, "BUDGET", 1)
    assert len(tiles_of(model.card, size)) == -(-size.height // 64) * -(-size.width // 64)
    assert np.array_equal(decoded(model, latents), whole)


class Blurry(Wide):
    """Its pixels are means over the 65 x 65 cells around them."""

    def decode(self, latents):
        ones, total = torch.ones_like(latents).double(), latents.double()
        for taps, pad in (((65, 1), (0, 0, 32, 32)), ((1, 65), (32, 32, 0, 0))):
            total, ones = (F.avg_pool2d(F.pad(each, pad), taps, stride=1) for each in (total, ones))
        mean = (total / ones).float() * 8 + 0.5
        return mean.repeat_interleave(2, -2).repeat_interleave(2, -1)


def test_a_decoder_that_looks_32_cells_around_sees_all_it_needs(cut):
    latents, model = normal(1, 3, 130, 140, dtype=torch.float32), Blurry(Toy(), factor=2)
    whole = module._pixels(model, latents)
    tiled = decoded(model, latents)
    assert tiled.shape == (260, 280, 3)
    # a value between two shades may be rounded to either
    assert np.abs(tiled.astype(int) - whole.astype(int)).max() <= 1
    assert (tiled != whole).mean() < 1e-3
    assert whole.std() > 10


def test_pixels_are_the_decoders_rounded_and_clamped():
    latents = torch.tensor([-9.0, -2.0, 0.0, 1.0, 9.0]).expand(1, 3, 1, 5)
    assert decoded(Toy(), latents)[0, :, 0].tolist() == [0, 0, 128, 191, 255]


def test_tiles_are_told_as_they_are_decoded(cut):
    told = events(toy_request(model=Wide(Toy()), height=130, width=70, num_inference_steps=1))
    tiles = [event for event in told if isinstance(event, TileDone)]
    assert [(tile.number, tile.count) for tile in tiles] == [(n, 6) for n in range(1, 7)]


def test_tiles_say_where_their_pixels_belong(cut):
    latents = normal(1, 3, 100, 90, dtype=torch.float32)
    places = [(tile.top, tile.left, *tile.pixels.shape) for tile in decode(Wide(Toy()), latents)]
    assert places == [
        (0, 0, 64, 64, 3),
        (0, 64, 64, 26, 3),
        (64, 0, 36, 64, 3),
        (64, 64, 36, 26, 3),
    ]


class Overflowing(Watched):
    def decode(self, latents):
        return self.inner.decode(latents) * float("nan")


def test_a_decoder_that_overflows_is_an_error_with_the_remedy():
    with pytest.raises(NotFinite, match=r"decoder overflowed.*float16.*float32 or bfloat16"):
        decoded(Overflowing(Toy()), normal(1, 3, 8, 8))


def test_a_run_whose_decoder_overflows_ends_with_that_error():
    with pytest.raises(NotFinite, match="decoder overflowed"):
        events(toy_request(model=Overflowing(Toy()), height=16, width=16))
