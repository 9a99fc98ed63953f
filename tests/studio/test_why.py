"""Reasons come back from a work's folder as the method gave them."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

import muralist
from muralist import AccDiffusion
from muralist.canvas import View
from muralist.request import Request
from muralist.stage import Explanation
from muralist.studio import why
from muralist.studio.drawn import MOST
from tests.studio.works import finished, toy_request

MAPS = [("wave", torch.linspace(0, 1, 12).reshape(3, 4)), ("wave: told", torch.ones(3, 4))]
VIEWS = [(View(0, 8, 16, 16), "a wave"), (View(8, 8, 16, 16), "")]


@pytest.fixture
def work(tmp_path):
    return finished(tmp_path / "work")


def test_maps_are_grey_pictures_by_word(work):
    why.keep(work, 2, Explanation(maps=MAPS))
    told = why.read(work, 2)
    assert told is not None and told["maps"] == ["wave", "wave: told"]
    for number, (_, where) in enumerate(MAPS):
        path = why.map_file(work, 2, number)
        assert path is not None and path.parent == work.folder
        with Image.open(path) as image:
            assert image.mode == "L" and image.size == (4 * 128, 3 * 128)
            middles = np.asarray(image)[64::128, 64::128]
        assert np.abs(middles / 255 - where.numpy()).max() <= 1 / 255


def test_views_are_rectangles_in_pixels_with_their_words(tmp_path):
    work = finished(tmp_path / "work", toy_request(model="shapes", height=256, width=384))
    why.keep(work, 3, Explanation(views=VIEWS))
    told = why.read(work, 3)
    assert told is not None and (told["height"], told["width"]) == (256, 384)
    first = {"left": 32, "top": 0, "width": 64, "height": 64, "words": "a wave"}
    assert told["windows"] == [first, {**first, "top": 32, "words": ""}]
    assert told["count"] == 2


def test_of_very_many_views_some_are_kept_and_how_many_there_are(work):
    views = [(View(at, 0, 1, 1), "a wave") for at in range(MOST * 3)]
    why.keep(work, 3, Explanation(views=views))
    told = why.read(work, 3)
    assert told is not None and (told["count"], len(told["windows"])) == (MOST * 3, MOST)


def test_nothing_to_say_leaves_nothing(work):
    before = sorted(work.folder.iterdir())
    why.keep(work, 2, Explanation())
    assert sorted(work.folder.iterdir()) == before
    assert why.read(work, 2) is None and why.map_file(work, 2, 0) is None


def test_maps_that_are_not_there_have_no_file(work):
    why.keep(work, 2, Explanation(maps=MAPS))
    assert why.map_file(work, 2, 2) is None and why.map_file(work, 2, -1) is None
    assert why.map_file(work, 1, 0) is None


def test_reasons_replace_older_ones(work):
    why.keep(work, 2, Explanation(maps=MAPS))
    why.keep(work, 2, Explanation(maps=[("dusk", torch.zeros(2, 2))]))
    told = why.read(work, 2)
    assert told is not None and told["maps"] == ["dusk"]
    assert why.map_file(work, 2, 1) is None


def test_what_fails_on_the_way_leaves_what_was_there(work, monkeypatch):
    why.keep(work, 2, Explanation(maps=MAPS))
    before = why.read(work, 2)
    monkeypatch.setattr(json, "dumps", _no_room)
    with pytest.raises(OSError, match="no room"):
        why.keep(work, 2, Explanation(maps=[("dusk", torch.zeros(2, 2))]))
    assert why.read(work, 2) == before
    assert not list(work.folder.glob(".unfinished*"))


def test_accdiffusions_own_reasons_are_kept(tmp_path):
    """The words of the prompt, over the base; what each window of the next stage was told."""
    request = Request(
        prompt="a red circle on a blue background",
        height=256,
        width=256,
        method=AccDiffusion(),
        num_inference_steps=3,
    )
    work = finished(tmp_path / "work", request)
    for event in muralist.generate(request):
        if isinstance(event, muralist.StageDone) and event.explain is not None:
            why.keep(work, event.stage, event.explain())
    base, second = why.read(work, 1), why.read(work, 2)
    assert base is not None and "circle" in base["maps"] and "circle: told" in base["maps"]
    assert second is not None and len(second["windows"]) == second["count"] == 9
    told = [set(window["words"].split()) for window in second["windows"]]
    assert all(words <= set(request.prompt.split()) for words in told) and any(told)


def _no_room(*_, **__):
    raise OSError("no room")
