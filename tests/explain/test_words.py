"""What the picture of words shows is what AccDiffusion heard and would tell."""

import warnings

import numpy as np
import pytest
import torch

from muralist.canvas import Size
from muralist.denoisers.prompted import masks, seen
from muralist.errors import BadRequest
from muralist.events import StageDone
from muralist.explain import Words
from muralist.explain.words import asked
from muralist.generation import generate

PROMPT = "a red circle on a blue background"


@pytest.fixture(scope="module")
def quick() -> Words:
    return Words(steps=2)


def test_the_small_picture_is_the_first_stage_of_the_methods_run(quick):
    events = generate(asked(PROMPT, 2, 1))
    first = next(event for event in events if isinstance(event, StageDone))
    events.close()
    difference = np.abs(first.result.pixels.astype(int) - quick.heard().pixels)
    assert difference.max() <= 1  # batches round otherwise
    theirs, ours = dict(first.explain().maps), dict(quick.explained()[0].maps)
    for name, heat in ours.items():
        torch.testing.assert_close(heat, theirs[name], atol=1e-3, rtol=0)


def test_a_window_is_told_the_words_that_cover_enough_of_it(quick):
    base, larger = quick.explained()
    names = [name for name, _ in base.maps[::2]]
    where = masks(torch.stack([heat for _, heat in base.maps[::2]]))
    share = seen(where, [view for view, _ in larger.views], Size(64, 64))
    for row, (_, told) in zip(share.tolist(), larger.views, strict=True):
        kept = [name for name, part in zip(names, row, strict=True) if part >= 0.3]
        assert " ".join(kept) == told


def test_at_no_share_every_window_is_told_all():
    _, larger = Words(steps=2, c=0).explained()
    assert {told for _, told in larger.views} == {PROMPT}


def test_at_the_whole_share_words_are_left_out(quick):
    _, larger = Words(steps=2, c=1).explained()
    assert all(len(told) < len(PROMPT) for _, told in larger.views)


def test_a_long_prompt_has_room(quick):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pixels = Words(prompt=" and ".join(["a red ring"] * 12), steps=1)()
    assert pixels.shape[1] == 1600


@pytest.mark.parametrize("prompt", ["", "  "])
def test_nothing_to_say_is_refused(prompt):
    with pytest.raises(BadRequest, match="there is no prompt"):
        Words(prompt=prompt)
