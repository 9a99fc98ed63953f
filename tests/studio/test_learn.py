"""The page of ideas follows its widgets, and says why where it cannot."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

gr = pytest.importorskip("gradio")

from muralist.explain import IDEAS, Windows, said  # noqa: E402
from muralist.settings import settings_of  # noqa: E402
from muralist.studio.page.learn import learn  # noqa: E402


@pytest.fixture(scope="module")
def page() -> gr.Blocks:
    """Made in a loop of events, or gradio makes some and leaves them open; playwright's may run."""

    async def made() -> gr.Blocks:
        with gr.Blocks() as blocks:
            learn()
        return blocks

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(made())).result()


def section(page: gr.Blocks, name: str):
    """The function that draws an idea, by the labels of its inputs."""
    title, _ = said(IDEAS[name])
    for one in page.fns.values():
        if any(getattr(output, "label", None) == title for output in one.outputs):
            return one
    raise AssertionError(f"nothing draws {name}")


@pytest.mark.parametrize("name", IDEAS)
def test_every_idea_has_its_words_and_a_widget_for_each_setting(page, name):
    title, text = said(IDEAS[name])
    written = [one.value for one in page.blocks.values() if isinstance(one, gr.Markdown)]
    assert any(title in each and text in each for each in written if each)
    labels = [one.label for one in section(page, name).inputs]
    assert labels[:-1] == [one.name for one in settings_of(IDEAS[name]) if one.name != "theme"]


@pytest.mark.parametrize("name", IDEAS)
def test_what_draws_is_no_part_of_the_api_and_pictures_are_not_shared(page, name):
    drawing = section(page, name)
    assert drawing.api_visibility == "private"
    assert drawing.outputs[0].buttons == ["download", "fullscreen"]


def test_pictures_follow_their_widgets_but_those_that_take_seconds(page):
    for name, idea in IDEAS.items():
        kinds = {event for _, event in section(page, name).targets}
        assert kinds == ({"load", "change"} if idea.quick else {"click"}), name


def test_the_picture_is_the_ideas_own_at_what_widgets_hold(page):
    drawing = section(page, "windows")
    held = {one.label: one.value for one in drawing.inputs[:-1]} | {"jitter": 0, "overhang": True}
    pixels, refusal = drawing.fn(*held.values(), "dark")
    assert np.array_equal(pixels, Windows(jitter=0, overhang=True, theme="dark")())
    assert refusal.visible is False


def test_what_cannot_be_drawn_is_said_and_the_last_picture_stays(page):
    drawing = section(page, "windows")
    held = {one.label: one.value for one in drawing.inputs[:-1]} | {"stride": 40}
    pixels, refusal = drawing.fn(*held.values(), "light")
    assert pixels == gr.skip()
    assert refusal.visible and "stride is 40 latent cells; 1 to 24" in refusal.value
