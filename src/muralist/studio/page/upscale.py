"""The tab where a picture is made of one that is there."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component

from muralist.request import Request
from muralist.settings import settings_of
from muralist.studio.owner import owner
from muralist.studio.page.drop import drop_form
from muralist.studio.page.event import QUIET
from muralist.studio.page.form import Form, PromptForm, Values, model_form, negative_prompt, priced
from muralist.studio.page.method import method_form
from muralist.studio.page.sampling import sampling_form
from muralist.studio.page.spoken import spoken
from muralist.studio.page.widgets import written
from muralist.studio.studio import Studio

__all__ = ["ScaleForm", "upscale"]

_WIDTH = next(one for one in settings_of(Request) if one.name == "width")
_TIMES = (2.0, 3.0, 4.0, 8.0)


@dataclass(frozen=True)
class ScaleForm:
    """How many times as large a picture is to be, or how wide."""

    times: gr.Dropdown
    width: gr.Textbox

    @property
    def inputs(self) -> Sequence[Component]:
        return self.times, self.width

    def asked(self, values: Values) -> dict[str, Any]:
        width = _WIDTH.read(written(values[self.width]))
        return {"width": width} if width else {"scale": values[self.times]}


def upscale(studio: Studio, shown: gr.Textbox) -> None:
    """Fills the tab. What is asked for becomes the picture that is `shown`."""
    drop = drop_form()
    prompt = gr.Textbox(label="Prompt", info="what it shows; may be left out", lines=2, max_lines=6)
    model = model_form(studio)
    with gr.Row(elem_classes="pair"):
        choices = [(f"{times:g}x", times) for times in _TIMES]
        times = gr.Dropdown(choices, value=2.0, label="Scale", filterable=False)
        width = gr.Textbox(label="Or width", placeholder="pixels", max_lines=1)
    button = gr.Button("Upscale", variant="primary", interactive=False)
    with gr.Column(elem_classes="costs") as costs:
        pass
    with gr.Accordion("Negative prompt", open=False):
        negative = negative_prompt()
    with gr.Accordion("Seed, steps and guidance", open=False):
        sampling = sampling_form()
    with gr.Accordion("Method", open=False):
        method = method_form()
    words, scale = PromptForm(prompt, negative, needed=False), ScaleForm(times, width)
    form = Form([drop, scale, words, model, sampling, method])
    with costs:
        priced(studio, form, [button])

    @spoken
    def ask(values: Values, request: gr.Request) -> str:
        wanted, (_, name) = form.request(studio, values), drop.read(values)
        return studio.ask(owner(request), wanted, image_name=name).id

    button.click(ask, form.inputs, shown, **QUIET)
