"""A form of several pieces: what it asks for, what that costs, and whether it can be painted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import gradio as gr
from gradio.components import Component

from muralist.errors import BadRequest, MuralistError
from muralist.request import Request
from muralist.studio.page.event import typing
from muralist.studio.page.spoken import sentence
from muralist.studio.page.words import base_line, effort_line, hint, memory_line, refusal
from muralist.studio.studio import Studio

__all__ = [
    "Form",
    "ModelForm",
    "Piece",
    "Priced",
    "PromptForm",
    "Unsaid",
    "Values",
    "checked",
    "model_form",
    "negative_prompt",
    "priced",
    "weighed",
]

Values = Mapping[Component, Any]  # what widgets hold


class Piece(Protocol):
    """Widgets, and what they ask for."""

    @property
    def inputs(self) -> Sequence[Component]: ...

    def asked(self, values: Values) -> dict[str, Any]:
        """Arguments of a request; `BadRequest` for what can be none."""
        ...


class Unsaid(BadRequest):
    """Something is still to be filled in; nothing is wrong so far."""


@dataclass(frozen=True)
class PromptForm:
    """What to paint, and what to lead away from."""

    prompt: gr.Textbox
    negative: gr.Textbox
    needed: bool = True  # whether there is nothing to paint without a prompt

    @property
    def inputs(self) -> Sequence[Component]:
        return self.prompt, self.negative

    def asked(self, values: Values) -> dict[str, Any]:
        prompt = (values[self.prompt] or "").strip()
        if self.needed and not prompt:
            raise Unsaid("say what to paint")
        return {"prompt": prompt, "negative_prompt": (values[self.negative] or "").strip() or None}


def negative_prompt() -> gr.Textbox:
    """A field for what to lead away from; it stands in a fold of that name."""
    return gr.Textbox(label="Negative prompt", placeholder="blurry, text", lines=2, container=False)


@dataclass(frozen=True)
class ModelForm:
    """Which model paints."""

    model: gr.Dropdown

    @property
    def inputs(self) -> Sequence[Component]:
        return (self.model,)

    def asked(self, values: Values) -> dict[str, Any]:
        return {"model": values[self.model]}


def model_form(studio: Studio) -> ModelForm:
    """A choice of the models that are offered, which the first is of."""
    models = [*studio.models]
    return ModelForm(gr.Dropdown(models, value=models[0], label="Model", filterable=False))


class Priced(Protocol):
    """What asks for one picture, or for several, and says what that costs."""

    @property
    def inputs(self) -> set[Any]: ...

    def effort(self, studio: Studio, values: Values) -> str: ...

    def memory(self, studio: Studio, values: Values) -> str: ...


@dataclass(frozen=True)
class Form:
    """Pieces whose arguments make one request."""

    pieces: Sequence[Piece]

    @property
    def inputs(self) -> set[Any]:
        """As gradio takes them where a handler is to have their values by widget."""
        return {widget for piece in self.pieces for widget in piece.inputs}

    def request(self, studio: Studio, values: Values) -> Request:
        """What is asked for; raises `BadRequest` for what cannot be painted here."""
        asked: dict[str, Any] = {}
        for piece in self.pieces:
            asked |= piece.asked(values)
        return studio.request(**asked)

    def effort(self, studio: Studio, values: Values) -> str:
        """What there is to do, as HTML; raises `BadRequest` as `request` does."""
        asked = self.request(studio, values)
        effort = studio.effort(asked)
        return effort_line(effort) + (base_line(effort) if asked.image is None else "")

    def memory(self, studio: Studio, values: Values) -> str:
        """What it takes, as HTML; raises `BadRequest` as `request` does."""
        return memory_line(studio.estimate(self.request(studio, values)))


def checked(studio: Studio, form: Priced, values: Values) -> tuple[str, bool]:
    """What there is to do, as HTML, or why it cannot be; and whether it can."""
    try:
        return form.effort(studio, values), True
    except Unsaid as error:
        return hint(str(error)), False
    except Exception as error:
        return refusal(sentence(error)), False


def weighed(studio: Studio, form: Priced, values: Values) -> str:
    """What it takes, as HTML; nothing where `checked` has said that it cannot be."""
    try:
        return form.memory(studio, values)
    except MuralistError:
        return ""
    except Exception as error:
        return refusal(sentence(error))


def priced(studio: Studio, form: Priced, buttons: Sequence[gr.Button]) -> None:
    """Two lines that follow the form: what there is to do, at once, and what it takes, later.

    What cannot be painted is said in their place, in red, and the buttons are off.
    """
    with gr.Column(elem_classes="costs"):
        first = gr.HTML(elem_classes="verdict")
        second = gr.HTML(elem_classes="verdict")

    def check(values: Values) -> list[Any]:
        line, possible = checked(studio, form, values)
        return [line, *(gr.update(interactive=possible) for _ in buttons)]

    def weigh(values: Values) -> str:
        return weighed(studio, form, values)

    # without triggers: when the page is opened, and whenever one of the inputs changes
    gr.on(None, check, form.inputs, [first, *buttons], **typing("check", 4))
    gr.on(None, weigh, form.inputs, second, **typing("estimate", 1))
