"""The tab where one prompt and seed is painted in several ways, and what comes of it is counted."""

from collections.abc import Sequence
from typing import Any

import gradio as gr

from muralist.studio import sheets
from muralist.studio.owner import owner
from muralist.studio.page.compared import cells, earlier, links, table
from muralist.studio.page.event import QUIET, while_open
from muralist.studio.page.form import (
    Form,
    PromptForm,
    Values,
    model_form,
    negative_prompt,
    priced,
)
from muralist.studio.page.sampling import sampling_form
from muralist.studio.page.size import preset_choice, size_form
from muralist.studio.page.spoken import spoken
from muralist.studio.page.variation import Variation, variation
from muralist.studio.studio import Studio

__all__ = ["compare"]

_NOTHING = '<p class="help">What you compare is kept here.</p>'
_SURE = "(id) => [confirm('Delete all pictures of this comparison?') ? id : '']"

# One listener for all buttons, which come and go.
_CLICKS = """
element.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-work], button[data-sheet]");
    if (button) trigger("select", { ...button.dataset });
});
"""


def compare(studio: Studio, tabs: gr.Tabs, tab: gr.Tab) -> None:
    """Fills the tab: what is asked for at the left, and the comparison that is shown, which is
    looked up anew every second while the tab is open.
    """
    with gr.Row(elem_classes="comparing"):
        with gr.Column(elem_classes="asking"):
            button, asked = _asking(studio)
            known = _html()
        with gr.Column():
            shown = gr.Textbox(visible="hidden", label="the comparison that is shown")
            looking = _showing(studio, shown, known)
    while_open(tabs, tab, 1.0, **looking)

    @spoken
    def begin(held: Values, request: gr.Request) -> str:
        return sheets.begin(studio, owner(request), asked.requests(studio, held))

    button.click(begin, asked.inputs, shown, **QUIET).then(**looking)


def _asking(studio: Studio) -> tuple[gr.Button, Variation]:
    """What to paint, in which ways, what it costs, and the button."""
    prompt = gr.Textbox(
        label="Prompt", placeholder="a red circle on a blue background", lines=2, max_lines=6
    )
    with gr.Row(elem_classes="pair"):
        model = model_form(studio)
        preset = preset_choice(studio, model.model)
    with gr.Column() as ways:
        pass
    with gr.Row(elem_classes="buttons"):
        button = gr.Button("Paint all", variant="primary", interactive=False)
    with gr.Column(elem_classes="costs") as costs:
        pass
    with gr.Accordion("Negative prompt", open=False):
        negative = negative_prompt()
    with gr.Accordion("Ratio and exact size", open=False):
        size = size_form(studio, model.model, preset)
    with gr.Accordion("Seed, steps and guidance", open=False):
        sampling = sampling_form()
    common = Form([PromptForm(prompt, negative), model, size, sampling])
    with ways:
        asked = variation(common, model.model)

    with costs:
        priced(studio, asked, [button])
    return button, asked


def _html() -> gr.HTML:
    return gr.HTML(js_on_load=_CLICKS, apply_default_css=False)


def _showing(studio: Studio, shown: gr.Textbox, known: gr.HTML) -> dict[str, Any]:
    """The comparison of that name; returns how to look at it."""
    found = _html()
    with gr.Row(elem_classes="ends"):
        stop = gr.Button("Stop", size="sm", visible=False)
        remove = gr.Button("Delete", size="sm", visible=False)
    picked = gr.Textbox(visible="hidden", label="the pictures to wipe between")
    seen = gr.Textbox(visible="hidden", label="what the page was told")

    @spoken
    def look(id: str, picked_: str, seen_: str, request: gr.Request) -> Any:
        every = sheets.sheets(studio, owner(request))
        sheet = next((one for one in every if one.id == id), every[0] if every else None)
        name = "" if sheet is None else sheet.id
        here = _NOTHING if sheet is None else _shown(studio, sheet, picked_.split())
        listed = earlier(every, name)
        now = f"{hash((here, listed)):x}"
        if now == seen_ and name == id:
            return gr.skip()
        running = sheet is not None and not sheet.settled
        there = gr.update(visible=sheet is not None)
        return name, listed, here, gr.update(visible=running), there, now

    def opened(event: gr.EventData) -> str:
        return event.sheet

    @spoken
    def pick(picked_: str, event: gr.EventData) -> str:
        return " ".join(_toggled(picked_.split(), event.work))

    @spoken
    def end(id: str, request: gr.Request) -> None:
        sheets.stop(studio, sheets.sheet(studio, id, owner(request)))

    @spoken
    def forget(id: str, request: gr.Request) -> None:
        if id:
            sheets.remove(studio, sheets.sheet(studio, id, owner(request)))

    looking = {
        "fn": look,
        "inputs": [shown, picked, seen],
        "outputs": [shown, known, found, stop, remove, seen],
        **QUIET,
    }
    known.select(opened, None, shown, **QUIET).then(**looking)
    found.select(pick, picked, picked, **QUIET).then(**looking)
    stop.click(end, shown, None, **QUIET).then(**looking)
    remove.click(forget, shown, None, js=_SURE, **QUIET).then(**looking)
    return looking


def _shown(studio: Studio, sheet: sheets.Sheet, picked: Sequence[str]) -> str:
    return cells(studio, sheet, picked) + links(sheet, picked) + table(sheet)


def _toggled(picked: Sequence[str], id: str) -> list[str]:
    """The last two that were picked; one that is picked again is let go."""
    if id in picked:
        return [one for one in picked if one != id]
    return [*picked, id][-2:]
