"""Which method, with its settings, which its dataclass declares."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr
from gradio.components import Component

from muralist.methods import METHODS, method_named
from muralist.settings import settings_of
from muralist.studio.page.event import QUIET
from muralist.studio.page.widgets import filled, widget

__all__ = ["MethodForm", "described", "method_form"]


@dataclass(frozen=True)
class MethodForm:
    """A method, and the widgets of all methods' settings, of which one's are to be seen."""

    method: gr.Dropdown
    settings: Mapping[str, Mapping[str, Component]]  # by method, by name

    @property
    def inputs(self) -> Sequence[Component]:
        theirs = (widget for known in self.settings.values() for widget in known.values())
        return self.method, *theirs

    def asked(self, values: Mapping[Component, Any]) -> dict[str, Any]:
        """Arguments of a request; `BadRequest` names the setting that is out of its range."""
        name = values[self.method]
        kind = method_named(name)
        given = {one: values[widget] for one, widget in self.settings[name].items()}
        return {"method": filled(kind, given)}


def described(name: str) -> str:
    """Whose method it is, and what it does: the first lines of its docstring, as HTML."""
    first, *_ = (inspect.getdoc(method_named(name)) or "").split("\n\n")
    return f'<p class="help">{escape(" ".join(first.split()))}</p>'


def method_form(usual: str = "demofusion") -> MethodForm:
    """A choice of all methods; its settings can be reset together."""
    method = gr.Dropdown([*METHODS], value=usual, label="Method", filterable=False)
    words = gr.HTML(described(usual))
    settings, groups = {}, []
    for name, kind in METHODS.items():
        with gr.Column(visible=name == usual, elem_classes="settings") as group:
            settings[name] = {one.name: widget(one) for one in settings_of(kind)}
            _resets(gr.Button("Reset its settings", size="sm"), [*settings[name].values()])
        groups.append(group)

    def chosen(name: str) -> list[Any]:
        return [described(name), *(gr.update(visible=name == known) for known in METHODS)]

    method.change(chosen, method, [words, *groups], **QUIET)
    return MethodForm(method, settings)


def _resets(button: gr.Button, widgets: Sequence[Component]) -> None:
    usual = [widget.value for widget in widgets]
    button.click(lambda: usual, None, [*widgets], **QUIET)
