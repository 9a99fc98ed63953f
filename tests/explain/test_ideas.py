"""What holds for every idea: its words, its settings, its picture."""

import time
from pathlib import Path

import numpy as np
import pytest

from muralist.errors import BadRequest
from muralist.explain import IDEAS, idea_named, said
from muralist.explain.palette import PALETTES
from muralist.settings import from_json, settings_of, to_json
from muralist.sinks import read_settings

DOCS = Path(__file__).parents[2] / "docs"
QUICK = {name: idea for name, idea in IDEAS.items() if idea.quick}

every = pytest.mark.parametrize("name", IDEAS)
each_quick = pytest.mark.parametrize("name", QUICK)


@each_quick
@pytest.mark.parametrize("theme", PALETTES)
def test_a_picture_is_wide_enough_for_a_talk_and_on_its_paper(name, theme):
    pixels = IDEAS[name](theme=theme)()
    assert pixels.dtype == np.uint8 and pixels.shape[1:] == (1600, 3)
    assert 600 <= pixels.shape[0] <= 1400
    assert (pixels[:8] == PALETTES[theme].paper).all()


@each_quick
def test_a_picture_is_there_while_a_slider_moves(name):
    idea = IDEAS[name]()
    idea()
    before = time.process_time()
    idea()
    assert time.process_time() - before < 1


@each_quick
def test_settings_change_the_picture_at_both_ends_of_sliders(name):
    cls = IDEAS[name]
    plain = cls()()
    for one in settings_of(cls):
        for value in {one.low, one.high} - {one.default}:
            if one.kind not in (int, float):
                continue
            try:
                changed = cls(**{one.name: value})()
            except BadRequest:
                continue  # what is held has closer limits: tested where the idea is
            assert changed.shape != plain.shape or (changed != plain).any(), (one.name, value)


@every
def test_an_idea_is_said_in_a_sentence_and_a_paragraph_that_names_its_paper(name):
    title, text = said(IDEAS[name])
    assert title.endswith(".") and 20 < len(title) < 100
    assert "et al., 20" in text and 60 < len(text.split()) < 140


@every
def test_settings_round_trip(name):
    cls = IDEAS[name]
    assert from_json(cls, to_json(cls())) == cls()


@every
def test_settings_outside_their_range_are_refused(name):
    cls = IDEAS[name]
    with pytest.raises(BadRequest, match="theme is 'red'; light or dark is needed"):
        cls(theme="red")
    numbers = [one for one in settings_of(cls) if one.kind in (int, float)]
    for one in numbers:
        for value in (one.low - 1, one.high + 1):
            with pytest.raises(BadRequest, match=f"{one.name} is"):
                cls(**{one.name: value})


def test_an_unknown_idea_is_refused_with_the_nearest():
    with pytest.raises(BadRequest, match="did you mean dilated"):
        idea_named("dilate")


@every
def test_the_page_of_the_docs_says_the_same_and_shows_it(name):
    page = " ".join((DOCS / "ideas.md").read_text().split())
    title, text = said(IDEAS[name])
    assert title in page and text in page
    assert f"(ideas-{name}.png)" in page
    inside = read_settings(DOCS / f"ideas-{name}.png")
    assert {"idea": name, **to_json(IDEAS[name]())}.items() <= inside.items()
