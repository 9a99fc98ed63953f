"""Pictures made larger and smaller in strips are those made so as a whole."""

import mmap

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from muralist.sinks import resize, resized, spool, unpainted

sides = st.integers(1, 70)
LANCZOS = Image.Resampling.LANCZOS


def grain(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def by_pil(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    return np.asarray(Image.fromarray(pixels).resize((width, height), LANCZOS))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    height=sides, width=sides, taller=st.integers(0, 70), new=sides, strip=st.integers(1, 10_000)
)
def test_what_grows_is_to_the_bit_what_pil_makes_of_the_whole(height, width, taller, new, strip):
    """At any size of a strip; widths may shrink too."""
    pixels = grain(height, width)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(resize, "STRIP", strip)
        ours = resized(pixels, height + taller, new)
    assert np.array_equal(ours, by_pil(pixels, height + taller, new))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(height=sides, width=sides, strip=st.integers(1, 10_000), data=st.data())
def test_what_shrinks_is_what_pil_makes_of_it_but_for_rounding(height, width, strip, data):
    """Some versions of PIL begin with the columns, and so round others, and cut others at white."""
    small = data.draw(st.integers(1, height)), data.draw(st.integers(1, width))
    pixels = grain(height, width) // 2 + 64  # so that nothing is cut
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(resize, "STRIP", strip)
        ours = resized(pixels, *small)
    assert ours.shape == (*small, 3)
    assert np.abs(ours.astype(int) - by_pil(pixels, *small)).max() <= 2


def test_a_picture_of_that_size_is_the_picture():
    pixels = grain(9, 14)
    assert np.shares_memory(resized(pixels, 9, 14), pixels)


def test_what_pil_holds_at_once_does_not_grow_with_the_picture(monkeypatch):
    held, image = [], Image.fromarray

    def watched(strip):
        held.append(strip.nbytes)
        return image(strip)

    monkeypatch.setattr(Image, "fromarray", watched)
    monkeypatch.setattr(resize, "STRIP", 100_000)
    for side in (100, 200, 400):
        held.clear()
        resized(grain(side, side), 2 * side, 2 * side)
        assert max(held) <= 100_000
        assert sum(held) == 3 * side * side + 3 * side * 2 * side


def test_what_lies_in_a_file_stays_in_files(tmp_path, monkeypatch):
    monkeypatch.setattr(spool, "IN_MEMORY", 0)
    pixels, asked = grain(40, 30), []

    def room(height, width):
        asked.append((height, width))
        return unpainted(height, width, tmp_path)

    larger = resized(pixels, 80, 70, room)
    assert asked == [(40, 70), (80, 70)]
    assert mapped(larger)
    assert np.array_equal(larger, by_pil(pixels, 80, 70))


def mapped(pixels: np.ndarray) -> bool:
    base = pixels
    while isinstance(base, np.ndarray):
        base = base.base
    return isinstance(base, mmap.mmap)
