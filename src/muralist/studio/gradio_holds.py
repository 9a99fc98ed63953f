"""What the studio holds on to in Gradio 6.31 that Gradio promises nobody.

Whoever takes a later release looks here first.
"""

from collections.abc import Mapping
from typing import Any, NoReturn

import gradio as gr
from fastapi import FastAPI
from gradio import processing_utils

__all__ = ["closed", "mounted", "name_of", "unoffered"]


def unoffered(page: gr.Blocks) -> None:
    """Takes the events that a page has out of its API, where their names would be taken."""
    for event in page.fns.values():
        event.api_name, event.api_visibility = f"page_{event._id}", "private"


def closed(page: gr.Blocks) -> None:
    """Lets requests name no file but what was uploaded, and no other site.

    Gradio looks where a file that is named lies only once it has launched, which `launch` says and
    mounting does not. What is at an address it would fetch, of any size.
    """
    page.has_launched = True
    processing_utils.async_ssrf_protected_get = _fetched


async def _fetched(url: str) -> NoReturn:
    raise gr.Error(f"nothing is fetched from {url[:200]}; upload the image", print_exception=False)


def mounted(app: FastAPI) -> Any:
    """Gradio's own app, right after it was mounted in ours."""
    return app.routes[-1].app  # type: ignore[attr-defined]


def name_of(gradio: Any, cookies: Mapping[str, str]) -> str | None:
    """Whose login cookies carry: nobody's is None, and no name where nobody has to log in."""
    if gradio.auth is None:
        return ""
    names = (f"access-token-{gradio.cookie_id}", f"access-token-unsecure-{gradio.cookie_id}")
    tokens = (cookies.get(name) for name in names)
    return next((gradio.tokens[token] for token in tokens if token in gradio.tokens), None)
