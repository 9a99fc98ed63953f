"""The ideas behind the methods, as pictures that follow their settings."""

from functools import lru_cache, partial
from typing import Any

import gradio as gr
import numpy as np

from muralist.errors import BadRequest
from muralist.explain import IDEAS, Idea, said
from muralist.settings import settings_of
from muralist.studio.page.widgets import filled, widget

__all__ = ["learn"]

# the last input is the paper, which is as the page is shown
_AS_THE_PAGE = """(...held) => [
  ...held.slice(0, -1), document.body.classList.contains("dark") ? "dark" : "light"]"""


def learn() -> None:
    """Adds the page to the `gr.Blocks` at hand: of each idea its text, its settings, its picture.

    Pictures are computed by the server while a slider moves, one at a time; one that a model has to
    paint something for, when it is asked for by its button.
    """
    gr.Markdown(
        "What the methods do, computed by the parts that they are made of. On the command line,"
        " `muralist explain` draws the same pictures into files."
    )
    for name, idea in IDEAS.items():
        _section(name, idea)


def _section(name: str, idea: type[Idea]) -> None:
    title, text = said(idea)
    shown = [one for one in settings_of(idea) if one.name != "theme"]
    with gr.Column(elem_id=f"learn-{name}", elem_classes="learn"):
        gr.Markdown(f"## {title}\n\n{text}")
        with gr.Row():
            with gr.Column(scale=1, min_width=260):
                widgets = [widget(one) for one in shown]
                button = None if idea.quick else gr.Button("Paint it", variant="primary")
                refusal = gr.Markdown(visible=False)
            with gr.Column(scale=3, min_width=320):
                picture = gr.Image(
                    interactive=False,
                    show_label=False,
                    label=title,
                    alt_text=title,
                    format="png",
                    buttons=["download", "fullscreen"],
                )
        paper = gr.Textbox("light", visible=False)
    names = [*(one.name for one in shown), "theme"]
    gr.on(
        None if button is None else button.click,  # or at once, and whenever one of them changes
        partial(_followed, idea, names),
        [*widgets, paper],
        [picture, refusal],
        js=_AS_THE_PAGE,
        show_progress="hidden" if idea.quick else "minimal",
        show_progress_on=picture,
        trigger_mode="always_last" if idea.quick else "once",
        concurrency_id="learn",
        api_visibility="private",
    )


def _followed(idea: type[Idea], names: list[str], *held: Any) -> tuple[Any, Any]:
    """The picture at what the widgets hold; or, of what cannot be, the reason, and none anew."""
    try:
        pixels = _drawn(filled(idea, dict(zip(names, held, strict=True))))
    except BadRequest as error:
        return gr.skip(), gr.Markdown(str(error), visible=True)
    return pixels, gr.Markdown(visible=False)


@lru_cache(maxsize=16)  # most who open the page see the same ones first
def _drawn(idea: Idea) -> np.ndarray:
    return idea()
