"""Forms made of settings say what may be set, and give back what was."""

from dataclasses import dataclass
from typing import Literal

import pytest

gr = pytest.importorskip("gradio")

from muralist.errors import BadRequest  # noqa: E402
from muralist.methods import METHODS  # noqa: E402
from muralist.settings import setting, settings_of  # noqa: E402
from muralist.studio.page.widgets import filled, widget  # noqa: E402


@dataclass(frozen=True)
class Some:
    """One setting of each kind."""

    share: float = setting(0.25, "a part", low=0, high=1)
    count: int = setting(3, "how many", low=1, high=9)
    side: int | None = setting(None, "cells", low=1)
    sigma: float = setting(0.8, "a width", low=1e-3, high=100)
    kind: Literal["mean", "gaussian"] = setting("mean", "which")
    twice: Literal[1, 2] | None = setting(None, "how often")
    ring: bool = setting(False, "closed")
    maybe: bool | None = setting(None, "as it comes")
    words: str = setting("a red ring", "what to say")


def made(cls: type) -> dict:
    return {one.name: widget(one) for one in settings_of(cls)}


@pytest.mark.parametrize("cls", [Some, *METHODS.values()], ids=lambda cls: cls.__name__)
def test_an_untouched_form_is_the_defaults(cls):
    assert filled(cls, {name: each.value for name, each in made(cls).items()}) == cls()


def test_each_kind_of_setting_has_its_widget():
    kinds = {name: type(each) for name, each in made(Some).items()}
    assert kinds == {
        "share": gr.Slider,
        "count": gr.Slider,
        "side": gr.Textbox,
        "sigma": gr.Number,
        "kind": gr.Dropdown,
        "twice": gr.Dropdown,
        "ring": gr.Checkbox,
        "maybe": gr.Dropdown,
        "words": gr.Textbox,
    }


@pytest.mark.parametrize("cls", [Some, *METHODS.values()], ids=lambda cls: cls.__name__)
def test_sliders_can_be_set_to_both_ends_and_to_the_default(cls):
    for each in made(cls).values():
        if isinstance(each, gr.Slider):
            for goal in (each.maximum, each.value):
                steps = (goal - each.minimum) / each.step
                assert steps == pytest.approx(round(steps), abs=1e-6), each.label


@pytest.mark.parametrize("one", settings_of(Some), ids=lambda one: one.name)
def test_a_widget_says_its_name_and_what_it_means(one):
    shown = widget(one)
    assert shown.label == one.name and shown.info.startswith(one.help)


def test_what_was_set_is_what_is_meant():
    held = {"share": 1, "count": 9, "side": 64, "kind": "gaussian", "twice": "2", "ring": True}
    asked = filled(Some, held | {"maybe": "false", "words": "none"})
    assert asked == Some(1, 9, 64, 0.8, "gaussian", 2, True, False, "none")


def test_an_emptied_field_is_unset():
    for empty in ("", " ", None):
        assert filled(Some, {"side": empty, "twice": "auto"}, Some(side=64, twice=2)) == Some()


@pytest.mark.parametrize(
    ("held", "sentence"),
    [
        ({"count": 12}, "count is 12; a whole number from 1 to 9 is needed"),
        ({"count": None}, "count is ''; a whole number from 1 to 9 is needed"),
        ({"cuont": 1}, "Some has no setting 'cuont'"),
    ],
)
def test_what_cannot_be_is_refused_by_name(held, sentence):
    with pytest.raises(BadRequest, match=sentence):
        filled(Some, held)
