"""Steps, guidance and the seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component

from muralist.errors import BadRequest
from muralist.request import Request
from muralist.settings import Setting, settings_of
from muralist.studio.page.event import QUIET
from muralist.studio.page.widgets import widget, written

__all__ = ["SamplingForm", "sampling_form"]

_KNOWN = {each.name: each for each in settings_of(Request)}
_PLAIN = {"num_inference_steps": "Steps", "guidance_scale": "Guidance scale"}
_RARE = {
    "guidance_rescale": "Guidance rescale",
    "pag_scale": "Perturbed-attention scale",
    "solver": "Solver",
}
_DICE = "() => Math.floor(Math.random() * 2 ** 31)"


@dataclass(frozen=True)
class SamplingForm:
    """Settings of a request, by their names."""

    widgets: Mapping[str, Component]

    @property
    def inputs(self) -> Sequence[Component]:
        return [*self.widgets.values()]

    def asked(self, values: Mapping[Component, Any]) -> dict[str, Any]:
        """Arguments of a request; `BadRequest` names the one that is out of its range."""
        return {name: _read(name, values[widget]) for name, widget in self.widgets.items()}


def _read(name: str, value: Any) -> Any:
    """A value, or what is wrong with it, by what the page calls it."""
    try:
        return _KNOWN[name].read(written(value))
    except BadRequest as error:
        label = {"seed": "Seed", **_PLAIN, **_RARE}[name]
        raise BadRequest(str(error).replace(name, label, 1)) from error


def sampling_form() -> SamplingForm:
    """The seed with its dice, steps and guidance; then what is rarely touched."""
    with gr.Row(elem_classes="seed"):
        seed = gr.Number(0, label="Seed", precision=0)
        dice = gr.Button("Random", size="sm", elem_classes="dice")
    dice.click(None, None, seed, js=_DICE, **QUIET)
    with gr.Row(elem_classes="pair"):
        plain = {name: _named(_KNOWN[name], label) for name, label in _PLAIN.items()}
    rare = {name: _named(_KNOWN[name], label) for name, label in _RARE.items()}
    return SamplingForm({"seed": seed, **plain, **rare})


def _named(setting: Setting, label: str) -> Component:
    made: Any = widget(setting)
    made.label = label
    return made
