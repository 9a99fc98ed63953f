"""What the pictures of a comparison differ in: their method, or the value of a setting."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component

from muralist.errors import BadRequest, MuralistError
from muralist.methods import METHODS
from muralist.request import Request
from muralist.request.typed import arguments, varied
from muralist.settings import Setting, settings_of
from muralist.studio.estimate import Effort, Estimate
from muralist.studio.page.event import QUIET
from muralist.studio.page.form import Form, Unsaid, Values
from muralist.studio.page.words import counted, duration, refusal
from muralist.studio.studio import Studio

__all__ = ["Variation", "possible", "variation"]

_METHODS, _VALUES = "Methods", "Values of a setting"
_USUAL = ("pixelsmith", "slider", "4, 12, 20")
_MOST = 16  # values of a setting
# settings of a request that can be varied, beside those of its method
_ASKED = (
    "num_inference_steps",
    "guidance_scale",
    "guidance_rescale",
    "pag_scale",
    "solver",
    "seed",
)


@dataclass(frozen=True)
class Variation:
    """What is common to all pictures, and what each of them has alone."""

    common: Form
    kind: gr.Radio
    methods: gr.CheckboxGroup
    method: gr.Dropdown
    name: gr.Dropdown
    values: gr.Textbox

    @property
    def inputs(self) -> set[Any]:
        """As gradio takes them where a handler is to have their values by widget."""
        return {*self.common.inputs, *self.own}

    @property
    def own(self) -> Sequence[Component]:
        return self.kind, self.methods, self.method, self.name, self.values

    def requests(self, studio: Studio, values: Values) -> dict[str, Request]:
        """What is asked for, by label; `BadRequest` for what cannot be painted here."""
        given: dict[str, Any] = {}
        for piece in self.common.pieces:
            given |= piece.asked(values)
        every = self._varied(given, values, min(_MOST, studio.limits.queue))
        if len(every) < 2:
            raise Unsaid("choose two at least, to compare them")
        return {label: studio.request(**arguments({}, **one)) for label, one in every.items()}

    def effort(self, studio: Studio, values: Values) -> str:
        """What there is to do for all of them, as HTML."""
        return _effort([studio.effort(each) for each in self.requests(studio, values).values()])

    def memory(self, studio: Studio, values: Values) -> str:
        """What they take, as HTML."""
        requests = self.requests(studio, values)
        return _memory({label: studio.estimate(each) for label, each in requests.items()})

    def _varied(
        self, given: Mapping[str, Any], values: Values, most: int
    ) -> dict[str, dict[str, Any]]:
        if values[self.kind] == _METHODS:
            return varied(given, "method", values[self.methods])
        texts = [text for text in (values[self.values] or "").split(",") if text.strip()]
        if len(texts) > most:
            raise BadRequest(f"{len(texts)} values are too many; {most} at most are compared")
        return varied({**given, "method": values[self.method]}, values[self.name], texts)


def possible(model: str) -> list[str]:
    """The methods that a model is enough for, as they are by default."""
    found = []
    for name, kind in METHODS.items():
        with suppress(MuralistError):
            Request(model=model, method=kind())
            found.append(name)
    return found


def variation(common: Form, model: gr.Dropdown) -> Variation:
    """A choice of methods, or of one with a setting and its values."""
    usual, name, texts = _USUAL
    fit = possible(str(model.value))
    kind = gr.Radio([_METHODS, _VALUES], value=_METHODS, label="What differs")
    methods = gr.CheckboxGroup(fit, value=fit, label=_METHODS)
    with gr.Column(visible=False, elem_classes="settings") as group:
        with gr.Row(elem_classes="pair"):
            method = gr.Dropdown(fit, value=usual, label="Method", filterable=False)
            setting = gr.Dropdown(_names(usual), value=name, label="Setting", filterable=False)
        values = gr.Textbox(texts, label="Values, with commas", info=_help(usual, name))

    def chosen(kind: str) -> list[Any]:
        return [gr.update(visible=kind == _METHODS), gr.update(visible=kind == _VALUES)]

    def of_model(model: str, ticked: list[str], method: str) -> list[Any]:
        fit = possible(model)
        stay = [one for one in ticked if one in fit] or fit
        one = method if method in fit else next(iter(fit), None)
        return [gr.update(choices=fit, value=stay), gr.update(choices=fit, value=one)]

    def of_method(method: str, name: str) -> Any:
        names = _names(method)
        return gr.update(choices=names, value=name if name in names else names[0])

    def of_setting(method: str, name: str) -> Any:
        return gr.update(info=_help(method, name))

    kind.change(chosen, kind, [methods, group], **QUIET)
    model.change(of_model, [model, methods, method], [methods, method], **QUIET)
    method.change(of_method, [method, setting], setting, **QUIET)
    gr.on([method.change, setting.change], of_setting, [method, setting], values, **QUIET)
    return Variation(common, kind, methods, method, setting, values)


def _settings(method: str) -> dict[str, Setting]:
    of_request = {one.name: one for one in settings_of(Request)}
    own = {one.name: one for one in settings_of(METHODS[method])}
    return own | {name: of_request[name] for name in _ASKED}


def _names(method: str) -> list[str]:
    return list(_settings(method))


def _help(method: str, name: str) -> str:
    """What a setting means, and its range; nothing of one that the method does not have."""
    known = _settings(method).get(name)
    return "" if known is None else f"{known.help}: {known.allowed}"


def _effort(every: Sequence[Effort]) -> str:
    evaluations = sum(one.evaluations for one in every)
    known = [one.seconds for one in every if one.seconds is not None]
    time = f"About {duration(sum(known))}" if len(known) == len(every) else _UNTIMED
    line = f"{len(every)} pictures. {evaluations:,} evaluations together. {time}."
    return f'<p class="cost">{line}</p>'


_UNTIMED = "Time is known once this model has painted here"


def _memory(every: Mapping[str, Estimate]) -> str:
    """The bytes of the largest, and the disk that all take; in red where one does not fit."""
    for label, one in every.items():
        if one.short is not None:
            return refusal(f"This will not fit: {label} {one.short}.")
    device = max(one.device_bytes for one in every.values())
    host = max(one.host_bytes for one in every.values())
    disk = sum(one.disk_bytes for one in every.values())
    return (
        f'<p class="cost">{counted(device)} on the device, {counted(host)} in memory,'
        f" {counted(disk)} of disk.</p>"
    )
