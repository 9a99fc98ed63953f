"""Where a picture is dropped: its file goes to the server, which alone reads it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component
from gradio.utils import get_upload_folder

from muralist.photo import Photo
from muralist.studio.page.form import Unsaid, Values
from muralist.studio.uploads import sent

__all__ = ["DropForm", "drop_form"]

_ZONE = """
<label class="drop">
    <input type="file" aria-label="Picture"
        accept="image/jpeg,image/png,image/webp,image/tiff,image/gif,image/avif">
    ${value && value.path
        ? `<img src="${value.url}" alt="" onerror="this.remove()">
            <span class="name">
                ${value.name.replace(/[&<>]/g, (each) => `&#${each.charCodeAt(0)};`)}
            </span>`
        : `<span class="hint">Drop a picture here, or choose one</span>`}
</label>
"""

_SENDING = """
async function send(file) {
    if (!file) return;
    const zone = element.querySelector(".drop");
    zone.classList.add("busy");
    try {
        const { path, url } = await upload(file);
        props.value = { path, url, name: file.name };
        trigger("change");
    } catch (error) {
        zone.classList.remove("busy");
        zone.querySelector("span").textContent = "The server does not take this file";
    }
}
element.addEventListener("change", (event) => send(event.target.files[0]));
element.addEventListener("dragover", (event) => event.preventDefault());
element.addEventListener("drop", (event) => {
    event.preventDefault();
    send(event.dataTransfer.files[0]);
});
"""


@dataclass(frozen=True)
class DropForm:
    """A file that was dropped."""

    zone: gr.HTML

    @property
    def inputs(self) -> Sequence[Component]:
        return (self.zone,)

    def asked(self, values: Values) -> dict[str, Any]:
        return {"image": self.read(values)[0]}

    def read(self, values: Values) -> tuple[Photo, str]:
        """The picture, and what its sender calls it; raises `BadRequest` where it is none."""
        given = values[self.zone]
        if not isinstance(given, dict) or not isinstance(given.get("path"), str):
            raise Unsaid("drop a picture to make larger")
        return _read(given["path"], str(given.get("name") or ""))


_KEPT = 2**26  # pixels: 192 MiB of them
_last: dict[tuple[str, str], tuple[Photo, str]] = {}  # while somebody changes settings


def _read(path: str, name: str) -> tuple[Photo, str]:
    """Keeps the last that is not too large: others are read anew each time."""
    if known := _last.get((path, name)):
        return known
    found = sent(Path(get_upload_folder()), path, name)
    _last.clear()
    if math.prod(found[0].size) <= _KEPT:
        _last[path, name] = found
    return found


def drop_form() -> DropForm:
    """A zone to drop a picture in, or to choose one by."""
    return DropForm(gr.HTML(html_template=_ZONE, js_on_load=_SENDING, apply_default_css=False))
