"""The tab with all pictures that somebody may see, as cards."""

import json
from collections.abc import Sequence
from html import escape
from typing import Any

import gradio as gr

from muralist.studio.owner import owner
from muralist.studio.page.event import QUIET, while_open
from muralist.studio.page.spoken import spoken
from muralist.studio.scene import version
from muralist.studio.studio import Studio
from muralist.studio.work import Work

__all__ = ["card_of", "cards", "shelf"]

_MOST = 200  # cards: older pictures are found by their addresses
_STATES = {
    "queued": "waiting",
    "painting": "painting",
    "proposed": "base picture",
    "stopped": "stopped",
    "failed": "failed",
    "done": "",
}

# One listener for all cards, which come and go.
_CLICKS = """
element.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-work]");
    if (!button) return;
    const gone = button.dataset.act === "remove";
    if (gone && !confirm("Delete this picture with all its files?")) return;
    trigger(gone ? "delete" : "select", { work: button.dataset.work });
});
"""


def card_of(work: Work) -> str:
    """A thumbnail with its state, prompt and size, as HTML: a button that opens, one to delete."""
    record, (width, height) = work.record, work.size
    prompt = escape(record.settings.get("prompt") or record.image_name or "a picture")
    state = _STATES.get(record.state, record.state)
    badge = f'<span class="badge {record.state}">{state}</span>' if state else ""
    return (
        f'<li><button type="button" class="open" data-work="{work.id}" data-act="open">'
        f'{_thumbnail(work)}{badge}<span class="prompt">{prompt}</span>'
        f'<span class="size">{width}x{height}</span></button>'
        f'<button type="button" class="remove" data-work="{work.id}" data-act="remove"'
        f' aria-label="Delete {prompt}" title="Delete">&times;</button></li>'
    )


def _thumbnail(work: Work) -> str:
    try:
        address = f"/works/{work.id}/thumbnail.jpg?v={version(work.thumbnail)}"
    except FileNotFoundError:
        return '<span class="thumb empty"></span>'
    return f'<img class="thumb" src="{address}" alt="" loading="lazy">'


def cards(works: Sequence[Work]) -> str:
    """All of them, as HTML."""
    if not works:
        return '<p class="help">Pictures that you paint are kept here.</p>'
    left = len(works) - _MOST
    more = f'<p class="help">{left} older ones are not shown.</p>' if left > 0 else ""
    return f'<ul class="cards">{"".join(map(card_of, works[:_MOST]))}</ul>{more}'


def shelf(studio: Studio, tabs: gr.Tabs, tab: gr.Tab, shown: gr.Textbox) -> None:
    """Fills the tab. What is opened becomes the picture that is `shown`; all is looked up anew
    every two seconds while the tab is open.
    """
    found = gr.HTML(cards([]), js_on_load=_CLICKS, elem_classes="shelf", apply_default_css=False)
    seen = gr.Textbox(visible="hidden", label="what is on the shelf")

    @spoken
    def look(before: str, request: gr.Request) -> Any:
        works = studio.works(owner(request))
        now = json.dumps([[work.id, work.record.state, _stamp(work)] for work in works[:_MOST]])
        digest = f"{len(works)} {hash(now)}"
        return (gr.skip(), gr.skip()) if digest == before else (cards(works), digest)

    @spoken
    def remove(before: str, request: gr.Request, event: gr.EventData) -> Any:
        studio.remove(studio.work(event.work, owner(request)))
        return look(before, request)

    def open(event: gr.EventData) -> str:
        return event.work

    while_open(tabs, tab, 2.0, fn=look, inputs=seen, outputs=[found, seen], **QUIET)
    found.select(open, None, shown, **QUIET)
    found.delete(remove, seen, [found, seen], **QUIET)


def _stamp(work: Work) -> str:
    try:
        return version(work.thumbnail)
    except FileNotFoundError:
        return ""
