"""The page: one file a tab."""

import gradio as gr

from muralist.studio.page.compare import compare
from muralist.studio.page.learn import learn
from muralist.studio.page.paint import paint
from muralist.studio.page.shelf import shelf
from muralist.studio.page.shown import first, shown_picture
from muralist.studio.page.theme import CSS, HEAD, THEME
from muralist.studio.page.upscale import upscale
from muralist.studio.studio import Studio

__all__ = ["CSS", "HEAD", "THEME", "page"]


def page(studio: Studio) -> gr.Blocks:
    """Everything that is painted, looked at and kept in a studio.

    To be mounted with `HEAD`, `CSS` and `THEME`, beside `files.routes` and the folder `static`.
    """
    with gr.Blocks(title="muralist", fill_width=True, analytics_enabled=False) as blocks:
        shown = gr.Textbox(visible="hidden", label="the picture that is shown")
        with gr.Row(elem_id="studio"):
            with gr.Column(elem_id="side"):
                gr.HTML(_TITLE, elem_id="title", apply_default_css=False)
                _tabs(studio, shown)
            with gr.Column(elem_id="picture"):
                shown_picture(studio, shown)
        first(blocks, shown)
    return blocks


_TITLE = """
<h1>muralist</h1>
<button type="button" id="shades" aria-label="Light or dark" title="Light or dark"></button>
"""


def _tabs(studio: Studio, shown: gr.Textbox) -> None:
    with gr.Tabs(elem_id="tabs") as tabs:
        with gr.Tab("Paint"):
            paint(studio, shown)
        with gr.Tab("Upscale"):
            upscale(studio, shown)
        with gr.Tab("Gallery") as tab:
            shelf(studio, tabs, tab, shown)
        # `wide` ones take the whole page, without the picture
        with gr.Tab("Compare", elem_classes="wide") as tab:
            compare(studio, tabs, tab)
        with gr.Tab("Learn", elem_classes="wide"):
            learn()
