"""The tab where a picture is asked for in words."""

import gradio as gr

from muralist.studio.owner import owner
from muralist.studio.page.event import QUIET
from muralist.studio.page.form import Form, PromptForm, Values, model_form, negative_prompt, priced
from muralist.studio.page.method import method_form
from muralist.studio.page.sampling import sampling_form
from muralist.studio.page.size import preset_choice, size_form
from muralist.studio.page.spoken import spoken
from muralist.studio.studio import Studio

__all__ = ["paint"]


def paint(studio: Studio, shown: gr.Textbox) -> None:
    """Fills the tab. What is asked for becomes the picture that is `shown`."""
    prompt = gr.Textbox(
        label="Prompt",
        placeholder="a red circle on a blue background",
        lines=3,
        max_lines=8,
        autofocus=True,
    )
    with gr.Row(elem_classes="pair"):
        model = model_form(studio)
        preset = preset_choice(studio, model.model)
    with gr.Row(elem_classes="buttons"):
        base = gr.Button("Paint the base picture", variant="primary", interactive=False)
        whole = gr.Button("Paint it all", interactive=False)
    with gr.Column(elem_classes="costs") as costs:
        pass
    with gr.Accordion("Negative prompt", open=False):
        negative = negative_prompt()
    with gr.Accordion("Ratio and exact size", open=False):
        size = size_form(studio, model.model, preset)
    with gr.Accordion("Seed, steps and guidance", open=False):
        sampling = sampling_form()
    with gr.Accordion("Method", open=False):
        method = method_form()
    form = Form([PromptForm(prompt, negative), model, size, sampling, method])
    with costs:
        priced(studio, form, [base, whole])

    def ask(values: Values, request: gr.Request, base_first: bool) -> str:
        wanted = form.request(studio, values)
        return studio.ask(owner(request), wanted, base_first=base_first).id

    @spoken
    def ask_base(values: Values, request: gr.Request) -> str:
        return ask(values, request, True)

    @spoken
    def ask_whole(values: Values, request: gr.Request) -> str:
        return ask(values, request, False)

    base.click(ask_base, form.inputs, shown, **QUIET)
    whole.click(ask_whole, form.inputs, shown, **QUIET)
    prompt.submit(ask_base, form.inputs, shown, **QUIET)
