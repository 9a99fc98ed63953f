"""The picture that is shown: viewer, how it stands, what can be done with it, and how it was made.

Nothing is remembered on the server: what is shown, and what of it has been told, are widgets of
the page. So a page goes on after a restart, the server's or its own.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import gradio as gr
from gradio.components import Component

from muralist.studio.gallery import NotThere
from muralist.studio.owner import owner
from muralist.studio.page.event import QUIET
from muralist.studio.page.look import (
    Choice,
    bar,
    besides,
    downloads,
    layers,
    newest,
    reasons,
    scene,
)
from muralist.studio.page.spoken import spoken
from muralist.studio.scene import Scene
from muralist.studio.spelled import as_command, as_python
from muralist.studio.studio import Studio
from muralist.studio.work import OPEN, Work

__all__ = ["first", "nothing", "shown_picture", "told"]

_SEEDS = 2**31
_CODE: dict[str, Any] = {
    "interactive": False,
    "wrap_lines": True,
    "show_line_numbers": False,
    "lines": 1,
    "buttons": ["copy"],
}

# `?work=ID`, and what is wiped to beside it: `&beside=ID/LAYER`
_OPEN = """
() => {
    const asked = new URLSearchParams(location.search);
    return [asked.get("work"), asked.get("beside")].filter(Boolean).join("/");
}
"""
_NAME = """
(id) => {
    const address = new URL(location);
    if (id.includes("/")) return;
    if (id) address.searchParams.set("work", id); else address.searchParams.delete("work");
    address.searchParams.delete("beside");
    history.replaceState(null, "", address);
    const stacked = matchMedia("(max-width: 860px)").matches;
    if (id && stacked) document.getElementById("picture").scrollIntoView();
}
"""
_SHOW = """
muralist.show(props.value);
watch("value", () => muralist.show(props.value));
"""
_SURE = "(id) => [confirm('Delete this picture with all its files?') ? id : '']"


def nothing() -> dict[str, Any]:
    """What the page says, by its widgets' names, while no picture is shown."""
    hidden = ("stop", "go_on", "another", "tools")
    return {
        "state": bar(None, None),
        **{name: gr.update(visible=False) for name in hidden},
        "scene": Scene().to_json(),
    }


def told(
    studio: Studio, who: str, work: Work, choice: Choice, new: bool, wanted: str = ""
) -> dict[str, Any]:
    """What the page says of a picture, by its widgets' names. Where it is `new`, or its newest
    layer is, that layer is shown, whatever was chosen, beside what is `wanted`.
    """
    status, request = studio.status(work), work.request
    known, others, causes = layers(work, status), besides(studio, who, work), reasons(work)
    chosen: dict[str, Any] = {}
    if new or choice.layer not in _values(known):
        choice = replace(choice, layer=newest(known), beside=wanted, reason="")
        chosen = {"value": choice.layer}
    if gone := choice.beside not in _values(others):  # deleted, here or by somebody else
        choice = replace(choice, beside="")
    stays: dict[str, Any] = {"value": ""} if chosen else {}
    kept: dict[str, Any] = {"value": choice.beside} if chosen or gone else {}
    state = status.state
    image = work.record.image_name or "image.png"
    return {
        "state": bar(work, status),
        "stop": gr.update(visible=state in OPEN),
        "go_on": gr.update(visible=state in ("proposed", "stopped", "failed")),
        "another": gr.update(visible=state in ("proposed", "done")),
        "tools": gr.update(visible=True),
        "layer": gr.update(choices=known, **chosen),
        "beside": gr.update(choices=others, **kept),
        "reason": gr.update(choices=causes, visible=len(causes) > 1, **stays),
        "stage": gr.update(maximum=work.stages),
        "step": gr.update(maximum=request.steps),
        "downloads": downloads(work, choice.layer),
        "command": as_command(request, image),
        "python": as_python(request, image),
        "scene": scene(studio, who, work, choice).to_json(),
    }


def _values(choices: list[tuple[str, str]]) -> list[str]:
    return [value for _, value in choices]


def _digest(value: Any) -> str:
    return f"{hash(json.dumps(value, sort_keys=True, default=str)) & 0xFFFFFFFF:x}"


def shown_picture(studio: Studio, shown: gr.Textbox) -> None:
    """Builds it all, and keeps it as the picture `shown`, an id, is: once a second, and at once
    where something is chosen.
    """
    viewer = gr.HTML(
        Scene().to_json(),
        html_template='<div id="muralist-viewer"></div>',  # the viewer's own from then on
        js_on_load=_SHOW,
        elem_id="stage",
        apply_default_css=False,
    )
    widgets = {**_bar(), **_tools(), "scene": viewer}
    seen = gr.Textbox(visible="hidden", label="what the page was told")

    @spoken
    def look(
        id: str,
        seen_: str | None,
        layer: str | None,
        beside: str | None,
        views: bool,
        stage: float,
        step: float,
        reason: str | None,
        request: gr.Request,
    ) -> Any:
        choice = Choice(
            layer=layer or "",
            beside=beside or "",
            views=views,
            stage=int(stage),
            step=int(step),
            reason=reason or "",
        )
        known, who = json.loads(seen_ or "{}"), owner(request)
        id, _, wanted = id.partition("/")
        try:
            work = studio.work(id, who) if id else None
        except NotThere:
            return {shown: ""}
        of = work and [work.id, newest(layers(work, studio.status(work)))]
        new = bool(wanted) or of != known.get("of")
        now = told(studio, who, work, choice, new, wanted) if work else nothing()
        marks = {name: _digest(value) for name, value in now.items()}
        news = {widgets[name]: now[name] for name in now if marks[name] != known.get(name)}
        if not news:
            return gr.skip()
        return {**news, seen: json.dumps(marks | {"of": of}), **({shown: id} if wanted else {})}

    chosen = [widgets[name] for name in ("layer", "beside", "views", "stage", "step", "reason")]
    looking: dict[str, Any] = {
        "fn": look,
        "inputs": [shown, seen, *chosen],
        "outputs": [shown, seen, *widgets.values()],
        **QUIET,
    }
    gr.Timer(1.0).tick(**looking)
    gr.on(
        [shown.change, *(widget.change for widget in chosen)], trigger_mode="always_last", **looking
    )
    shown.change(None, shown, None, js=_NAME, **QUIET)
    _acting(studio, shown, widgets, looking)


def _bar() -> dict[str, Component]:
    """How the picture stands, and what can be done with it."""
    with gr.Row(elem_id="bar"):
        state = gr.HTML(bar(None, None), elem_id="state", apply_default_css=False)
        buttons = {
            "go_on": gr.Button("Go on", variant="primary", size="sm", visible=False),
            "another": gr.Button("Another seed", size="sm", visible=False),
            "stop": gr.Button("Stop", size="sm", visible=False),
        }
    return {"state": state, **buttons}


def _tools() -> dict[str, Any]:
    """What of the picture is seen, and what is to be had of it: folds that open over it."""
    with gr.Row(elem_id="tools", visible=False) as tools:
        layer = gr.Dropdown([], label="Show", filterable=False, elem_classes="plain")
        beside = gr.Dropdown(
            [("Nothing", "")], value="", label="Wipe to", filterable=False, elem_classes="plain"
        )
        with gr.Accordion("Views", open=False, elem_classes="fold"):
            views = gr.Checkbox(False, label="Draw the views of a step")
            stage = gr.Slider(1, 2, 1, step=1, label="Stage")
            step = gr.Slider(1, 50, 1, step=1, label="Step")
        reason = gr.Dropdown(
            [("None", "")],
            value="",
            label="Words",
            filterable=False,
            visible=False,
            elem_classes="plain",
        )
        with gr.Accordion("Download", open=False, elem_classes="fold"):
            files = gr.HTML(apply_default_css=False)
        with gr.Accordion("Settings", open=False, elem_classes="fold wide"):
            command = gr.Code(language="shell", label="Command line", **_CODE)
            python = gr.Code(language="python", label="Python", **_CODE)
        remove = gr.Button("Delete", size="sm", elem_id="remove")
    return {
        "tools": tools,
        "layer": layer,
        "beside": beside,
        "views": views,
        "stage": stage,
        "step": step,
        "reason": reason,
        "downloads": files,
        "command": command,
        "python": python,
        "remove": remove,
    }


def _acting(
    studio: Studio, shown: gr.Textbox, widgets: Mapping[str, Any], looking: Mapping[str, Any]
) -> None:
    """What the buttons do; after it the page is looked at anew."""

    @spoken
    def stop(id: str, request: gr.Request) -> None:
        studio.stop(studio.work(id, owner(request)))

    @spoken
    def go_on(id: str, request: gr.Request) -> None:
        studio.go_on(studio.work(id, owner(request)))

    @spoken
    def another(id: str, request: gr.Request) -> str:
        who = owner(request)
        return studio.another(studio.work(id, who), who, secrets.randbelow(_SEEDS)).id

    @spoken
    def remove(id: str, request: gr.Request) -> Any:
        if not id:
            return gr.skip()
        studio.remove(studio.work(id, owner(request)))
        return ""

    widgets["stop"].click(stop, shown, None, **QUIET).then(**looking)
    widgets["go_on"].click(go_on, shown, None, **QUIET).then(**looking)
    widgets["another"].click(another, shown, shown, **QUIET)
    widgets["remove"].click(remove, shown, shown, js=_SURE, **QUIET)


def first(blocks: gr.Blocks, shown: gr.Textbox) -> None:
    """Shows what the address names, when the page is opened."""
    blocks.load(None, None, shown, js=_OPEN, **QUIET)
