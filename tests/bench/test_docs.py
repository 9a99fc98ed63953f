"""The page says what was measured."""

import json

import numpy as np
import pytest
from benchmarks import autoencoder, counted

from muralist import load
from muralist.bench.catalogue import unknown
from muralist.bench.results import read
from muralist.canvas import Size

PAGE = counted.PAGE.read_text()


def test_the_tables_of_the_page_are_those_of_the_results():
    found = read(counted.RESULTS)
    assert not unknown(found)
    assert counted.text(found) in PAGE


def test_what_the_autoencoder_is_said_to_lose_was_measured():
    octaves = json.loads(autoencoder.RESULTS.read_text())["decibels"]
    two, three, four, wide = (f"{-each[-1]:.1f}" for each in octaves.values())
    said = f"lack {two}, {three} and {four} dB at two, three and four native sides, and {wide} at"
    assert said in " ".join(PAGE.split())


@pytest.mark.parametrize(("halved", "lost"), [(False, 0.0), (True, 6.02)])
def test_an_autoencoder_loses_what_it_takes_away(monkeypatch, halved, lost):
    """Half of all contrast is 6 dB of every octave; nothing is nothing."""

    class Halving:
        def __init__(self, model):
            pass

        def latents(self, picture):
            return picture

        def picture(self, picture):
            mean = picture.mean((0, 1))
            return np.uint8((picture + mean) / 2 + 0.5) if halved else picture

    monkeypatch.setattr(autoencoder, "ModelCodec", Halving)
    caption = "a striped yellow ring on a black background"
    change = autoencoder.change(load("toy"), [caption], Size(256, 256))
    assert change == pytest.approx([-lost] * 4, abs=1.0)
